"""Whether a token would be honoured at this moment, and its giving back (RFC 7662, RFC 7009).

Read from the database at each call, as the door does: what was revoked, disabled or signed out a moment ago
stands no more.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection

from gateway.store.consents import revoke, secret_hash
from gateway.store.database import Row
from gateway.store.sql import queries

_FILE = "oauth_clients.sql"


@dataclass(frozen=True, slots=True)
class Standing:
    """A token that stands. What follows `expires_at` is of a user's token."""

    refresh: bool
    client_id: str
    scope: str
    issued_at: dt.datetime
    expires_at: dt.datetime
    consent_id: UUID | None
    account_id: UUID | None
    username: str | None
    person_id: UUID | None
    encounter_id: UUID | None
    context: dict[str, Any] | None


def access_token(connection: Connection[Row], token_id: str, now: dt.datetime) -> Standing | None:
    """Return the access token of this `jti` if it stands, or None."""
    return _standing(connection, token_id, None, now)


def refresh_token(connection: Connection[Row], text: str, now: dt.datetime) -> Standing | None:
    """Return the refresh token if it stands, or None; one that was used does not."""
    return _standing(connection, None, secret_hash(text), now)


def give_back_refresh_token(connection: Connection[Row], text: str, client_id: str) -> bool:
    """Return whether it was a refresh token of this client; its consent ends, with all that came of it."""
    values = {"token_hash": secret_hash(text), "client_id": client_id}
    row = connection.execute(queries(_FILE)["consent_of_refresh_token"], values).fetchone()
    if row is None:
        return False
    revoke(connection, row[0], because="given back by the client")
    return True


def _standing(
    connection: Connection[Row], token_id: str | None, hashed: bytes | None, now: dt.datetime
) -> Standing | None:
    values = {"token_id": token_id, "token_hash": hashed, "now": now}
    row = connection.execute(queries(_FILE)["standing_token"], values).fetchone()
    return Standing(*row) if row else None
