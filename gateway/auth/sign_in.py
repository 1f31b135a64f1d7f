"""Signing in with username, password and, where the account has one, a one-time code.

What went wrong is told alike whether the account exists or not, and takes as long. Guessing is slowed by a
delay that grows with the failures of one account from one address, and of one address over all accounts, up
to a minute: nobody is locked out, and nobody can lock out another from elsewhere (NIST SP 800-63B section
5.2.2). An attempt counts before it is looked at, so that parallel guesses see each other; a good one is
taken back.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

import argon2

from gateway.auth import totp
from gateway.auth.accounts import totp_context
from gateway.core.clock import Clock
from gateway.store import sessions
from gateway.store.database import Database
from gateway.store.sessions import Credentials
from gateway.store.vault import Vault

#: RFC 8176.
PASSWORD, ONE_TIME_CODE = "pwd", "otp"

_FREE = 3
_LONGEST_WAIT = 60
#: Of one address, whatever the accounts: many users may share one.
_FREE_OF_ADDRESS = 50
_FORGOTTEN = dt.timedelta(hours=1)
_LONGEST = 1024


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
) -> SignedIn | Refused:
    """Return who signs in, or a refusal. `address`: where the request came from.

    `second_factor` is the deployment's rule: `enrolled`, `required` or `off`. Raises Unavailable.
    """
    now = clock.now()
    pair, source = _keys(vault, username, address)
    with database.transaction() as connection:
        sessions.lock_sign_in(connection, pair)
        wait = _wait(sessions.failures(connection, [pair, source]), pair, source, now)
        if wait:
            return Refused(wait)
        sessions.count_failure(connection, [pair, source], now=now, forgotten=now - _FORGOTTEN)
        found = sessions.credentials(connection, username) if len(username) <= _LONGEST else None
    # Outside of any transaction: an Argon2 hash takes its time.
    signed_in = _proved(database, vault, found, password, code, now, second_factor)
    with database.transaction() as connection:
        if signed_in is None:
            counted = sessions.failures(connection, [pair, source])
            return Refused(_wait(counted, pair, source, now))
        sessions.forget_failures(connection, pair)
        sessions.take_back_failure(connection, source)
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
    hasher = argon2.PasswordHasher()
    kept = found.password_hash if found is not None else _nobody()
    try:
        hasher.verify(kept, password[:_LONGEST])
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return None
    if found is None or len(password) > _LONGEST:
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
        if hasher.check_needs_rehash(kept):
            sessions.renew_password_hash(connection, found.account_id, old=kept, new=hasher.hash(password))
    return SignedIn(found.account_id, methods)


def _keys(vault: Vault, username: str, address: str) -> tuple[bytes, bytes]:
    """Return what failures are counted under: this account from this address, and this address."""
    name = username[:_LONGEST].lower()
    return vault.keyed_hash("sign-in", f"{name}\0{address}"), vault.keyed_hash("sign-in-address", address)


def _wait(counted: dict[bytes, tuple[int, dt.datetime]], pair: bytes, source: bytes, now: dt.datetime) -> int:
    waits = [0.0]
    for key, free in ((pair, _FREE), (source, _FREE_OF_ADDRESS)):
        failures, last = counted.get(key, (0, now))
        if failures >= free and now - last < _FORGOTTEN:
            seconds = min(2.0 ** min(failures - free + 1, 10), _LONGEST_WAIT)
            waits.append(seconds - (now - last).total_seconds())
    return max(0, -int(-max(waits) // 1))


@lru_cache(maxsize=1)
def _nobody() -> str:
    """Return a hash that no password fits, as costly as an account's."""
    return argon2.PasswordHasher().hash("nobody has this password, and no account this hash")
