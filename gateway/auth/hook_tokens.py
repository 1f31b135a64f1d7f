"""Who calls a CDS Hooks service: the EHR whose registered key signed the request's JWT.

CDS Hooks 2.0, "Trusting CDS Clients": `aud` is the URL that was called (one value or a list), `exp` at most
five minutes ahead, `iat` required, `jti` once (in the database, so over all workers and restarts). The
issuer, with its tenant where one is registered, names the client; keys come from that registration alone.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from gateway.auth import compact
from gateway.auth.compact import LEEWAY_SECONDS, Invalid
from gateway.auth.jwks import RemoteKeySets
from gateway.core.clock import Clock
from gateway.core.errors import Unauthenticated
from gateway.store import hooks, tokens
from gateway.store.database import Database
from gateway.store.hooks import CdsClient

_TYPES = frozenset({"JWT"})
_MAX_NAME = 2000
_MAX_AUDIENCES = 10
_ORIGINS_SECONDS = 15.0
_PURGE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class HookCaller:
    """The EHR behind one call, and the FHIR server that it registered."""

    client_id: str
    fhir_server: str
    origins: frozenset[str]


class HookCallers:
    """Tells callers by their tokens. Thread-safe; one a process."""

    def __init__(self, database: Database, clock: Clock, remote: RemoteKeySets) -> None:
        self._database = database
        self._clock = clock
        self._remote = remote
        self._lock = threading.Lock()
        self._purged_at = time.monotonic()
        self._origins: tuple[float, frozenset[str]] = (0.0, frozenset())

    def authenticate(self, header: str | None, audience: str) -> HookCaller:
        """Return who calls `audience` with this Authorization header; its `jti` is then spent.

        Raises Unauthenticated; `detail` tells the log why, nobody else.
        """
        scheme, _, token = (header or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated(
                "A CDS client sends a signed JWT as bearer token.", detail="no bearer token"
            )
        try:
            caller = self._verified(token.strip(), audience)
        except Invalid as error:
            # One text for every cause: which issuers are registered is nobody's business.
            raise Unauthenticated("The CDS client's token is not valid.", detail=str(error)) from error
        self._purge_when_due()
        return caller

    def is_known_origin(self, origin: str) -> bool:
        """Return whether scripts of `origin` may call: one that a CDS client registered, or its issuer's own.

        What is registered now counts within seconds.
        """
        until, known = self._origins
        if time.monotonic() > until:
            with self._database.connection() as connection:
                found = hooks.all_clients(connection)
            known = frozenset(origin for client in found for origin in _origins(client))
            self._origins = (time.monotonic() + _ORIGINS_SECONDS, known)
        return origin in known

    def _verified(self, token: str, audience: str) -> HookCaller:
        header, claims = compact.parts(token)
        algorithm, kid = compact.check_header(header, _TYPES)
        iss, tenant = _name(claims, "iss"), _name(claims, "tenant")
        if not iss:
            raise Invalid("iss is missing")
        with self._database.connection() as connection:
            client = hooks.find(connection, iss, tenant)
        if client is None:
            raise Invalid("no active CDS client with this iss and tenant")
        compact.check_signature(
            token,
            header,
            algorithm=algorithm,
            kid=kid,
            jwks=client.jwks,
            jwks_uri=client.jwks_uri,
            remote=self._remote,
        )
        _check_audience(claims.get("aud"), audience)
        expires = compact.check_times(claims, self._clock.now().timestamp(), issued=True)
        spent = compact.jti_hash(claims, use="cds\0")
        with self._database.connection() as connection:
            fresh = hooks.spend(
                connection,
                client.client_id,
                jti_hash=spent,
                expires_at=dt.datetime.fromtimestamp(expires + LEEWAY_SECONDS, dt.UTC),
            )
        if not fresh:
            raise Invalid("jti was used before")
        return HookCaller(client.client_id, client.fhir_server, _origins(client))

    def _purge_when_due(self) -> None:
        with self._lock:
            if time.monotonic() - self._purged_at < _PURGE_SECONDS:
                return
            self._purged_at = time.monotonic()
        with self._database.connection() as connection:
            tokens.purge(connection)


def _name(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name, "")
    if not isinstance(value, str) or len(value) > _MAX_NAME or "\0" in value or not value.isprintable():
        raise Invalid(f"{name} is not a text")
    return value


def _check_audience(value: object, audience: str) -> None:
    values = value if isinstance(value, list) else [value]
    if len(values) > _MAX_AUDIENCES or audience not in values:
        raise Invalid("aud is not the URL that was called")


def _origins(client: CdsClient) -> frozenset[str]:
    parts = urlsplit(client.iss)
    own = f"{parts.scheme}://{parts.netloc}".lower() if parts.scheme in ("https", "http") else ""
    return client.origins | ({own} if own else frozenset())
