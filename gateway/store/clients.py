"""Registered clients: rows of `client` as values, and the statements that change them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from gateway.store.database import Row
from gateway.store.sql import queries

_FILE = "access.sql"
_MORE = "oauth_clients.sql"


@dataclass(frozen=True, slots=True)
class Client:
    """One registered client. `metadata` is its RFC 7591 registration; `secret_hash` is never shown."""

    client_id: str
    metadata: dict[str, Any]
    auth_method: str
    jwks: dict[str, Any] | None
    jwks_uri: str | None
    secret_hash: str | None = field(repr=False)
    scope: str
    organizations: tuple[str, ...]
    purposes: tuple[str, ...]
    trusted_ehr: bool
    created_at: dt.datetime
    disabled_at: dt.datetime | None

    @property
    def active(self) -> bool:
        """Return whether it may get tokens."""
        return self.disabled_at is None


@dataclass(frozen=True, slots=True)
class Registration:
    """What is written for a client."""

    client_id: str
    metadata: dict[str, Any]
    auth_method: str
    jwks: dict[str, Any] | None
    jwks_uri: str | None
    secret_hash: str | None = field(repr=False)
    scope: str
    organizations: tuple[str, ...]
    purposes: tuple[str, ...]
    trusted_ehr: bool


def find(connection: Connection[Row], client_id: str) -> Client | None:
    """Return the client, disabled or not, or None."""
    row = connection.execute(queries(_FILE)["client"], {"client_id": client_id}).fetchone()
    return _client(row) if row else None


def all_clients(connection: Connection[Row]) -> list[Client]:
    """Return every client, oldest first."""
    return [_client(row) for row in connection.execute(queries(_FILE)["clients"]).fetchall()]


def add(connection: Connection[Row], registration: Registration) -> dt.datetime | None:
    """Return when it was registered, or None when the id is taken."""
    return _write(connection, "add_client", registration)


def replace(connection: Connection[Row], registration: Registration) -> dt.datetime | None:
    """Return when it was first registered, or None when there is no such client."""
    return _write(connection, "replace_client", registration)


def disable(connection: Connection[Row], client_id: str) -> bool:
    """Return whether there is such a client; it gets no more tokens, and those it has are revoked."""
    if not _touched(connection, "disable_client", client_id):
        return False
    connection.execute(queries(_FILE)["revoke_tokens_of_client"], {"client_id": client_id})
    return True


def remove(connection: Connection[Row], client_id: str) -> bool:
    """Return whether there was such a client; its tokens and grants go with it."""
    return _touched(connection, "remove_client", client_id)


def is_origin(connection: Connection[Row], origin: str, client_id: str | None) -> bool:
    """Return whether an active client has registered this web origin: this one, or any when None."""
    row = connection.execute(
        queries(_MORE)["is_origin"], {"origin": origin, "client_id": client_id}
    ).fetchone()
    return row is not None and bool(row[0])


def _touched(connection: Connection[Row], statement: str, client_id: str) -> bool:
    return connection.execute(queries(_FILE)[statement], {"client_id": client_id}).fetchone() is not None


def _write(connection: Connection[Row], statement: str, registration: Registration) -> dt.datetime | None:
    row = connection.execute(
        queries(_FILE)[statement],
        {
            "client_id": registration.client_id,
            "metadata": Jsonb(registration.metadata),
            "auth_method": registration.auth_method,
            "jwks": Jsonb(registration.jwks) if registration.jwks is not None else None,
            "jwks_uri": registration.jwks_uri,
            "secret_hash": registration.secret_hash,
            "scope": registration.scope,
            "organizations": list(registration.organizations),
            "purposes": list(registration.purposes),
            "trusted_ehr": registration.trusted_ehr,
        },
    ).fetchone()
    return row[0] if row else None


def _client(row: Row) -> Client:
    return Client(*(*row[:7], tuple(row[7]), tuple(row[8]), *row[9:]))
