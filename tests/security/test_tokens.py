"""Attacks with access tokens: in the wrong place, at the wrong time, of the wrong kind; and by strangers."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import requests

from tests.fhir_api import bodies
from tests.oauth.backend import Backend, ec_key, sign
from tests.security.forging import encoded, hmac_signed, parts
from tests.security.house import SCOPE, House
from tests.support.smart_browser import App, Browser


@pytest.fixture(scope="module")
def app(house: House) -> App:
    return house.app("client_secret_basic")


@pytest.fixture(scope="module")
def tokens(house: House, app: App, signed_in: Browser) -> dict[str, Any]:
    return house.tokens(app, browser=signed_in)


def challenged(answer: requests.Response, error: str | None = "invalid_token") -> None:
    """Assert exactly 401, with a challenge that names the error where a token was sent."""
    assert answer.status_code == 401, answer.text
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith("Bearer")
    assert ("error" in challenge) == (error is not None)
    assert error is None or f'error="{error}"' in challenge
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert "entry" not in answer.json()


def paths(tokens: dict[str, Any]) -> list[str]:
    patient = tokens["patient"]
    return [f"Patient/{patient}", f"MedicationDispense?patient={patient}", f"Patient/{patient}/_history/1"]


def test_a_token_in_the_address_or_the_body_is_not_looked_at_and_not_logged(
    house: House, tokens: dict[str, Any]
) -> None:
    token = tokens["access_token"]
    for path in paths(tokens):
        mark = "&" if "?" in path else "?"
        for name in ("access_token", "token", "bearer_token", "Authorization"):
            challenged(house.get(f"{path}{mark}{name}={token}", None), None)
    url = f"{house.fhir}/MedicationDispense/_search"
    challenged(
        requests.post(url, data={"patient": tokens["patient"], "access_token": token}, timeout=30), None
    )
    challenged(house.get(paths(tokens)[0], None, Cookie=f"access_token={token}; pdmp_sid={token}"), None)
    assert token not in house.log()
    assert token.rpartition(".")[2] not in house.log()
    assert house.get(paths(tokens)[0], token).status_code == 200


def test_two_authorization_headers_or_other_schemes_are_refused(house: House, tokens: dict[str, Any]) -> None:
    token = tokens["access_token"]
    path = paths(tokens)[0]
    import http.client

    for headers in ([f"Bearer {token}", f"Bearer {token}"], [f"Bearer {token}", "Basic eDp5"]):
        connection = http.client.HTTPConnection(house.address.removeprefix("http://"), timeout=30)
        connection.putrequest("GET", f"/fhir/{path}")
        for value in headers:
            connection.putheader("Authorization", value)
        connection.endheaders()
        assert connection.getresponse().status in (400, 401)
        connection.close()
    for value in (
        f"Bearer {token}, Bearer {token}",
        f"Bearer {token} x",
        f"Basic {token}",
        f"DPoP {token}",
        f"MAC {token}",
        token,
        "Bearer",
        "Bearer null",
        f"Bearer {token[:-4]}",
        f"Bearer {token}{'A' * 9000}",
    ):
        answer = house.get(path, None, Authorization=value)
        assert answer.status_code in (400, 401, 431), value[:20]
        assert "Patient" not in answer.text or "OperationOutcome" in answer.text
    assert house.get(path, None, Authorization=f"Bearer {token}").status_code == 200
    assert house.get(path, None, Authorization=f"bearer {token}").status_code == 200


def test_a_token_that_we_did_not_sign_as_it_stands_is_none(house: House, tokens: dict[str, Any]) -> None:
    token = tokens["access_token"]
    header, claims = parts(token)
    signature = token.rpartition(".")[2]
    jwks = requests.get(f"{house.base}/.well-known/jwks.json", timeout=30).json()["keys"]
    from cryptography.hazmat.primitives.asymmetric import ec

    other = ec.generate_private_key(ec.SECP256R1())
    more = {**claims, "scope": "patient/*.rs user/*.rs system/*.rs", "exp": int(time.time()) + 10**6}
    forged = [
        f"{encoded({**header, 'alg': 'none'})}.{encoded(more)}.",
        f"{encoded({**header, 'alg': 'none'})}.{encoded(more)}.{signature}",
        f"{encoded(header)}.{encoded(more)}.{signature}",
        sign(more, other, "ES256", header),
        sign(more, other, "ES256", {**header, "jku": "https://evil.example/jwks.json"}),
        hmac_signed(more, json.dumps(jwks[0]).encode(), {**header, "alg": "HS256"}),
        sign(more, ec_key(), "ES384", {**header, "alg": "ES384"}),
    ]
    forged += [
        sign(claims, other, "ES256", {**header, "kid": kid})
        for kid in ("../../etc/passwd", "' OR 1=1 --", "x" * 5000, "", "\0")
    ]
    for path in paths(tokens):
        for one in forged:
            answer = house.get(path, one)
            assert answer.status_code in (400, 401), one
            assert "birthDate" not in answer.text
    assert house.get(paths(tokens)[0], token).status_code == 200


def test_a_token_of_another_kind_server_or_time_is_none(
    house: House, app: App, tokens: dict[str, Any], signed_in: Browser
) -> None:
    keys, claims = house.services.keys, parts(tokens["access_token"])[1]

    def signed(typ: str = "at+jwt", **changes: Any) -> str:
        made = {name: value for name, value in {**claims, **changes}.items() if value is not None}
        return keys.sign(made, algorithm="ES256", typ=typ)

    wrong = [
        tokens["id_token"],
        tokens["refresh_token"],
        signed("JWT"),
        signed("logout+jwt"),
        signed(aud="https://evil.example/fhir"),
        signed(aud=[house.fhir, "https://evil.example"]),
        signed(aud=house.base),
        signed(aud=app.client_id),
        signed(iss="https://evil.example"),
        signed(exp=int(time.time()) - 1),
        signed(exp=None),
        signed(exp="never"),
        signed(jti="unknown-token"),
        signed(jti=None),
        signed(consent="00000000-0000-7000-8000-000000000000"),
        signed(consent="x"),
        signed(sub="x"),
        signed(client_id="nobody"),
    ]
    for one in wrong:
        challenged(house.get(paths(tokens)[0], one))
        challenged(house.get(paths(tokens)[1], one))
        asked = {"token": one}
        told = requests.post(
            f"{house.base}/auth/introspect", data=asked, auth=(app.client_id, app.secret or ""), timeout=30
        )
        if one != tokens["refresh_token"]:
            assert told.json()["active"] is False or parts(one)[1]["jti"] == claims["jti"]
    # As the first one was made, it is one.
    assert house.get(paths(tokens)[0], signed()).status_code == 200


def test_a_token_ends_the_moment_it_is_expired_or_taken_back(
    house: House, app: App, signed_in: Browser
) -> None:
    kept, gone, old = (house.tokens(app, browser=signed_in) for _ in range(3))
    for one in (kept, gone, old):
        assert house.dispenses(one).status_code == 200
    given = requests.post(
        f"{house.base}/auth/revoke",
        data={"token": gone["access_token"]},
        auth=(app.client_id, app.secret or ""),
        timeout=30,
    )
    assert given.status_code == 200
    jti = parts(old["access_token"])[1]["jti"]
    house.as_owner("UPDATE access_token SET expires_at = now() WHERE token_id = %(jti)s", jti=jti)
    assert house.introspected(app, old["access_token"]) == {"active": False}
    # Both workers, which remember the signature as good.
    for _ in range(6):
        challenged(house.dispenses(gone))
        challenged(house.get(paths(gone)[0], gone["access_token"]))
        assert house.introspected(app, gone["access_token"]) == {"active": False}
    assert house.dispenses(kept).status_code == 200


def test_a_stranger_is_told_nothing_about_tokens(house: House, app: App, tokens: dict[str, Any]) -> None:
    token, auth = tokens["access_token"], (app.client_id, app.secret or "")
    other, service = house.app("client_secret_basic"), house.backend()
    for path in ("/auth/introspect", "/auth/revoke"):
        url = f"{house.base}{path}"
        for bad in (None, (app.client_id, "wrong"), ("nobody", "x"), ("", "")):
            answer = requests.post(url, data={"token": token}, auth=bad, timeout=30)
            assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
            assert answer.headers["WWW-Authenticate"].startswith("Basic")
        # A confidential client without its secret is a stranger too.
        bare = requests.post(url, data={"token": token, "client_id": app.client_id}, timeout=30)
        assert bare.status_code in (400, 401)
    introspect, revoke = f"{house.base}/auth/introspect", f"{house.base}/auth/revoke"
    by_other = (other.client_id, other.secret or "")
    for unknown in (token, "x.y.z", tokens["refresh_token"], tokens["id_token"], "nothing"):
        seen = requests.post(introspect, data={"token": unknown}, auth=by_other, timeout=30)
        assert (seen.status_code, seen.json()) == (200, {"active": False})
        assert seen.content == b'{"active":false}'
        given = requests.post(revoke, data={"token": unknown}, auth=by_other, timeout=30)
        assert (given.status_code, given.content) == (200, b"")
    as_service = requests.post(introspect, data=service.form(token=token), timeout=30)
    assert as_service.json() == {"active": False}
    # Its own client sees it still stand, all that giving back notwithstanding.
    assert requests.post(introspect, data={"token": token}, auth=auth, timeout=30).json()["active"] is True
    assert house.get(paths(tokens)[0], token).status_code == 200


def test_a_bearer_token_introspects_for_its_own_client_alone(
    house: House, app: App, tokens: dict[str, Any], signed_in: Browser
) -> None:
    other = house.tokens(house.app(), SCOPE, browser=signed_in)

    def asked(by: str, about: str) -> requests.Response:
        return requests.post(
            f"{house.base}/auth/introspect",
            data={"token": about},
            headers={"Authorization": f"Bearer {by}"},
            timeout=30,
        )

    assert asked(tokens["access_token"], other["access_token"]).json() == {"active": False}
    assert asked(tokens["access_token"], tokens["access_token"]).json()["active"] is True
    assert asked(tokens["id_token"], tokens["access_token"]).status_code == 401
    everything: Backend = house.backend(scope="__introspect system/Patient.r")
    # Registered for all, but the token it comes with was made for less.
    less = requests.post(
        f"{house.base}/auth/token", data=everything.form(scope="system/Patient.r"), timeout=30
    ).json()
    assert asked(less["access_token"], tokens["access_token"]).json() == {"active": False}
    whole = requests.post(
        f"{house.base}/auth/token", data=everything.form(scope="__introspect"), timeout=30
    ).json()
    assert asked(whole["access_token"], tokens["access_token"]).json()["active"] is True


def test_what_is_for_a_user_is_not_for_a_service_and_the_other_way_round(
    house: House, tokens: dict[str, Any]
) -> None:
    service = house.backend()
    token = requests.post(f"{house.base}/auth/token", data=service.form(), timeout=30).json()["access_token"]
    # Without an answer to $pdmp-history before it, a service reads nobody.
    for path in paths(tokens):
        answer = house.get(path, token)
        assert answer.status_code in (403, 404)
        assert "birthDate" not in answer.text
    match = {
        "resourceType": "Parameters",
        "parameter": [{"name": "resource", "resource": bodies.fenwick()}],
    }
    answer = requests.post(
        f"{house.fhir}/Patient/$match",
        json=match,
        headers={
            "Authorization": f"Bearer {tokens['access_token']}",
            "Content-Type": "application/fhir+json",
        },
        timeout=30,
    )
    assert answer.status_code == 403
    assert house.get(paths(tokens)[0], tokens["access_token"]).status_code == 200
