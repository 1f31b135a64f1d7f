"""Accounts of practitioners, pharmacists and delegates: rows of `account` as values, and their statements."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from uuid import UUID

from psycopg import Connection

from gateway.store import sessions
from gateway.store.database import Row
from gateway.store.sql import queries

_FILE = "access.sql"


@dataclass(frozen=True, slots=True)
class Account:
    """One account, without its secrets."""

    account_id: UUID
    username: str
    role: str
    given_name: str
    family_name: str
    npi: str | None
    dea: str | None
    license: str | None
    organizations: tuple[str, ...]
    has_totp: bool
    created_at: dt.datetime
    disabled_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What is written for an account; the password as an Argon2 hash, the TOTP secret encrypted."""

    account_id: UUID
    username: str
    role: str
    given_name: str
    family_name: str
    npi: str | None
    dea: str | None
    license: str | None
    organizations: tuple[str, ...]
    password_hash: str = field(repr=False)
    totp_encrypted: bytes | None = field(repr=False)


def find(connection: Connection[Row], username: str) -> Account | None:
    """Return the account, disabled or not, or None."""
    row = connection.execute(queries(_FILE)["account"], {"username": username}).fetchone()
    return _account(row) if row else None


def all_accounts(connection: Connection[Row]) -> list[Account]:
    """Return every account by username."""
    return [_account(row) for row in connection.execute(queries(_FILE)["accounts"]).fetchall()]


def add(connection: Connection[Row], account: NewAccount) -> bool:
    """Return whether it was added; False: the username is taken. Raises UniqueViolation on an identifier."""
    return _write(connection, "add_account", account)


def replace(connection: Connection[Row], account: NewAccount) -> bool:
    """Return whether an account of that username was rewritten. Raises UniqueViolation on an identifier."""
    return _write(connection, "replace_account", account)


def disable(connection: Connection[Row], username: str) -> bool:
    """Return whether there is such an account; tokens that act for it are revoked, its sessions ended."""
    row = connection.execute(queries(_FILE)["disable_account"], {"username": username}).fetchone()
    if row is None:
        return False
    connection.execute(queries(_FILE)["revoke_tokens_of_account"], {"account_id": row[0]})
    sessions.end_all(connection, row[0])
    return True


def _write(connection: Connection[Row], statement: str, account: NewAccount) -> bool:
    values = {name: getattr(account, name) for name in NewAccount.__slots__}
    values["organizations"] = list(account.organizations)
    return connection.execute(queries(_FILE)[statement], values).fetchone() is not None


def _account(row: Row) -> Account:
    return Account(*(*row[:8], tuple(row[8]), *row[9:]))
