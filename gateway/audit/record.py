"""Write one audit row. No record, no disclosure: the caller commits this before a byte is sent.

Disclosures of dispensations are written by the very statement that reads them
(`gateway/store/dispensations.sql`); this is for every other outcome.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg import Connection

from gateway.core.ids import uuid7
from gateway.store.sql import queries


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit. `outcome`: disclosed, no-data, unresolved, refused or failed."""

    jurisdiction: str
    outcome: str
    interaction: str
    reason: str = ""
    client_id: str | None = None
    account_id: UUID | None = None
    """Whose rights were used."""
    delegate_id: UUID | None = None
    """Who acted for that account."""
    practitioner: str = ""
    person_id: UUID | None = None
    purpose: str = ""
    grant_id: UUID | None = None
    consent_id: UUID | None = None
    request_id: str = ""
    window_start: dt.date | None = None
    window_end: dt.date | None = None
    other_resources: list[str] = field(default_factory=list)


def record(connection: Connection[Any], entry: AuditEntry) -> None:
    """Insert `entry`. In autocommit it is durable on return; in a transaction, with its commit."""
    connection.execute(
        queries("audit.sql")["insert_audit"],
        {name: getattr(entry, name) for name in AuditEntry.__dataclass_fields__} | {"audit_id": uuid7()},
    )
