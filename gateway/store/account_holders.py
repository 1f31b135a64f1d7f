"""Who an account belongs to, as a resource tells it; without the account's secrets."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg import Connection

from gateway.core.records import AccountHolder
from gateway.store.sql import queries


def find(connection: Connection[Any], account_id: UUID) -> AccountHolder:
    """Return the holder of an account that is there."""
    row = connection.execute(
        queries("disclosure.sql")["account_holder"], {"account_id": account_id}
    ).fetchone()
    assert row is not None  # facts about the account were read just now
    return AccountHolder(*row)
