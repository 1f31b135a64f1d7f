"""The whole gateway with CDS Hooks on, on a real database and cache, and one registered EHR."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gateway.app import create_app
from gateway.auth.registration import register_client
from gateway.core.settings import Settings
from gateway.store.database import Database
from tests.cds.ehr import Ehr, hook

APP_LAUNCH = "https://app.example/launch"
Call = Callable[..., TestResponse]


@pytest.fixture(scope="module")
def cds_settings(module_settings: Settings) -> Settings:
    return replace(module_settings, cds_app_launch_url=APP_LAUNCH)


@pytest.fixture(scope="module")
def gateway(cds_settings: Settings) -> Iterator[flask.Flask]:
    made = create_app(cds_settings)
    yield made
    made.extensions["pdmp"].close()


@pytest.fixture
def http(gateway: flask.Flask) -> FlaskClient:
    return gateway.test_client()


@pytest.fixture(scope="module")
def store(cds_settings: Settings) -> Iterator[Database]:
    assert cds_settings.database_url
    made = Database(cds_settings.database_url)
    yield made
    made.close()


@pytest.fixture(scope="module")
def ehr(cds_settings: Settings, store: Database) -> Ehr:
    made = Ehr(cds_settings.base_url)
    register_client(store, made.metadata(), client_id="ehr")
    return made


@pytest.fixture
def call(http: FlaskClient, ehr: Ehr) -> Call:
    """Send one hook, signed; `token` are changes to the token's claims, the rest changes the body."""

    def send(
        name: str, *, token: dict[str, Any] | None = None, by: Ehr = ehr, **changes: Any
    ) -> TestResponse:
        path = f"/cds-services/pdmp-{name}"
        return http.post(path, json=hook(name, **changes), headers=by.headers(path, **(token or {})))

    return send
