"""Launches that a trusted EHR opened: kept by their handle's hash, used once, by one client, for one user.

A launch is *found* when an authorization request names it and *taken* when its user has consented; until
then a failed attempt, by whomever, leaves it usable for the one it is for. The Encounter that came with it
is kept encrypted and readable while a consent of the launch stands.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.types.json import Jsonb

from gateway.store.database import Row
from gateway.store.sql import queries
from gateway.store.vault import Vault

_FILE = "oauth_clients.sql"


@dataclass(frozen=True, slots=True)
class User:
    """An active account that a launch names."""

    account_id: UUID
    role: str


@dataclass(frozen=True, slots=True)
class NewLaunch:
    """What is written for a launch. `context`: further members of the token response."""

    launch_hash: bytes = field(repr=False)
    launch_id: UUID
    client_id: str
    opened_by: str
    account_id: UUID
    jurisdiction: str
    person_id: UUID
    encounter_id: UUID | None
    context: dict[str, Any] = field(repr=False)
    created_at: dt.datetime
    expires_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Launch:
    """A launch that may still be used, or was by this very call."""

    launch_id: UUID
    client_id: str
    account_id: UUID
    jurisdiction: str
    person_id: UUID
    encounter_id: UUID | None
    context: dict[str, Any] = field(repr=False)


def handle_hash(handle: str) -> bytes:
    """Return what a launch handle is kept by."""
    return hashlib.sha256(handle.encode()).digest()


def user_by_npi(connection: Connection[Row], npi: str) -> User | None:
    """Return the active account of this NPI, or None."""
    return _user(connection, "user_by_npi", npi)


def user_by_username(connection: Connection[Row], username: str) -> User | None:
    """Return the active account of this name, or None."""
    return _user(connection, "user_by_username", username)


def known_person(connection: Connection[Row], jurisdiction: str, person_id: UUID) -> UUID | None:
    """Return whom an id of ours stands for, or None when it is nobody's."""
    values = {"jurisdiction": jurisdiction, "person_id": person_id}
    row = connection.execute(queries(_FILE)["known_person"], values).fetchone()
    return row[0] if row else None


def open_launch(connection: Connection[Row], launch: NewLaunch) -> None:
    """Record a launch."""
    values = {name: getattr(launch, name) for name in NewLaunch.__slots__}
    connection.execute(queries(_FILE)["open_launch"], values | {"context": Jsonb(launch.context)})


def find(connection: Connection[Row], launch_hash: bytes, client_id: str, now: dt.datetime) -> Launch | None:
    """Return the launch if it is this client's, unused and unexpired, or None; nothing changes."""
    values = {"launch_hash": launch_hash, "client_id": client_id, "now": now}
    row = connection.execute(queries(_FILE)["find_launch"], values).fetchone()
    return Launch(*row) if row else None


def take(
    connection: Connection[Row], launch_hash: bytes, client_id: str, now: dt.datetime, *, account_id: UUID
) -> Launch | None:
    """Use the launch and return it; None when it is not this client's and this user's, used, or expired."""
    values = {"launch_hash": launch_hash, "client_id": client_id, "now": now, "account_id": account_id}
    row = connection.execute(queries(_FILE)["take_launch"], values).fetchone()
    return Launch(*row) if row else None


def keep_encounter(
    connection: Connection[Row],
    *,
    jurisdiction: str,
    person_id: UUID,
    encounter_id: UUID,
    sealed: bytes,
    now: dt.datetime,
) -> None:
    """Record an Encounter that `seal_encounter` has encrypted."""
    connection.execute(
        queries(_FILE)["keep_launch_encounter"],
        {
            "jurisdiction": jurisdiction,
            "person_id": person_id,
            "encounter_id": encounter_id,
            "resource": sealed,
            "created_at": now,
        },
    )


def seal_encounter(vault: Vault, encounter_id: UUID, resource: bytes) -> bytes:
    """Return the Encounter's JSON as it is stored."""
    return vault.encrypt(resource, _context(encounter_id))


def open_encounter(vault: Vault, encounter_id: UUID, sealed: bytes) -> bytes:
    """Return the Encounter's JSON of `launch_encounter.resource`. Raises Misconfigured with another key."""
    return vault.decrypt(sealed, _context(encounter_id))


def purge(connection: Connection[Row]) -> None:
    """Delete launches that have ended, and Encounters that no token can reach any more."""
    connection.execute(queries(_FILE)["purge_launches"])
    connection.execute(queries(_FILE)["purge_launch_encounters"])


def _context(encounter_id: UUID) -> bytes:
    # Not the person: a merge moves the row.
    return b"launch-encounter:" + encounter_id.bytes


def _user(connection: Connection[Row], statement: str, name: str) -> User | None:
    row = connection.execute(queries(_FILE)[statement], {"name": name}).fetchone()
    return User(*row) if row else None
