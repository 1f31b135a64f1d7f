"""Is this steward who they say? Password and, where the account has a secret for it, a one-time password.

The command line stands behind a login of the machine; this is the program's own check on top, so that every
action has a person's name. Five failures in a row close the account's door for fifteen minutes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from psycopg import Connection

from gateway.audit.record import AuditEntry, record
from gateway.auth import passwords, totp
from gateway.auth.accounts import totp_context
from gateway.core.access import Role
from gateway.core.clock import Clock
from gateway.core.errors import Forbidden, GatewayError, TooMany, Unauthenticated
from gateway.store import sessions
from gateway.store.database import Database, Row
from gateway.store.sql import queries
from gateway.store.vault import Vault

_MOST_FAILURES = 5


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
    good = passwords.fits(account.password_hash if account else None, password)
    if account is None or not account.active:
        good = False
    elif good and account.totp_encrypted is not None:
        secret = vault.decrypt(bytes(account.totp_encrypted), totp_context(account.account_id))
        step = totp.step_of(secret, code, clock.now().timestamp())
        good = step is not None and sessions.spend_totp_step(connection, account.account_id, step)
    if not good:
        connection.execute(_sql("add_failure"), key)
        raise Unauthenticated("The steward could not be authenticated.")
    connection.execute(_sql("forget_failures"), key)
    if account is not None and account.role != Role.STEWARD.value:
        raise Forbidden("This account is not a steward's.")


def _sql(name: str) -> str:
    return queries("stewardship.sql")[name]
