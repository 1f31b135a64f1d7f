"""Browser sessions, credentials, failed sign-ins and delegations: their rows as values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from psycopg import Connection

from gateway.store.database import Row
from gateway.store.sql import queries

_FILE = "sessions.sql"


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session that goes on, and whose it is."""

    session_hash: bytes = field(repr=False)
    account_id: UUID
    username: str
    display_name: str
    role: str
    methods: tuple[str, ...]
    auth_time: dt.datetime
    last_seen_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a sign-in is checked against."""

    account_id: UUID
    password_hash: str = field(repr=False)
    totp_encrypted: bytes | None = field(repr=False)


def start(
    connection: Connection[Row],
    session_hash: bytes,
    account_id: UUID,
    *,
    methods: Sequence[str],
    now: dt.datetime,
    expires_at: dt.datetime,
) -> None:
    """Record a session that begins now."""
    values = {"session_hash": session_hash, "account_id": account_id, "methods": list(methods)}
    connection.execute(queries(_FILE)["start_session"], values | {"now": now, "expires_at": expires_at})


def find(
    connection: Connection[Row], session_hash: bytes, *, now: dt.datetime, idle_since: dt.datetime
) -> StoredSession | None:
    """Return the session if it goes on and was seen after `idle_since`, or None."""
    values = {"session_hash": session_hash, "now": now, "idle_since": idle_since}
    row = connection.execute(queries(_FILE)["session"], values).fetchone()
    return StoredSession(*(*row[:5], tuple(row[5]), *row[6:])) if row else None


def see(connection: Connection[Row], session_hash: bytes, now: dt.datetime) -> None:
    """Record that the session was used."""
    connection.execute(queries(_FILE)["see_session"], {"session_hash": session_hash, "now": now})


def end(connection: Connection[Row], session_hash: bytes) -> None:
    """End a session."""
    connection.execute(queries(_FILE)["end_session"], {"session_hash": session_hash})


def end_all(connection: Connection[Row], account_id: UUID) -> None:
    """End every session of an account."""
    connection.execute(queries(_FILE)["end_sessions_of_account"], {"account_id": account_id})


def purge(connection: Connection[Row]) -> None:
    """Delete sessions and failures of long ago."""
    connection.execute(queries(_FILE)["purge_sessions"])
    connection.execute(queries(_FILE)["purge_sign_in_failures"])


def credentials(connection: Connection[Row], username: str) -> Credentials | None:
    """Return what the active account of that name signs in with, or None."""
    row = connection.execute(queries(_FILE)["credentials"], {"username": username}).fetchone()
    return Credentials(*row) if row else None


def account_by(connection: Connection[Row], member: str, value: str) -> UUID | None:
    """Return the active account whose `username` or `npi` is `value`, or None."""
    row = connection.execute(queries(_FILE)[f"account_by_{member}"], {"value": value}).fetchone()
    return row[0] if row else None


def spend_totp_step(connection: Connection[Row], account_id: UUID, step: int) -> bool:
    """Return whether no one-time password of this time step or a later one was used before."""
    values = {"account_id": account_id, "step": step}
    return connection.execute(queries(_FILE)["spend_totp_step"], values).fetchone() is not None


def set_password(connection: Connection[Row], account_id: UUID, password_hash: str) -> None:
    """Write a password's hash."""
    values = {"account_id": account_id, "password_hash": password_hash}
    connection.execute(queries(_FILE)["set_password"], values)


def set_totp(connection: Connection[Row], account_id: UUID, totp_encrypted: bytes | None) -> None:
    """Write the secret of the second factor; None takes it away."""
    values = {"account_id": account_id, "totp_encrypted": totp_encrypted}
    connection.execute(queries(_FILE)["set_totp"], values)


def renew_password_hash(connection: Connection[Row], account_id: UUID, *, old: str, new: str) -> None:
    """Write the same password's hash anew, unless the password was changed meanwhile."""
    values = {"account_id": account_id, "old": old, "new": new}
    connection.execute(queries(_FILE)["renew_password_hash"], values)


def lock_sign_in(connection: Connection[Row], key: bytes) -> None:
    """Wait for other attempts under this key; the lock goes with the transaction."""
    connection.execute(queries(_FILE)["lock_sign_in"], {"key": key})


def failures(connection: Connection[Row], keys: Sequence[bytes]) -> dict[bytes, tuple[int, dt.datetime]]:
    """Return how often each of these keys failed, and when last."""
    rows = connection.execute(queries(_FILE)["sign_in_failures"], {"keys": list(keys)}).fetchall()
    return {bytes(key): (count, at) for key, count, at in rows}


def count_failure(
    connection: Connection[Row], keys: Sequence[bytes], *, now: dt.datetime, forgotten: dt.datetime
) -> None:
    """Count a failure under each key; one before `forgotten` counts no more."""
    values = {"keys": list(keys), "now": now, "forgotten": forgotten}
    connection.execute(queries(_FILE)["count_sign_in_failure"], values)


def forget_failures(connection: Connection[Row], key: bytes) -> None:
    """Forget the failures of a key."""
    connection.execute(queries(_FILE)["forget_sign_in_failures"], {"key": key})


def take_back_failure(connection: Connection[Row], key: bytes) -> None:
    """Count one failure less: the attempt was a good one."""
    connection.execute(queries(_FILE)["take_back_failure"], {"key": key})


def active_supervisors(connection: Connection[Row], delegate_id: UUID) -> list[tuple[UUID, str]]:
    """Return for whom a delegate may act: account and name, by family name."""
    values = {"delegate_id": delegate_id}
    return [(row[0], row[1]) for row in connection.execute(queries(_FILE)["active_supervisors"], values)]


def add_delegation(connection: Connection[Row], delegate_id: UUID, supervisor_id: UUID) -> None:
    """Let a delegate act for a supervisor, again if it had ended."""
    values = {"delegate_id": delegate_id, "supervisor_id": supervisor_id}
    connection.execute(queries(_FILE)["add_delegation"], values)


def end_delegation(connection: Connection[Row], delegate_id: UUID, supervisor_id: UUID) -> bool:
    """Return whether a delegation was ended: from now on the delegate may not act for that supervisor."""
    values = {"delegate_id": delegate_id, "supervisor_id": supervisor_id}
    return connection.execute(queries(_FILE)["end_delegation"], values).fetchone() is not None


def end_delegations(connection: Connection[Row], delegate_id: UUID) -> None:
    """End all that a delegate acts for."""
    connection.execute(queries(_FILE)["end_delegations"], {"delegate_id": delegate_id})


def supervisor_names(connection: Connection[Row]) -> dict[UUID, list[str]]:
    """Return the usernames of every delegate's supervisors."""
    names: dict[UUID, list[str]] = {}
    for delegate_id, username in connection.execute(queries(_FILE)["supervisor_names"]):
        names.setdefault(delegate_id, []).append(username)
    return names
