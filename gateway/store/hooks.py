"""CDS Hooks in the database: EHRs that may call, tokens spent, feedback kept."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg import Connection

from gateway.store.database import Row
from gateway.store.sql import queries

_FILE = "hooks.sql"


@dataclass(frozen=True, slots=True)
class CdsClient:
    """An active client registered for CDS Hooks. `fhir_server` is the only one that is ever called for it."""

    client_id: str
    iss: str
    jwks: dict[str, Any] | None = field(repr=False)
    jwks_uri: str | None
    fhir_server: str
    tenant: str | None
    origins: frozenset[str]


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a clinician did with one card. `reason` is one of our own codes, `other`, or empty."""

    card_id: UUID
    outcome: str
    reason: str
    outcome_at: dt.datetime


def find(connection: Connection[Row], iss: str, tenant: str) -> CdsClient | None:
    """Return the active client with this issuer and tenant (empty: none), or None."""
    row = connection.execute(queries(_FILE)["cds_client"], {"iss": iss, "tenant": tenant}).fetchone()
    return _client(row) if row else None


def all_clients(connection: Connection[Row]) -> list[CdsClient]:
    """Return every active client that may call hooks."""
    return [_client(row) for row in connection.execute(queries(_FILE)["cds_clients"]).fetchall()]


def spend(connection: Connection[Row], client_id: str, *, jti_hash: bytes, expires_at: dt.datetime) -> bool:
    """Return whether the token had not been used before and its client is still active."""
    values = {"client_id": client_id, "jti_hash": jti_hash, "expires_at": expires_at}
    return connection.execute(queries(_FILE)["spend_hook_token"], values).fetchone() is not None


def save_feedback(
    connection: Connection[Row], client_id: str, service: str, feedback: list[Feedback]
) -> None:
    """Keep the newest outcome of each card."""
    for one in feedback:
        connection.execute(
            queries(_FILE)["save_feedback"],
            {
                "client_id": client_id,
                "card_id": one.card_id,
                "service": service,
                "outcome": one.outcome,
                "reason": one.reason,
                "outcome_at": one.outcome_at,
            },
        )


def _client(row: Row) -> CdsClient:
    cds: dict[str, Any] = row[1]
    return CdsClient(
        client_id=row[0],
        iss=cds["iss"],
        jwks=cds.get("jwks"),
        jwks_uri=cds.get("jwks_uri"),
        fhir_server=cds["fhir_server"],
        tenant=cds.get("tenant"),
        origins=frozenset(row[2]),
    )
