"""What a pentester tries first with client assertions; each must end in invalid_client."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.oauth.backend import Backend, ec_key, public_jwk, rsa_key, sign
from tests.oauth.conftest import Register

TOKEN_URL = "http://localhost:8000/auth/token"


def encoded(value: Any) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def refused(http: FlaskClient, backend: Backend, assertion: str) -> None:
    answer = http.post("/auth/token", data=backend.form(assertion=assertion))
    assert answer.status_code == 400, answer.text
    assert answer.json == {
        "error": "invalid_client",
        "error_description": "The client assertion is not valid.",
    }


def taken(http: FlaskClient, backend: Backend, **more: Any) -> None:
    answer = http.post("/auth/token", data=backend.form(**more))
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", ""])
def test_an_unsigned_assertion_is_refused(http: FlaskClient, register: Register, algorithm: str) -> None:
    backend = register()
    header = encoded({"alg": algorithm, "typ": "JWT", "kid": "k1"})
    for signature in ("", "AA"):
        refused(http, backend, f"{header}.{encoded(backend.claims())}.{signature}")


def test_a_public_key_is_no_hmac_secret(http: FlaskClient, register: Register) -> None:
    import hashlib
    import hmac

    backend = register()
    public = backend.keys["k1"].public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for secret in (pem, json.dumps(backend.jwks()["keys"][0]).encode()):
        for algorithm, digest in (("HS256", hashlib.sha256), ("HS384", hashlib.sha384)):
            signed = encoded({"alg": algorithm, "typ": "JWT", "kid": "k1"}) + "." + encoded(backend.claims())
            signature = hmac.new(secret, signed.encode(), digest).digest()
            refused(http, backend, f"{signed}.{encoded(signature)}")


@pytest.mark.parametrize("algorithm", ["RS256", "RS512", "PS384", "ES256"])
def test_only_rs384_and_es384_are_taken(http: FlaskClient, register: Register, algorithm: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else rsa_key()
    backend = Backend(TOKEN_URL, keys={"k1": ec_key(), "other": key})
    register(backend)
    taken(http, backend)
    refused(http, backend, sign(backend.claims(), key, algorithm, {"kid": "other"}))


def test_a_key_in_the_header_is_not_looked_at(http: FlaskClient, register: Register) -> None:
    backend = register()
    attacker = Backend(TOKEN_URL, client_id=backend.client_id)
    brought = {"jwk": public_jwk(attacker.keys["k1"], "k1"), "x5c": ["MIIB"], "x5u": "https://evil.example/"}
    refused(http, backend, attacker.assertion(header=brought))
    taken(http, backend, assertion=backend.assertion(header=brought))


@pytest.mark.parametrize(
    "jku",
    [
        "https://evil.example/jwks.json",
        "http://169.254.169.254/latest/meta-data",
        "http://localhost:8000/.well-known/jwks.json",
        "",
        None,
        7,
    ],
)
def test_a_jku_that_is_not_registered_is_refused_unfetched(
    http: FlaskClient, register: Register, monkeypatch: pytest.MonkeyPatch, jku: object
) -> None:
    import socket

    backend = register()

    def never(*_: object, **__: object) -> None:
        raise AssertionError("something was looked up")

    monkeypatch.setattr(socket, "getaddrinfo", never)
    refused(http, backend, backend.assertion(header={"jku": jku}))


@pytest.mark.parametrize(
    "kid",
    [
        "../../../../etc/passwd",
        "k1' OR '1'='1",
        "k" * 10_000,
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
def test_a_key_id_is_an_opaque_text(http: FlaskClient, register: Register, kid: object) -> None:
    backend = register()
    header = encoded({"alg": "ES384", "typ": "JWT", "kid": kid})
    refused(http, backend, f"{header}.{encoded(backend.claims())}.{encoded(b'x' * 96)}")


def test_two_keys_with_one_id_are_told_apart_by_kind_or_refused(
    http: FlaskClient, register: Register
) -> None:
    both = Backend(TOKEN_URL, keys={"k1": ec_key(), "k2": rsa_key()})
    jwks = {"keys": [public_jwk(both.keys["k1"], "same"), public_jwk(both.keys["k2"], "same")]}
    register(both, jwks=jwks)
    taken(http, both, assertion=both.assertion(header={"kid": "same"}))
    taken(http, both, assertion=both.assertion(kid="k2", header={"kid": "same"}))
    twice = Backend(TOKEN_URL, keys={"k1": ec_key(), "k2": ec_key()})
    register(twice, jwks={"keys": [public_jwk(key, "same") for key in twice.keys.values()]})
    refused(http, twice, twice.assertion(header={"kid": "same"}))


@pytest.mark.parametrize("more", [{"use": "enc"}, {"alg": "ES256"}, {"key_ops": ["sign"]}])
def test_a_key_registered_for_something_else_does_not_verify(
    http: FlaskClient, register: Register, more: dict[str, Any]
) -> None:
    backend = Backend(TOKEN_URL, keys={"k1": ec_key(), "k2": ec_key()})
    register(
        backend, jwks={"keys": [public_jwk(backend.keys["k1"], "k1", **more), *backend.jwks()["keys"][1:]]}
    )
    refused(http, backend, backend.assertion())
    taken(http, backend, assertion=backend.assertion(kid="k2"))


@pytest.mark.parametrize(
    "header", [{"crit": ["exp"], "exp": 1}, {"crit": []}, {"b64": True}, {"typ": "at+jwt"}, {"typ": 1}]
)
def test_a_header_that_asks_for_more_is_refused(
    http: FlaskClient, register: Register, header: dict[str, Any]
) -> None:
    backend = register()
    protected = encoded({"alg": "ES384", "typ": "JWT", "kid": "k1", **header})
    signed = f"{protected}.{encoded(backend.claims())}"
    from jwt.algorithms import ECAlgorithm

    algorithm = ECAlgorithm(ECAlgorithm.SHA384)
    signature = algorithm.sign(signed.encode(), backend.keys["k1"])  # type: ignore[arg-type]
    refused(http, backend, f"{signed}.{encoded(signature)}")


@pytest.mark.parametrize("typ", ["JWT", "jwt", "client-authentication+jwt", None])
def test_the_usual_types_are_taken(http: FlaskClient, register: Register, typ: str | None) -> None:
    backend = register()
    taken(http, backend, assertion=backend.assertion(header={"typ": typ}))


@pytest.mark.parametrize(
    "claims",
    [
        b'{"iss":"%s","sub":"%s","aud":"%s","exp":%d,"jti":"a","jti":"b"}',
        b'{"iss":"other","iss":"%s","sub":"%s","aud":"%s","exp":%d,"jti":"a"}',
        b'{"iss":"%s","sub":"%s","aud":"%s","exp":%d,"jti":"a","x":NaN}',
        b'[{"iss":"%s","sub":"%s","aud":"%s","exp":%d,"jti":"a"}]',
        b'{"iss":"%s","sub":"%s","aud":"%s","exp":%d,"jti":"a"',
        b'{"iss":"%s","sub":"%s","aud":"%s","exp":%d,"jti":"a","x":' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
)
def test_claims_with_two_meanings_or_none_are_refused(
    http: FlaskClient, register: Register, claims: bytes
) -> None:
    import time

    backend = register()
    names = backend.client_id.encode()
    text = claims % (names, names, TOKEN_URL.encode(), int(time.time()) + 200)
    refused(http, backend, sign(text, backend.keys["k1"], "ES384", {"kid": "k1"}))


def test_another_clients_key_signs_nothing_for_this_one(http: FlaskClient, register: Register) -> None:
    first, second = register(), register()
    forged = Backend(TOKEN_URL, client_id=first.client_id, keys=second.keys)
    refused(http, first, forged.assertion())


def test_an_assertion_whose_bytes_were_touched_is_refused(http: FlaskClient, register: Register) -> None:
    backend = register()
    header, claims, signature = backend.assertion().split(".")
    other = backend.assertion().split(".")
    refused(http, backend, f"{header}.{other[1]}.{signature}")
    refused(http, backend, f"{header}.{claims}.{signature[:-4]}")
    refused(http, backend, f"{header}.{claims}.{signature}.{signature}")
    refused(http, backend, f"{header}.{claims}")
    refused(http, backend, f" {header}.{claims}.{signature}")
    refused(http, backend, f"{header}=.{claims}.{signature}")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(max_size=60)
    | st.tuples(*[st.binary(max_size=40)] * 3).map(lambda parts: ".".join(encoded(part) for part in parts))
    | st.tuples(
        st.dictionaries(st.sampled_from(["alg", "kid", "typ", "jku"]), st.text(max_size=8) | st.integers()),
        st.dictionaries(
            st.sampled_from(["iss", "sub", "aud", "exp", "jti"]), st.text(max_size=8) | st.integers()
        ),
    ).map(lambda both: f"{encoded(both[0])}.{encoded(both[1])}.AAAA")
)
def test_no_text_at_all_upsets_the_endpoint(http: FlaskClient, assertion: str) -> None:
    form = Backend(TOKEN_URL).form(assertion=assertion)
    answer = http.post("/auth/token", data={name: value for name, value in form.items() if value})
    assert answer.status_code in (400, 401)
    assert answer.json is not None
    assert answer.json["error"] in ("invalid_client", "invalid_request")
