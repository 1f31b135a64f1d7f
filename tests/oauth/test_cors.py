"""Scripts in browsers: origins that a client registered may read what is for that client, nobody else's."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gateway.auth.registration import disable_client, register_client
from gateway.services import Services
from tests.oauth.backend import Backend

ORIGIN, OTHER, STRANGER = "https://app.example", "http://localhost:5173", "https://evil.example"
METADATA: dict[str, Any] = {
    "token_endpoint_auth_method": "none",
    "redirect_uris": ["https://app.example/callback"],
    "scope": "user/MedicationDispense.rs",
}


@pytest.fixture(autouse=True)
def apps(client: FlaskClient, app: Any) -> None:
    database = services(app).database
    register_client(database, {**METADATA, "allowed_origins": [ORIGIN]}, client_id="app")
    register_client(database, {**METADATA, "allowed_origins": [OTHER]}, client_id="other")


def services(app: Any) -> Services:
    found: Services = app.extensions["pdmp"]
    return found


def allowed(answer: TestResponse) -> str | None:
    assert "Access-Control-Allow-Credentials" not in answer.headers
    return answer.headers.get("Access-Control-Allow-Origin")


def preflight(client: FlaskClient, path: str, origin: str) -> TestResponse:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    return client.options(path, headers=asked)


@pytest.mark.parametrize(
    "path",
    [
        "/auth/token",
        "/auth/revoke",
        "/auth/introspect",
        "/fhir/Patient/x",
        "/fhir/MedicationDispense",
        "/fhir/Patient/$pdmp-history",
    ],
)
def test_a_preflight_admits_every_registered_origin_and_no_other(client: FlaskClient, path: str) -> None:
    for origin in (ORIGIN, OTHER):
        answer = preflight(client, path, origin)
        assert (answer.status_code, allowed(answer)) == (200, origin)
        assert "Origin" in answer.headers["Vary"]
        for name in ("Authorization", "Content-Type", "Prefer", "If-Match", "PDMP-Grant"):
            assert name in answer.headers["Access-Control-Allow-Headers"]
        assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    for origin in (STRANGER, "null", "https://app.example:8443", "https://app.example.evil.example", "*"):
        answer = preflight(client, path, origin)
        assert allowed(answer) is None
        assert "Origin" in answer.headers["Vary"]


def revoke(client: FlaskClient, origin: str, **form: str) -> TestResponse:
    return client.post("/auth/revoke", data={"token": "x", **form}, headers={"Origin": origin})


def test_an_answer_is_for_the_calling_clients_own_origins(client: FlaskClient, app: Any) -> None:
    answer = revoke(client, ORIGIN, client_id="app")
    assert (answer.status_code, allowed(answer)) == (200, ORIGIN)
    exposed = answer.headers["Access-Control-Expose-Headers"]
    for name in (
        "Location",
        "ETag",
        "Content-Location",
        "Retry-After",
        "WWW-Authenticate",
        "PDMP-Grant",
    ):
        assert name in exposed.split(", ")
    other = revoke(client, OTHER, client_id="app")
    assert (other.status_code, allowed(other)) == (200, None)
    assert "Origin" in other.headers["Vary"]
    for origin in ("null", STRANGER):
        assert allowed(revoke(client, origin, client_id="app")) is None
    disable_client(services(app).database, "app")
    refused = revoke(client, ORIGIN, client_id="app")
    assert (refused.status_code, allowed(refused)) == (400, None)


def test_errors_can_be_read_too(client: FlaskClient) -> None:
    for answer, status in (
        (client.post("/auth/token", data={}, headers={"Origin": ORIGIN}), 400),
        (client.get("/auth/token", headers={"Origin": ORIGIN}), 405),
        (revoke(client, ORIGIN, client_id="nobody"), 400),
        (client.get("/fhir/Patient/x", headers={"Origin": ORIGIN}), 401),
        (client.get("/fhir/Patient/x", headers={"Origin": ORIGIN, "Authorization": "Bearer x"}), 401),
        (client.get("/fhir/Nothing", headers={"Origin": ORIGIN}), 404),
        (client.put("/fhir/Patient/x", headers={"Origin": ORIGIN}), 405),
    ):
        assert (answer.status_code, allowed(answer)) == (status, ORIGIN)


def test_a_tokens_client_decides_at_the_fhir_interface(client: FlaskClient, app: Any) -> None:
    backend = Backend("http://localhost:8000/auth/token")
    register_client(services(app).database, backend.metadata(allowed_origins=["https://backend.example"]))
    answer = client.post("/auth/token", data=backend.form(), headers={"Origin": "https://backend.example"})
    assert answer.json is not None
    assert allowed(answer) == "https://backend.example"
    bearer = {"Authorization": f"Bearer {answer.json['access_token']}"}
    for origin, may in (("https://backend.example", True), (ORIGIN, False)):
        read = client.get("/fhir/Patient/x", headers={**bearer, "Origin": origin})
        assert read.status_code == 403
        assert (allowed(read) == origin) is may


def test_what_is_public_is_for_every_origin_and_pages_are_for_none(client: FlaskClient) -> None:
    for path in (
        "/.well-known/smart-configuration",
        "/fhir/.well-known/smart-configuration",
        "/.well-known/jwks.json",
        "/fhir/metadata",
    ):
        assert allowed(client.get(path, headers={"Origin": STRANGER})) == "*"
    for path in ("/", "/healthz", "/auth/authorize"):
        assert allowed(client.get(path, headers={"Origin": ORIGIN})) is None
        assert allowed(preflight(client, path, ORIGIN)) is None
