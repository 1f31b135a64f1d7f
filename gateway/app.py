"""`create_app`: the one visible table of everything that is mounted, and the opening of what it needs.

Nothing is opened at import or before the fork. A process starts, and says so at `/readyz`, while its
database does not answer yet; a bad setting or mapping table stops the start.
"""

from __future__ import annotations

import logging
import threading
from typing import Any, cast
from zoneinfo import ZoneInfo

import psycopg
import redis
from flask import Flask
from redis.backoff import NoBackoff
from redis.retry import Retry

from gateway import cds, docs, fhir_api, oauth
from gateway.auth import bearer, origins
from gateway.auth.keys import SigningKeys
from gateway.core import log
from gateway.core.access import Principal
from gateway.core.clock import Clock
from gateway.core.errors import Misconfigured, Unavailable
from gateway.core.settings import Settings
from gateway.mapping import centroids
from gateway.mapping.tables import Mappings
from gateway.services import Services
from gateway.store import migrate
from gateway.store.database import NO_ROLE, Database
from gateway.store.vault import Vault
from gateway.web import errors, guard, health, index, prefix

_log = logging.getLogger("gateway.app")
_CACHE_SECONDS = 0.25


def create_app(settings: Settings) -> Flask:
    """Return the gateway for `settings`. Raises Misconfigured, which stops the start."""
    log.configure(settings.log_level)
    app = Flask("gateway", static_folder=None)
    late = LateServices(settings)
    services = cast("Services", late)
    app.extensions["pdmp"] = services
    errors.install(app)
    guard.install(
        app,
        _Bearer(services),
        secure=settings.base_url.startswith("https:"),
        may_read=lambda origin, client_id: origins.is_registered(services.database, origin, client_id),
    )
    for blueprint in (
        index.blueprint(settings),  #            /
        docs.blueprint(settings),  #             /docs
        health.blueprint(late.readiness),  #     /healthz /readyz
        oauth.blueprint(services),  #            /auth/… /.well-known/… /fhir/.well-known/…
        fhir_api.blueprint(services),  #         /fhir/…
        cds.blueprint(services),  #              /cds-services/…
    ):
        app.register_blueprint(blueprint)
    prefix.install(app, settings.base_url)
    late.open_if_ready()
    return app


class LateServices:
    """`Services` that open themselves at first use, once a process; `settings` are there at once.

    Stands in for a `Services` wherever one is asked for: the two have the same attributes.
    """

    def __init__(self, settings: Settings) -> None:
        if not settings.database_url:
            raise Misconfigured("No database is configured: set PDMP_DATABASE_URL, or run `pdmp demo`.")
        self.settings = settings
        self._lock = threading.Lock()
        self._opened: Services | None = None
        self._database = Database(settings.database_url, generic_plans=True)
        self._cache = _cache(settings)

    def __getattr__(self, name: str) -> Any:
        # Called for what `__init__` has not set: the attributes of the real Services.
        if name.startswith("_"):
            raise AttributeError(name)
        value = getattr(self.opened(), name)
        # Kept as plain attributes, so that a request pays for this way once only.
        self.__dict__[name] = value
        return value

    def opened(self) -> Services:
        """Return the real services. Raises Unavailable while the database is not there or not migrated."""
        with self._lock:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    def open_if_ready(self) -> None:
        """Open now, so that the first request does not wait; or leave it to a later one."""
        try:
            self.opened()
        except Unavailable as error:
            _log.warning("not_ready", extra={"detail": error.detail or error.public})
        finally:
            # Requests are served by other threads, each with a connection of its own.
            self._database.close()

    def readiness(self) -> health.Readiness:
        """Return what answers, asked just now."""
        database, migrated = False, False
        try:
            with self._database.connection() as connection:
                database, migrated = True, migrate.is_ready(connection)
        except Unavailable as error:
            database = error.detail == NO_ROLE
        return health.Readiness(database, migrated, self._cache_answers())

    def close(self) -> None:
        """Close this thread's database connection and the cache's connections."""
        self._database.close()
        if self._cache is not None:
            self._cache.close()

    def _open(self) -> Services:
        settings = self.settings
        with self._database.connection() as connection:
            try:
                identifier_base = migrate.identifier_base(connection)
            except (Misconfigured, psycopg.ProgrammingError) as error:
                raise Unavailable("The database is not migrated.", detail=type(error).__name__) from error
        mappings = Mappings.load(
            settings.mappings_dir, jurisdiction=settings.jurisdiction, identifier_base=identifier_base
        )
        centroids.warm()
        vault = Vault.of(settings)
        return Services(
            settings=settings,
            clock=Clock(zone=ZoneInfo(mappings.jurisdiction.zone), fixed_today=settings.test_today),
            database=self._database,
            cache=self._cache,
            vault=vault,
            keys=SigningKeys(self._database, vault),
            mappings=mappings,
            identifier_base=identifier_base,
        )

    def _cache_answers(self) -> bool:
        if self._cache is None:
            return False
        try:
            return bool(self._cache.ping())
        except redis.RedisError:
            return False


class _Bearer:
    """Tells who calls, by the access token of the Authorization header."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def __call__(self, header: str | None) -> Principal:
        services = self._services
        return bearer.authenticate(
            header,
            database=services.database,
            keys=services.keys,
            clock=services.clock,
            issuer=services.settings.issuer,
            audience=services.settings.fhir_base,
        )


def _cache(settings: Settings) -> redis.Redis | None:
    """Return the cache, not yet connected; with short timeouts: a request can do without it."""
    if not settings.redis_url:
        return None
    return redis.Redis.from_url(
        settings.redis_url,
        socket_timeout=_CACHE_SECONDS,
        socket_connect_timeout=_CACHE_SECONDS,
        # The library's default tries again for seconds.
        retry=Retry(NoBackoff(), 0),
    )
