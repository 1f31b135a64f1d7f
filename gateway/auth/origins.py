"""Which web origins' scripts may read our answers: those that clients registered (SMART 2.2, CORS).

Asked anew for each request that names an origin: a client that is disabled has none from then on.
"""

from __future__ import annotations

import re

from gateway.core.errors import GatewayError
from gateway.store import clients
from gateway.store.database import Database

# `null`, which any sandboxed frame can send, is none of them.
_ORIGIN = re.compile(r"https?://[a-z0-9.:\[\]_-]{1,300}", re.ASCII)


def is_registered(database: Database, origin: str, client_id: str | None) -> bool:
    """Return whether an active client registered `origin`: this client, or any when None.

    False without a database: an answer that scripts can't read does no harm.
    """
    if not _ORIGIN.fullmatch(origin):
        return False
    try:
        with database.connection() as connection:
            return clients.is_origin(connection, origin, client_id)
    except GatewayError:
        return False
