"""Access tokens by `jti`, spent client assertions, and our signing keys: the durable state of OAuth."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from gateway.store.database import Row
from gateway.store.sql import queries

_FILE = "access.sql"
# One number for the whole database: "keys" in ASCII.
_KEYS_LOCK = 0x6B657973


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """An access token as it is recorded: never the token itself."""

    token_id: str
    client_id: str
    scope: str
    issued_at: dt.datetime
    expires_at: dt.datetime


@dataclass(frozen=True, slots=True)
class StoredKey:
    """One of our signing keys, its private part encrypted."""

    kid: str
    algorithm: str
    private_encrypted: bytes = field(repr=False)
    public_jwk: dict[str, Any]
    created_at: dt.datetime | None = None
    retired_at: dt.datetime | None = None


def issue(
    connection: Connection[Row], token: IssuedToken, *, jti_hash: bytes, assertion_expires_at: dt.datetime
) -> bool:
    """Return whether the token was recorded; False: the assertion was spent, or its client is not active."""
    values = {
        "token_id": token.token_id,
        "client_id": token.client_id,
        "scope": token.scope,
        "issued_at": token.issued_at,
        "expires_at": token.expires_at,
        "jti_hash": jti_hash,
        "assertion_expires_at": assertion_expires_at,
    }
    return connection.execute(queries(_FILE)["issue_token"], values).fetchone() is not None


def spend_assertion(
    connection: Connection[Row], client_id: str, *, jti_hash: bytes, expires_at: dt.datetime
) -> bool:
    """Return whether the assertion had not been used before."""
    values = {"client_id": client_id, "jti_hash": jti_hash, "expires_at": expires_at}
    return connection.execute(queries(_FILE)["spend_assertion"], values).fetchone() is not None


def revoke(connection: Connection[Row], token_id: str, client_id: str) -> None:
    """Revoke a token, if it is this client's."""
    connection.execute(queries(_FILE)["revoke_token"], {"token_id": token_id, "client_id": client_id})


def is_revoked(connection: Connection[Row], token_id: str) -> bool:
    """Return whether the token must not be honoured; one that is not on record is revoked."""
    row = connection.execute(queries(_FILE)["is_revoked"], {"token_id": token_id}).fetchone()
    return row is None or bool(row[0])


def purge(connection: Connection[Row]) -> None:
    """Delete spent assertions, and tokens and disclosure grants that have ended."""
    connection.execute(queries(_FILE)["purge_assertions"])
    connection.execute(queries(_FILE)["purge_tokens"])
    connection.execute(queries(_FILE)["purge_grants"])


def lock_signing_keys(connection: Connection[Row]) -> None:
    """Wait to be the only one who makes keys, until the transaction ends."""
    connection.execute(queries(_FILE)["lock_signing_keys"], {"lock": _KEYS_LOCK})


def signing_keys(connection: Connection[Row]) -> list[StoredKey]:
    """Return the keys that sign or still verify, newest first."""
    return [
        StoredKey(row[0], row[1], bytes(row[2]), *row[3:])
        for row in connection.execute(queries(_FILE)["signing_keys"]).fetchall()
    ]


def add_signing_key(connection: Connection[Row], key: StoredKey) -> None:
    """Record a new key."""
    connection.execute(
        queries(_FILE)["add_signing_key"],
        {
            "kid": key.kid,
            "algorithm": key.algorithm,
            "private_encrypted": key.private_encrypted,
            "public_jwk": Jsonb(key.public_jwk),
        },
    )


def retire_signing_keys(
    connection: Connection[Row], algorithm: str, *, besides: str, at: dt.datetime
) -> None:
    """Let every key of the algorithm, `besides` that one, sign until `at` and verify for a day from then."""
    values = {"algorithm": algorithm, "kid": besides, "at": at}
    connection.execute(queries(_FILE)["retire_signing_keys"], values)
