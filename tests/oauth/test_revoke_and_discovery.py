"""Revocation, our published keys, and what the server says about itself."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from gateway.auth.bearer import authenticate
from gateway.auth.scopes import ScopeSet, supported
from gateway.core.errors import Unauthenticated
from gateway.services import Services
from tests.oauth.backend import Backend
from tests.oauth.conftest import Register

BASE = "http://localhost:8000"


def token_of(http: FlaskClient, backend: Backend) -> str:
    answer = http.post("/auth/token", data=backend.form())
    assert answer.json is not None
    token: str = answer.json["access_token"]
    return token


def stands(services: Services, token: str) -> bool:
    try:
        authenticate(
            f"Bearer {token}",
            database=services.database,
            keys=services.keys,
            clock=services.clock,
            issuer=BASE,
            audience=f"{BASE}/fhir",
            check_revoked=True,
        )
    except Unauthenticated:
        return False
    return True


def revoke(http: FlaskClient, backend: Backend, token: str | None, **more: str) -> int:
    form = backend.form(grant_type=None, scope=None, token=token, **more)
    answer = http.post("/auth/revoke", data=form)
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.status_code


def test_a_client_gives_back_its_own_token_and_nobody_elses(
    http: FlaskClient, register: Register, services: Services
) -> None:
    owner, other = register(), register()
    kept, given_back = token_of(http, owner), token_of(http, owner)
    assert revoke(http, other, given_back) == 200
    assert stands(services, given_back)
    assert revoke(http, owner, given_back, token_type_hint="refresh_token") == 200
    assert not stands(services, given_back)
    assert stands(services, kept)
    assert revoke(http, owner, given_back) == 200


def test_an_unknown_token_is_answered_like_a_known_one(http: FlaskClient, register: Register) -> None:
    backend = register()
    for token in ("unknown", "a.b.c", "x" * 20000, backend.assertion()):
        assert revoke(http, backend, token) == 200


def test_a_stranger_revokes_nothing(http: FlaskClient, register: Register, services: Services) -> None:
    backend = register()
    token = token_of(http, backend)
    assert http.post("/auth/revoke", data={"token": token}).status_code == 401
    assert revoke(http, Backend(backend.token_url), token) == 400
    used = backend.assertion()
    assert revoke(http, backend, "unknown", client_assertion=used) == 200
    assert revoke(http, backend, token, client_assertion=used) == 400
    assert revoke(http, backend, None) == 400
    assert http.get(f"/auth/revoke?token={token}").status_code == 405
    assert stands(services, token)


@pytest.mark.parametrize(
    "path", ["/.well-known/smart-configuration", "/fhir/.well-known/smart-configuration"]
)
@pytest.mark.parametrize(
    "accept", ["application/json", "application/fhir+json", "text/html", "image/png", None]
)
def test_the_smart_configuration_is_json_for_everybody_everywhere(
    http: FlaskClient, path: str, accept: str | None
) -> None:
    headers = {
        "Origin": "https://inferno.example",
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
    }
    answer = http.get(path, headers={**headers, **({"Accept": accept} if accept else {})})
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "evil" not in answer.text


def test_the_smart_configuration_is_whole_and_true(http: FlaskClient) -> None:
    document = http.get("/fhir/.well-known/smart-configuration").json
    assert document == http.get("/.well-known/smart-configuration").json
    assert document is not None
    assert document["token_endpoint"] == f"{BASE}/auth/token"
    assert document["revocation_endpoint"] == f"{BASE}/auth/revoke"
    assert document["jwks_uri"] == f"{BASE}/.well-known/jwks.json"
    assert {"authorization_code", "client_credentials"} <= set(document["grant_types_supported"])
    assert set(document["token_endpoint_auth_methods_supported"]) == {
        "client_secret_basic",
        "private_key_jwt",
    }
    assert set(document["token_endpoint_auth_signing_alg_values_supported"]) == {"RS384", "ES384"}
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert "client-confidential-asymmetric" in document["capabilities"]
    assert all(isinstance(capability, str) for capability in document["capabilities"])
    # SMART 2.2: required with, and left out without, sso-openid-connect.
    assert ("issuer" in document) == ("sso-openid-connect" in document["capabilities"])


def test_every_scope_that_is_listed_can_be_had(http: FlaskClient, register: Register) -> None:
    document = http.get("/.well-known/smart-configuration").json
    assert document is not None
    of_systems = [scope for scope in document["scopes_supported"] if scope.startswith("system/")]
    scope = " ".join(of_systems)
    answer = http.post("/auth/token", data=register(scope=scope).form(scope=scope))
    assert answer.json is not None
    assert answer.json["scope"] == scope
    of_users = [one for one in document["scopes_supported"] if one not in of_systems]
    assert all(supported(one) for one in ScopeSet.of(of_users))


def test_our_published_keys_are_public_ones(http: FlaskClient) -> None:
    answer = http.get(
        "/.well-known/jwks.json", headers={"Accept": "text/html", "Origin": "https://a.example"}
    )
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "max-age" in answer.headers["Cache-Control"]
    assert answer.json is not None
    keys = {key["alg"]: key for key in answer.json["keys"]}
    assert keys.keys() == {"ES256", "RS256"}
    assert keys["ES256"].keys() == {"kty", "crv", "x", "y", "kid", "alg", "use"}
    assert keys["RS256"].keys() == {"kty", "n", "e", "kid", "alg", "use"}


def test_a_preflight_of_a_public_document_is_answered(http: FlaskClient) -> None:
    answer = http.options(
        "/.well-known/smart-configuration",
        headers={"Origin": "https://a.example", "Access-Control-Request-Headers": "authorization"},
    )
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
