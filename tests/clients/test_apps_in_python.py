"""Apps by libraries that others wrote: SMART's fhirclient and Authlib, through every page."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from fhirclient.client import FHIRClient
from joserfc.jwk import ECKey

from conformance.suites.smart.client import Client
from tests.clients.conftest import walk
from tests.support.smart_program import LAUNCH, STANDALONE, Program, public_keys

CALLBACK = "https://app.example/callback"


def launch_for(program: Program, app: dict[str, Any]) -> dict[str, Any]:
    """Open a launch of an app, as its EHR."""
    ehr = Client.of("ehr", program.ehr(program.ec) | {"private_jwk": program.ec})
    token = program.post_token(ehr, {"grant_type": "client_credentials", "scope": "__launch"})
    answer = requests.post(
        f"{program.gateway.base}/auth/launch",
        json={**LAUNCH, "client_id": app["client_id"]},
        headers={"Authorization": f"Bearer {token['access_token']}"},
        timeout=20,
    )
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


@pytest.mark.parametrize("launched", [False, True], ids=["standalone", "from the EHR"])
def test_fhirclient_opens_the_patient_of_the_launch(program: Program, launched: bool) -> None:
    app = program.app("none", CALLBACK)
    settings = {
        "app_id": app["client_id"],
        "api_base": program.gateway.fhir,
        "redirect_uri": CALLBACK,
        # As its users write it; it adds launch or launch/patient itself, even beside one that is there.
        "scope": "openid fhirUser patient/*.read"
        if not launched
        else "launch openid fhirUser patient/*.read",
    }
    if launched:
        settings["launch_token"] = launch_for(program, app)["launch"]
    smart = FHIRClient(settings=settings)
    assert smart.prepare() is False
    smart.handle_callback(walk(program, smart.authorize_url, CALLBACK))
    assert smart.ready
    read = smart.server.request_json(f"Patient/{smart.patient_id}")
    assert read["name"][0]["family"] == "Fenwick"
    found = smart.server.request_json(f"MedicationDispense?patient={smart.patient_id}&_count=2")
    assert found["total"] >= 6
    following = next(link["url"] for link in found["link"] if link["relation"] == "next")
    assert smart.server.request_json(following)["entry"]


class FiveMinutes(PrivateKeyJWT):
    """Authlib's own assertions live an hour, and claims that are given once keep their `jti`."""

    def sign(self, auth: Any, token_endpoint: str) -> Any:
        self.claims = {"exp": int(time.time()) + 240}
        return super().sign(auth, token_endpoint)


@pytest.fixture(params=["none", "client_secret_basic", "private_key_jwt"])
def authlib(request: pytest.FixtureRequest, program: Program) -> Iterator[OAuth2Session]:
    """Authlib's client, registered and authenticating by each method."""
    more = {"jwks": public_keys(program.ec)} if request.param == "private_key_jwt" else {}
    app = program.app(request.param, CALLBACK, **more)
    secret: Any = app.get("client_secret")
    if request.param == "private_key_jwt":
        secret = ECKey.import_key(program.ec)
    session = OAuth2Session(
        app["client_id"],
        secret,
        scope=STANDALONE,
        redirect_uri=CALLBACK,
        code_challenge_method="S256",
        token_endpoint_auth_method=request.param,
        revocation_endpoint_auth_method=request.param,
        token_endpoint=f"{program.gateway.base}/auth/token",
    )
    if request.param == "private_key_jwt":
        session.register_client_auth_method(
            FiveMinutes(f"{program.gateway.base}/auth/token", headers={"kid": program.ec["kid"]}, alg="ES384")
        )
    with session:
        yield session


def test_authlib_gets_refreshes_asks_about_and_revokes_tokens(
    program: Program, authlib: OAuth2Session
) -> None:
    base = program.gateway.base
    found = requests.get(f"{program.gateway.fhir}/.well-known/smart-configuration", timeout=10).json()
    verifier = "v" * 64
    url, state = authlib.create_authorization_url(
        found["authorization_endpoint"], code_verifier=verifier, aud=program.gateway.fhir, nonce="n-0S6"
    )
    back = walk(program, url, CALLBACK)
    tokens = authlib.fetch_token(
        found["token_endpoint"], authorization_response=back, state=state, code_verifier=verifier
    )
    claims = jwt.decode(
        tokens["id_token"],
        jwt.PyJWKClient(found["jwks_uri"]).get_signing_key_from_jwt(tokens["id_token"]).key,
        algorithms=["RS256"],
        audience=authlib.client_id,
        issuer=found["issuer"],
    )
    assert claims["nonce"] == "n-0S6"
    user = authlib.get(claims["fhirUser"], timeout=10).json()
    assert (user["resourceType"], user["name"][0]["family"]) == ("Practitioner", "Creech")
    patient = f"{program.gateway.fhir}/Patient/{tokens['patient']}"
    assert authlib.get(patient, timeout=10).status_code == 200

    fresh = authlib.refresh_token(found["token_endpoint"], refresh_token=tokens["refresh_token"])
    assert fresh["refresh_token"] != tokens["refresh_token"]
    assert fresh["scope"] == tokens["scope"]
    assert authlib.get(patient, timeout=10).status_code == 200

    told = authlib.introspect_token(found["introspection_endpoint"], token=fresh["access_token"]).json()
    assert (told["active"], told["client_id"], told["patient"]) == (
        True,
        authlib.client_id,
        tokens["patient"],
    )
    gone = authlib.revoke_token(f"{base}/auth/revoke", token=fresh["refresh_token"])
    assert gone.status_code == 200
    assert requests.get(patient, headers=bearer(fresh), timeout=10).status_code == 401


def bearer(tokens: dict[str, Any]) -> dict[str, str]:
    """Return the Authorization header of an access token."""
    return {"Authorization": f"Bearer {tokens['access_token']}"}
