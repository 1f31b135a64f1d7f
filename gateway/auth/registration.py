"""Client registration: RFC 7591 client metadata in, a client information response out.

Done by the program's operators at the command line; there is no open registration endpoint.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from psycopg.errors import UniqueViolation

from gateway.auth import metadata as client_metadata
from gateway.core.errors import BadRequest, Conflict, NotFound
from gateway.core.ids import opaque_token, uuid7
from gateway.store import clients
from gateway.store.clients import Client, Registration
from gateway.store.database import Database

# SMART server notes: no percent-encoding in ids or secrets, because clients differ in doing it.
_CLIENT_ID = re.compile(r"[A-Za-z0-9._~-]{1,100}", re.ASCII)
_SECRET = re.compile(r"[A-Za-z0-9._~-]{16,200}", re.ASCII)


def register_client(
    database: Database,
    metadata: Mapping[str, Any],
    *,
    client_id: str | None = None,
    client_secret: str | None = None,
    upsert: bool = False,
) -> dict[str, Any]:
    """Return the client information response (RFC 7591 section 3.2.1), with a secret if one was made.

    `client_id` is made unless given here or as a member. With `upsert` an existing client is rewritten and
    active again; it keeps its secret, which is then not told again, unless `client_secret` gives one.
    Raises BadRequest naming the member that is wrong, Conflict when the id is taken.
    """
    checked = client_metadata.check(metadata)
    wanted = _client_id(client_id if client_id is not None else metadata.get("client_id"))
    needs_secret = checked["token_endpoint_auth_method"] in client_metadata.SECRET_METHODS
    with database.transaction() as connection:
        known = clients.find(connection, wanted)
        if known is not None and not upsert:
            raise Conflict(f"A client with the id {wanted} exists.")
        secret, hashed = None, None
        if needs_secret:
            if client_secret is None and known is not None and known.secret_hash is not None:
                hashed = known.secret_hash
            else:
                secret = client_secret or opaque_token()
                if not _SECRET.fullmatch(secret):
                    raise BadRequest("client_secret: must be 16 to 200 letters, digits and . _ ~ -")
                hashed = secret_hash(secret)
        registration = Registration(
            client_id=wanted,
            metadata=checked,
            auth_method=checked["token_endpoint_auth_method"],
            jwks=checked.get("jwks"),
            jwks_uri=checked.get("jwks_uri"),
            secret_hash=hashed,
            scope=checked.get("scope", ""),
            organizations=tuple(checked.get("organizations", ())),
            purposes=tuple(checked.get("purpose_of_use", ("TREAT",))),
            trusted_ehr=checked.get("trusted_ehr", False),
        )
        write = clients.add if known is None else clients.replace
        try:
            created_at = write(connection, registration)
        except UniqueViolation:
            raise Conflict("cds: another active client has this iss and tenant.") from None
    if created_at is None:
        raise Conflict(f"A client with the id {wanted} exists.")
    answer: dict[str, Any] = {"client_id": wanted, "client_id_issued_at": int(created_at.timestamp())}
    if secret is not None:
        answer |= {"client_secret": secret, "client_secret_expires_at": 0}
    return answer | checked


def ignored_members(metadata: Mapping[str, Any], answer: Mapping[str, Any]) -> list[str]:
    """Return the members that were sent and not taken."""
    return sorted(name for name, value in metadata.items() if name not in answer and value is not None)


def list_clients(database: Database) -> list[Client]:
    """Return every client, disabled ones too, oldest first."""
    with database.connection() as connection:
        return clients.all_clients(connection)


def disable_client(database: Database, client_id: str) -> None:
    """Refuse the client from now on; its tokens end at once. Raises NotFound."""
    with database.transaction() as connection:
        if not clients.disable(connection, client_id):
            raise NotFound(f"There is no client with the id {client_id}.")


def remove_client(database: Database, client_id: str) -> None:
    """Delete the client with its tokens and grants; the audit keeps its id. Raises NotFound."""
    with database.transaction() as connection:
        if not clients.remove(connection, client_id):
            raise NotFound(f"There is no client with the id {client_id}.")


def _client_id(wanted: object) -> str:
    if wanted is None:
        return str(uuid7())
    if not isinstance(wanted, str) or not _CLIENT_ID.fullmatch(wanted):
        raise BadRequest("client_id: must be 1 to 100 letters, digits and . _ ~ -")
    return wanted


def secret_hash(secret: str) -> str:
    """Return what is kept of a client's secret: 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()
