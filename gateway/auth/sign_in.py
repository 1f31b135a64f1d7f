"""Signing in with username, password and, where the account has one, a one-time code.

What went wrong is told alike whether the account exists or not, and takes as long. Guessing is slowed by
delays that grow with failures (NIST SP 800-63B section 5.2.2): of one account from one address, of one
address over all accounts, and of one account over all addresses. None is longer than a minute, none is a
lock, and a browser that the account signed in with before has a delay of its own: no stranger shuts an owner
out. An attempt counts before it is looked at, so that parallel guesses see each other; a good one is taken
back. One that comes too early is not looked at and does not count.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from uuid import UUID

from gateway.auth import passwords, totp
from gateway.auth.accounts import totp_context
from gateway.auth.known_browser import KnownBrowser
from gateway.core.clock import Clock
from gateway.store import sessions
from gateway.store.database import Database
from gateway.store.sessions import Credentials
from gateway.store.vault import Vault

#: RFC 8176.
PASSWORD, ONE_TIME_CODE = "pwd", "otp"

_LONGEST_WAIT = 60
_FORGOTTEN = dt.timedelta(hours=1)
_LONGEST = 1024


@dataclass(frozen=True, slots=True)
class _Counter:
    """What failures are counted under: how many are free, and the longest wait after more, in seconds."""

    key: bytes
    free: int
    longest: int


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who signed in, and how."""

    account_id: UUID
    methods: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """Not signed in; `wait_seconds`: how long no further try is looked at."""

    wait_seconds: int = 0


def check(
    database: Database,
    clock: Clock,
    vault: Vault,
    *,
    username: str,
    password: str,
    code: str,
    address: str,
    second_factor: str,
    browser: KnownBrowser | None = None,
) -> SignedIn | Refused:
    """Return who signs in, or a refusal. `address`: where the request came from; `browser`: what it shows.

    `second_factor` is the deployment's rule: `enrolled`, `required` or `off`. Raises Unavailable.
    """
    now = clock.now()
    with database.transaction() as connection:
        possible = username.isprintable() and len(username) <= _LONGEST
        found = sessions.credentials(connection, username) if possible else None
        counters = _counters(vault, found, username, address, browser)
        keys = [counter.key for counter in counters]
        # In one order everywhere: no two attempts wait for each other.
        for key in keys:
            sessions.lock_sign_in(connection, key)
        wait = _wait(sessions.failures(connection, keys), counters, now)
        if wait:
            return Refused(wait)
        sessions.count_failure(connection, keys, now=now, forgotten=now - _FORGOTTEN)
    # Outside of any transaction: an Argon2 hash takes its time.
    signed_in = _proved(database, vault, found, password, code, now, second_factor)
    with database.transaction() as connection:
        if signed_in is None:
            return Refused(_wait(sessions.failures(connection, keys), counters, now))
        own, *shared = keys
        sessions.forget_failures(connection, own)
        for key in shared:
            sessions.take_back_failure(connection, key)
    return signed_in


def _proved(
    database: Database,
    vault: Vault,
    found: Credentials | None,
    password: str,
    code: str,
    now: dt.datetime,
    second_factor: str,
) -> SignedIn | None:
    """Return who it is, when everything fits; the same work is done when nobody is found."""
    if not passwords.fits(found.password_hash if found else None, password) or found is None:
        return None
    if second_factor == "required" and found.totp_encrypted is None:
        return None
    methods: tuple[str, ...] = (PASSWORD,)
    with database.connection() as connection:
        if found.totp_encrypted is not None and second_factor != "off":
            secret = vault.decrypt(bytes(found.totp_encrypted), totp_context(found.account_id))
            step = totp.step_of(secret, code, now.timestamp())
            if step is None or not sessions.spend_totp_step(connection, found.account_id, step):
                return None
            methods = (PASSWORD, ONE_TIME_CODE)
        renewed = passwords.renewed(found.password_hash, password)
        if renewed is not None:
            sessions.renew_password_hash(connection, found.account_id, old=found.password_hash, new=renewed)
    return SignedIn(found.account_id, methods)


def _counters(
    vault: Vault, found: Credentials | None, username: str, address: str, browser: KnownBrowser | None
) -> list[_Counter]:
    """Return what this attempt counts under: first what a good one clears, then what others share."""
    if browser is not None and found is not None and browser.account_id == found.account_id:
        return [_Counter(vault.keyed_hash("sign-in-browser", browser.mark.hex()), 3, _LONGEST_WAIT)]
    name = username[:_LONGEST].lower()
    return [
        _Counter(vault.keyed_hash("sign-in", f"{name}\0{address}"), 3, _LONGEST_WAIT),
        # Many users may share an address.
        _Counter(vault.keyed_hash("sign-in-address", address), 50, _LONGEST_WAIT),
        # From many addresses at once; short, because the owner may be at a new browser just now.
        _Counter(vault.keyed_hash("sign-in-account", name), 30, 10),
    ]


def _wait(counted: dict[bytes, tuple[int, dt.datetime]], counters: list[_Counter], now: dt.datetime) -> int:
    """Return how many seconds no attempt is looked at: doubling from the first that is not free."""
    longest = 0.0
    for counter in counters:
        failures, last = counted.get(counter.key, (0, now))
        if failures >= counter.free and now - last < _FORGOTTEN:
            seconds = min(2.0 ** min(failures - counter.free + 1, 10), counter.longest)
            longest = max(longest, seconds - (now - last).total_seconds())
    return max(0, math.ceil(longest))
