"""For whom a delegate may act (KRS 218A.202: an employee under the practitioner's direction)."""

from __future__ import annotations

from uuid import UUID

from gateway.store import sessions as store
from gateway.store.database import Database


def active_supervisors(database: Database, delegate_id: UUID) -> list[tuple[UUID, str]]:
    """Return the active supervisors of a delegate, each with a name to show. Raises Unavailable."""
    with database.connection() as connection:
        return store.active_supervisors(connection, delegate_id)
