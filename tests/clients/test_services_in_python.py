"""Backend Services with `requests` and PyJWT alone, by both algorithms, from discovery to a history."""

from __future__ import annotations

import json
import time
import uuid

import jwt
import pytest
import requests

from tests.fhir_api import bodies
from tests.support.smart_program import BACKEND, Program, public_keys


@pytest.mark.parametrize("algorithm", ["ES384", "RS384"])
def test_a_service_gets_a_token_and_a_history(program: Program, algorithm: str) -> None:
    jwk = program.ec if algorithm == "ES384" else program.rsa
    service = program.backend(public_keys(jwk))
    found = requests.get(f"{program.gateway.fhir}/.well-known/smart-configuration", timeout=10).json()
    claims = {
        "iss": service["client_id"],
        "sub": service["client_id"],
        "aud": found["token_endpoint"],
        "exp": int(time.time()) + 300,
        "jti": str(uuid.uuid4()),
    }
    key = jwt.PyJWK(jwk, algorithm=algorithm).key
    form = {
        "grant_type": "client_credentials",
        "scope": BACKEND,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode(claims, key, algorithm=algorithm, headers={"kid": jwk["kid"]}),
    }
    answer = requests.post(found["token_endpoint"], data=form, timeout=10)
    assert answer.status_code == 200, answer.text
    tokens = answer.json()
    assert (tokens["scope"], "refresh_token" in tokens) == (BACKEND, False)
    history = requests.post(
        f"{program.gateway.fhir}/Patient/$pdmp-history",
        data=json.dumps(bodies.parameters(bodies.fenwick())),
        headers={
            "Authorization": f"Bearer {tokens['access_token']}",
            "Content-Type": "application/fhir+json",
        },
        timeout=20,
    )
    assert history.status_code == 200
    entries = history.json()["parameter"][0]["resource"]["entry"]
    assert sum(one["resource"]["resourceType"] == "MedicationDispense" for one in entries) >= 6
