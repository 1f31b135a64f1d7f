"""Each client shows who it is in the way it registered, and in no other; at the revocation endpoint."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from gateway.auth.registration import disable_client, register_client
from gateway.services import Services
from tests.oauth.backend import Backend
from tests.oauth.conftest import Register

APP = {"redirect_uris": ["https://app.example/callback"], "scope": "openid user/MedicationDispense.rs"}


_BASIC = st.binary(max_size=60).map(lambda clear: f"Basic {base64.b64encode(clear).decode()}")


def app(services: Services, method: str, **more: Any) -> dict[str, Any]:
    return register_client(services.database, {**APP, "token_endpoint_auth_method": method, **more})


def basic(client_id: str, secret: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{client_id}:{secret}'.encode()).decode()}"}


def ask(http: FlaskClient, form: dict[str, str], headers: dict[str, str] | None = None) -> TestResponse:
    return http.post("/auth/revoke", data={"token": "unknown", **form}, headers=headers or {})


def refused(answer: TestResponse, status: int) -> None:
    assert answer.status_code == status
    assert answer.json is not None
    assert answer.json["error"] == "invalid_client"
    # RFC 9110 section 15.5.2.
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)


def test_a_public_client_is_known_by_its_id_alone(http: FlaskClient, services: Services) -> None:
    public = app(services, "none")
    assert "client_secret" not in public
    assert ask(http, {"client_id": public["client_id"]}).status_code == 200
    refused(ask(http, {"client_id": "nobody"}), 400)
    refused(ask(http, {"client_id": "nobody\0"}), 400)


def test_a_secret_is_taken_as_it_is_and_percent_encoded(http: FlaskClient, services: Services) -> None:
    made = app(services, "client_secret_basic", client_id="an.app~1_-")
    client_id, secret = made["client_id"], made["client_secret"]
    assert ask(http, {}, basic(client_id, secret)).status_code == 200
    every = "".join(f"%{ord(character):02x}" for character in client_id)
    assert ask(http, {}, basic(every, quote(secret, safe=""))).status_code == 200
    assert ask(http, {"client_id": client_id}, basic(client_id, secret)).status_code == 200


def test_a_wrong_secret_and_an_unknown_id_are_refused_alike(http: FlaskClient, services: Services) -> None:
    made = app(services, "client_secret_basic")
    wrong = ask(http, {}, basic(made["client_id"], made["client_secret"][:-1]))
    unknown = ask(http, {}, basic("nobody", made["client_secret"]))
    refused(wrong, 401)
    assert wrong.json == unknown.json
    refused(ask(http, {}, basic(made["client_id"], "")), 401)
    refused(ask(http, {"client_id": "another"}, basic(made["client_id"], made["client_secret"])), 401)
    disable_client(services.database, made["client_id"])
    assert ask(http, {}, basic(made["client_id"], made["client_secret"])).json == unknown.json


@pytest.mark.parametrize(
    "header", ["Basic", "Basic !", "Basic /w==", "Basic bm9jb2xvbg==", "Digest a", "", "é"]
)
def test_a_garbled_header_is_refused_with_a_challenge(http: FlaskClient, header: str) -> None:
    refused(ask(http, {}, {"Authorization": header}), 401)


def test_no_client_comes_in_by_the_way_of_another(
    http: FlaskClient, services: Services, register: Register
) -> None:
    public, secret, signing = app(services, "none"), app(services, "client_secret_basic"), register()
    refused(ask(http, {"client_id": secret["client_id"]}), 400)
    refused(ask(http, {"client_id": signing.client_id}), 400)
    refused(ask(http, {}, basic(public["client_id"], "")), 401)
    refused(ask(http, {}, basic(signing.client_id, "")), 401)
    refused(ask(http, {"client_id": secret["client_id"], "client_secret": secret["client_secret"]}), 401)
    signed = Backend(signing.token_url, client_id=secret["client_id"])
    refused(ask(http, signed.form(grant_type=None, scope=None)), 400)


def test_two_ways_at_once_are_one_too_many(http: FlaskClient, services: Services, register: Register) -> None:
    made, signing = app(services, "client_secret_basic"), register()
    header = basic(made["client_id"], made["client_secret"])
    for form in (signing.form(), {"client_secret": made["client_secret"]}):
        answer = ask(http, form, header)
        assert answer.json is not None
        assert (answer.status_code, answer.json["error"]) == (400, "invalid_request")


def test_a_secret_buys_no_backend_token(http: FlaskClient, services: Services) -> None:
    made = app(services, "client_secret_basic")
    answer = http.post(
        "/auth/token",
        data={"grant_type": "client_credentials", "scope": "user/MedicationDispense.rs"},
        headers=basic(made["client_id"], made["client_secret"]),
    )
    assert answer.json is not None
    assert (answer.status_code, answer.json["error"]) == (400, "unauthorized_client")


@given(st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0")) | _BASIC)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_header_lets_a_stranger_in_or_breaks_anything(http: FlaskClient, header: str) -> None:
    refused(ask(http, {}, {"Authorization": header}), 401)
