"""Is this steward who they say? Password and, where the account has a secret for it, a one-time password.

The command line stands behind a login of the machine; this is the program's own check on top, so that every
action has a person's name. Five failures in a row close the account's door for fifteen minutes.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from functools import cache
from uuid import UUID

import argon2
from psycopg import Connection

from gateway.audit.record import AuditEntry, record
from gateway.auth.accounts import totp_context
from gateway.core.access import Role
from gateway.core.clock import Clock
from gateway.core.errors import Forbidden, GatewayError, TooMany, Unauthenticated
from gateway.store.database import Database, Row
from gateway.store.sql import queries
from gateway.store.vault import Vault

_MOST_FAILURES = 5
_STEP_SECONDS = 30
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Steward:
    """A steward who proved to be it; made here only."""

    account_id: UUID
    username: str


def authenticate(
    database: Database,
    vault: Vault,
    clock: Clock,
    jurisdiction: str,
    *,
    username: str,
    password: str,
    code: str,
    interaction: str,
) -> Steward:
    """Return the steward. `code` is a one-time password, empty where the account has none.

    A refusal is audited under the `interaction` that was wanted. Raises Unauthenticated without saying what
    was wrong, Forbidden for an account of another role, TooMany.
    """
    with database.connection() as connection:
        row = connection.execute(_sql("steward_secrets"), {"username": username}).fetchone()
        account = None if row is None else _Account(*row)
        try:
            _check(connection, vault, clock, username, account, password, code)
        except GatewayError as error:
            # A name that nobody has is not kept: it may be a password in the wrong place.
            refused = AuditEntry(
                jurisdiction=jurisdiction,
                outcome="refused",
                interaction=interaction,
                reason=error.public,
                account_id=account.account_id if account else None,
            )
            record(connection, refused)
            raise
    assert account is not None
    return Steward(account.account_id, username)


@dataclass(frozen=True, slots=True)
class _Account:
    account_id: UUID
    role: str
    password_hash: str = field(repr=False)
    totp_encrypted: bytes | None = field(repr=False)
    active: bool


def _check(
    connection: Connection[Row],
    vault: Vault,
    clock: Clock,
    username: str,
    account: _Account | None,
    password: str,
    code: str,
) -> None:
    key = {"key_hash": vault.keyed_hash("steward-sign-in", username)}
    failed = connection.execute(_sql("failures"), key).fetchone()
    if failed is not None and failed[0] >= _MOST_FAILURES:
        raise TooMany("Too many failed attempts for this account: wait a quarter of an hour.")
    # A name that nobody has takes as long as a wrong password.
    good = _password_is(account.password_hash if account else _nobodys(), password)
    if account is None or not account.active:
        good = False
    elif good and account.totp_encrypted is not None:
        secret = vault.decrypt(bytes(account.totp_encrypted), totp_context(account.account_id))
        step = int(clock.now().timestamp()) // _STEP_SECONDS
        good = _spend(connection, account.account_id, secret, code, step)
    if not good:
        connection.execute(_sql("add_failure"), key)
        raise Unauthenticated("The steward could not be authenticated.")
    connection.execute(_sql("forget_failures"), key)
    if account is not None and account.role != Role.STEWARD.value:
        raise Forbidden("This account is not a steward's.")


def one_time_password(secret: bytes, step: int) -> str:
    """Return the six digits of time step `step` (RFC 6238 with HMAC-SHA-1; RFC 4226 section 5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    start = digest[-1] & 0xF
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**_DIGITS:0{_DIGITS}}"


def _password_is(kept: str, password: str) -> bool:
    try:
        return argon2.PasswordHasher().verify(kept, password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False


def _spend(connection: Connection[Row], account_id: UUID, secret: bytes, code: str, now: int) -> bool:
    """Return whether `code` is good now, or one step earlier or later, and was not used before."""
    for step in (now, now - 1, now + 1):
        if hmac.compare_digest(one_time_password(secret, step).encode(), code.encode()):
            spent = {"account_id": account_id, "step": step}
            return connection.execute(_sql("spend_totp"), spent).fetchone() is not None
    return False


@cache
def _nobodys() -> str:
    """Return the hash of a password that nobody knows."""
    return argon2.PasswordHasher().hash(secrets.token_urlsafe())


def _sql(name: str) -> str:
    return queries("stewardship.sql")[name]
