"""The connection of one disclosure: what it stands on is read where it is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from psycopg import Connection

from gateway.core.access import Principal
from gateway.core.errors import GatewayError
from gateway.store.database import Database


@contextmanager
def disclosure(database: Database, principal: Principal) -> Iterator[Connection[Any]]:
    """Yield the connection; whatever was recorded is committed on leaving, a refusal's row too.

    A user's consent, session and delegation are read in the very transaction that discloses by them. A
    backend client's facts are one statement, and what it discloses is another that records itself.
    """
    if principal.consent_id is None:
        with database.connection() as connection:
            yield connection
        return
    refusal: GatewayError | None = None
    with database.transaction() as connection:
        try:
            yield connection
        except GatewayError as error:
            # Raised once the row that says so is committed.
            refusal = error
    if refusal is not None:
        raise refusal
