"""What the endpoints share: addresses, key sets of clients, limits. One a process, made by the blueprint."""

from __future__ import annotations

import threading
import time
from functools import cached_property

from flask import Request

from gateway.auth.jwks import RemoteKeySets
from gateway.auth.outbound import Outbound
from gateway.auth.shared import SharedCache
from gateway.auth.throttle import Throttle
from gateway.oauth import source
from gateway.oauth.provider import Provider
from gateway.services import Services
from gateway.store import clients, consents, launches, sessions, tokens
from gateway.store.clients import Client

_PURGE_SECONDS = 60.0


class AuthorizationServer:
    """The authorization server of one process. Every address comes from the settings, none from a request.

    Only the settings are needed to make one; the services may open later. Raises Misconfigured.
    """

    def __init__(self, services: Services) -> None:
        self.services = services
        self._outbound = Outbound.of(services.settings)
        self._lock = threading.Lock()
        self._purged_at = time.monotonic()

    @cached_property
    def cache(self) -> SharedCache:
        """Return the cache that the workers share."""
        return SharedCache(self.services.cache)

    @cached_property
    def key_sets(self) -> RemoteKeySets:
        """Return the key sets of clients that registered a URL."""
        return RemoteKeySets(self._outbound, self.cache)

    @cached_property
    def throttle(self) -> Throttle:
        """Return the counter of rate limits."""
        return Throttle(self.cache, workers=self.services.settings.workers)

    @cached_property
    def provider(self) -> Provider | None:
        """Return the OpenID Provider through which users sign in, if there is one."""
        upstream = self.services.settings.sign_in.upstream
        return Provider(upstream, self._outbound) if upstream else None

    @property
    def issuer(self) -> str:
        """Return our issuer identifier."""
        return self.services.settings.issuer

    @property
    def fhir_base(self) -> str:
        """Return the FHIR base URL: the audience of access tokens."""
        return self.services.settings.fhir_base

    @property
    def authorization_endpoint(self) -> str:
        """Return the authorization endpoint's URL."""
        return f"{self.issuer}/auth/authorize"

    @property
    def token_endpoint(self) -> str:
        """Return the token endpoint's URL."""
        return f"{self.issuer}/auth/token"

    @property
    def revocation_endpoint(self) -> str:
        """Return the revocation endpoint's URL."""
        return f"{self.issuer}/auth/revoke"

    @property
    def introspection_endpoint(self) -> str:
        """Return the introspection endpoint's URL."""
        return f"{self.issuer}/auth/introspect"

    @property
    def jwks_uri(self) -> str:
        """Return the URL of our public keys."""
        return f"{self.issuer}/.well-known/jwks.json"

    def count(self, what: str, request: Request, client_id: str, *, proven: bool, limit: int) -> None:
        """Count one request a minute of a client's. Raises TooMany.

        Unless the client has proven to be itself, each source address is counted alone: its id is no secret,
        and a stranger who floods us in its name must not shut out its users.
        """
        name = f"{what}:{client_id}"
        if not proven:
            name += f":{source.address(request, self.services.settings.sign_in.trusted_proxies)}"
        self.throttle.count(name, limit=limit, seconds=60)

    def find_client(self, client_id: str) -> Client | None:
        """Return a registered client, or None. Raises Unavailable."""
        with self.services.database.connection() as connection:
            return clients.find(connection, client_id)

    def purge_when_due(self) -> None:
        """Delete what has ended, at most once a minute in this process."""
        with self._lock:
            if time.monotonic() - self._purged_at < _PURGE_SECONDS:
                return
            self._purged_at = time.monotonic()
        with self.services.database.connection() as connection:
            tokens.purge(connection)
            launches.purge(connection)
            consents.purge(connection)
            sessions.purge(connection)
