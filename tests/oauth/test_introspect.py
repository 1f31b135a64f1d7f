"""Introspection: each client sees its own tokens; one with __introspect sees all; nobody learns more."""

from __future__ import annotations

import time
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gateway.auth.registration import disable_client, register_client
from gateway.services import Services
from tests.oauth.backend import SCOPE, Backend
from tests.oauth.conftest import Register
from tests.oauth.test_client_authentication import APP, basic

INACTIVE = {"active": False}


def token_of(http: FlaskClient, backend: Backend, scope: str = SCOPE) -> dict[str, Any]:
    answer = http.post("/auth/token", data=backend.form(scope=scope)).json
    assert answer is not None
    return answer


def ask(http: FlaskClient, backend: Backend, token: str | None, **more: str) -> TestResponse:
    answer = http.post(
        "/auth/introspect", data=backend.form(grant_type=None, scope=None, token=token, **more)
    )
    assert answer.headers["Cache-Control"] == "no-store"
    return answer


def by_token(http: FlaskClient, bearer: str, token: str) -> TestResponse:
    return http.post("/auth/introspect", data={"token": token}, headers={"Authorization": f"Bearer {bearer}"})


def test_an_active_token_is_told_as_the_token_response_told_it(http: FlaskClient, register: Register) -> None:
    backend = register()
    issued = token_of(http, backend)
    answer = ask(http, backend, issued["access_token"])
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    body = answer.json
    assert body is not None
    assert body == {
        "active": True,
        "scope": issued["scope"],
        "client_id": backend.client_id,
        "sub": backend.client_id,
        "token_type": "Bearer",
        "iss": "http://localhost:8000",
        "aud": "http://localhost:8000/fhir",
        "iat": body["iat"],
        "exp": body["iat"] + 300,
    }
    assert abs(body["iat"] - time.time()) < 30
    assert ask(http, backend, issued["access_token"], token_type_hint="refresh_token").json == body


def test_everything_else_is_inactive_and_no_word_more(http: FlaskClient, register: Register) -> None:
    backend, other = register(), register()
    issued = token_of(http, backend)["access_token"]
    for token in ("unknown", "a.b.c", "x" * 20000, f"{issued[:-4]}AAAA", backend.assertion()):
        answer = ask(http, backend, token)
        assert (answer.status_code, answer.json) == (200, INACTIVE)
    assert ask(http, other, issued).json == INACTIVE
    http.post("/auth/revoke", data=backend.form(grant_type=None, scope=None, token=issued))
    assert ask(http, backend, issued).json == INACTIVE


def test_with_the_scope_introspect_every_clients_tokens_are_seen(
    http: FlaskClient, register: Register, services: Services
) -> None:
    backend, all_seeing = register(), register(scope=f"__introspect {SCOPE}")
    issued = token_of(http, backend)["access_token"]
    assert (ask(http, all_seeing, issued).json or {})["client_id"] == backend.client_id
    strong = token_of(http, all_seeing, "__introspect")["access_token"]
    assert (by_token(http, strong, issued).json or {})["active"] is True
    # A token that lacks the scope has its client's own view.
    weak = token_of(http, all_seeing)["access_token"]
    assert by_token(http, weak, issued).json == INACTIVE
    assert (by_token(http, weak, strong).json or {})["active"] is True
    disable_client(services.database, backend.client_id)
    assert by_token(http, strong, issued).json == INACTIVE


def test_a_clients_own_bearer_token_lets_it_in(http: FlaskClient, register: Register) -> None:
    backend, other = register(), register()
    issued, another = (token_of(http, one)["access_token"] for one in (backend, other))
    assert (by_token(http, issued, issued).json or {})["active"] is True
    assert by_token(http, another, issued).json == INACTIVE
    http.post("/auth/revoke", data=other.form(grant_type=None, scope=None, token=another))
    refused = by_token(http, another, issued)
    assert refused.status_code == 401
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]


def test_every_kind_of_client_may_ask(http: FlaskClient, services: Services) -> None:
    public = register_client(services.database, {**APP, "token_endpoint_auth_method": "none"})
    secret = register_client(services.database, {**APP, "token_endpoint_auth_method": "client_secret_basic"})
    asked = http.post("/auth/introspect", data={"token": "x", "client_id": public["client_id"]})
    assert (asked.status_code, asked.json) == (200, INACTIVE)
    header = basic(secret["client_id"], secret["client_secret"])
    asked = http.post("/auth/introspect", data={"token": "x"}, headers=header)
    assert (asked.status_code, asked.json) == (200, INACTIVE)


def test_a_stranger_is_refused_and_an_assertion_counts_once(http: FlaskClient, register: Register) -> None:
    backend = register()
    issued = token_of(http, backend)["access_token"]
    assert http.post("/auth/introspect", data={"token": issued}).status_code == 401
    assert by_token(http, "a.b.c", issued).status_code == 401
    assert ask(http, Backend(backend.token_url), issued).status_code == 400
    used = backend.assertion()
    assert ask(http, backend, issued, client_assertion=used).status_code == 200
    assert ask(http, backend, issued, client_assertion=used).status_code == 400
    assert ask(http, backend, None).status_code == 400
    assert http.get(f"/auth/introspect?token={issued}").status_code == 405
    both = http.post(
        "/auth/introspect", data=backend.form(token=issued), headers={"Authorization": f"Bearer {issued}"}
    )
    assert both.status_code == 400


@pytest.mark.parametrize("path", ["/.well-known/smart-configuration"])
def test_the_endpoint_is_published(http: FlaskClient, path: str) -> None:
    document = http.get(path).json
    assert document is not None
    assert document["introspection_endpoint"] == "http://localhost:8000/auth/introspect"
