"""Limits by client: who floods us in the name of an app does not shut out the app's users."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gateway.auth.registration import register_client
from gateway.oauth import authorize, issuance
from gateway.services import Services
from tests.support.smart_browser import App

BASE, CALLBACK = "http://localhost:8000", "https://app.example/callback"
USER, STRANGER = "198.51.100.1", "203.0.113.9"
Send = Callable[[str], TestResponse]


def app_of(services: Services, method: str) -> App:
    made = register_client(
        services.database,
        {
            "redirect_uris": [CALLBACK],
            "grant_types": ["authorization_code", "refresh_token"],
            "scope": "openid offline_access",
            "token_endpoint_auth_method": method,
        },
    )
    return App(BASE, made["client_id"], CALLBACK, secret=made.get("client_secret"))


def flooded(send: Send, address: str) -> bool:
    """Return whether an address is stopped; twice the limit and one more, should a minute end meanwhile."""
    return any(send(address).status_code == 429 for _ in range(7))


@pytest.fixture(autouse=True)
def low(monkeypatch: pytest.MonkeyPatch, clean_cache: None) -> None:
    monkeypatch.setattr(authorize, "_PER_MINUTE", 3)
    monkeypatch.setattr(issuance, "A_MINUTE", 3)


def test_authorization_requests_are_counted_by_where_they_come_from(
    http: FlaskClient, services: Services
) -> None:
    app = app_of(services, "none")
    asked = urlencode(app.request("openid"))

    def send(address: str) -> TestResponse:
        return http.get(f"/auth/authorize?{asked}", environ_base={"REMOTE_ADDR": address})

    assert flooded(send, STRANGER)
    assert send(USER).status_code == 303


@pytest.mark.parametrize("grant_type", ["authorization_code", "refresh_token"])
def test_a_public_apps_token_requests_are_too(http: FlaskClient, services: Services, grant_type: str) -> None:
    app = app_of(services, "none")
    form = {
        "grant_type": grant_type,
        "client_id": app.client_id,
        "code": "x",
        "redirect_uri": CALLBACK,
        "code_verifier": app.verifier,
        "refresh_token": "x",
    }

    def send(address: str) -> TestResponse:
        return http.post("/auth/token", data=form, environ_base={"REMOTE_ADDR": address})

    assert flooded(send, STRANGER)
    answer = send(USER)
    assert answer.json is not None
    assert (answer.status_code, answer.json["error"]) == (400, "invalid_grant")


def test_an_app_that_shows_its_secret_is_one_wherever_it_calls_from(
    http: FlaskClient, services: Services
) -> None:
    app = app_of(services, "client_secret_basic")
    form = {"grant_type": "refresh_token", "refresh_token": "x"}

    def send(address: str, secret: str | None = app.secret) -> TestResponse:
        return http.post(
            "/auth/token",
            data=form,
            auth=(app.client_id, secret or ""),
            environ_base={"REMOTE_ADDR": address},
        )

    # Who does not know the secret uses nothing of the limit up.
    assert {send(STRANGER, "x" * 43).status_code for _ in range(9)} == {401}
    assert send(USER).status_code == 400
    assert any(send(f"198.51.100.{n}").status_code == 429 for n in range(2, 9))
