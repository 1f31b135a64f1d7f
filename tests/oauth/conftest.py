"""The authorization server alone, on a real database and cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

import flask
import pytest
import redis
from flask.testing import FlaskClient

from gateway import oauth
from gateway.auth import bearer
from gateway.auth.keys import SigningKeys
from gateway.auth.registration import register_client
from gateway.core.clock import Clock
from gateway.core.settings import Settings
from gateway.services import Services
from gateway.store.database import Database
from gateway.store.vault import Vault
from gateway.web import errors, guard
from tests.oauth.backend import Backend

Register = Callable[..., Backend]


def open_services(settings: Settings) -> Services:
    """Return services without mapping tables, which no OAuth endpoint looks at."""
    assert settings.database_url
    database = Database(settings.database_url)
    vault = Vault.of(settings)
    return Services(
        settings=settings,
        clock=Clock(),
        database=database,
        cache=redis.Redis.from_url(settings.redis_url) if settings.redis_url else None,
        vault=vault,
        keys=SigningKeys(database, vault),
        mappings=cast("Any", None),
        identifier_base="https://pdmp.example.org",
    )


def mount(services: Services) -> FlaskClient:
    """Return a test client of the endpoints behind the guard."""
    app = flask.Flask("oauth")
    errors.install(app)
    guard.install(
        app,
        lambda header: bearer.authenticate(
            header,
            database=services.database,
            keys=services.keys,
            clock=services.clock,
            issuer=services.settings.issuer,
            audience=services.settings.fhir_base,
        ),
        secure=False,
    )
    app.register_blueprint(oauth.blueprint(services))
    return app.test_client()


def close(services: Services) -> None:
    services.database.close()
    if services.cache is not None:
        services.cache.close()


@pytest.fixture(scope="module")
def services(module_settings: Settings) -> Iterator[Services]:
    made = open_services(module_settings)
    yield made
    close(made)


@pytest.fixture
def http(services: Services) -> FlaskClient:
    return mount(services)


@pytest.fixture
def register(services: Services) -> Register:
    """Register a Backend Services client; keywords change its metadata."""

    def make(backend: Backend | None = None, **changes: Any) -> Backend:
        made = backend or Backend(f"{services.settings.base_url}/auth/token")
        register_client(services.database, made.metadata(**changes))
        return made

    return make
