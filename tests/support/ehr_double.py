"""A running double for tests, and a SMART client that launches at it as a real app would.

`Hospital` holds the double's file, clock and Flask test client; `SmartClient` sends each request of the
code flow with defaults that are right, and lets a test change one thing at a time.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from flask.testing import FlaskClient
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from werkzeug.test import TestResponse

from conformance.ehr.app import create_app
from conformance.ehr.book import Book
from conformance.ehr.context import Ehr
from conformance.ehr.keys import SigningKey
from conformance.ehr.settings import Settings
from conformance.ehr.state import State

BASE = "http://ehr.localhost:8002"
FHIR = f"{BASE}/fhir"
TOKEN_ENDPOINT = f"{BASE}/auth/token"
CALLBACK = "http://pdmp.localhost:8001/callback"
SCOPE = "launch openid fhirUser user/Practitioner.rs patient/Patient.rs"
REGISTERED = f"{SCOPE} user/PractitionerRole.rs user/Organization.rs patient/Encounter.rs"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP384R1())
# One for all: making an RSA key takes longer than most tests.
SIGNING_KEY = SigningKey()
STRANGER = ec.generate_private_key(ec.SECP384R1())


def jwks() -> dict[str, Any]:
    rsa_jwk = json.loads(RSAAlgorithm.to_jwk(RSA_KEY.public_key()))
    ec_jwk = json.loads(ECAlgorithm.to_jwk(EC_KEY.public_key()))
    return {"keys": [{**rsa_jwk, "kid": "rsa-1"}, {**ec_jwk, "kid": "ec-1"}]}


def person(kind: str, ident: str, given: str, family: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": kind, "id": ident, "name": [{"given": [given], "family": family}], **more}


def book() -> dict[str, Any]:
    mrn = {"type": {"coding": [{"code": "MR"}]}, "system": "urn:ehr:mrn", "value": "MRN-4711"}
    return {
        "app_launch_url": "http://pdmp.localhost:8001/launch",
        "clients": [
            {
                "client_id": "pdmp-app",
                "redirect_uris": [CALLBACK],
                "jwks": jwks(),
                "token_endpoint_auth_method": "private_key_jwt",
                "scope": REGISTERED,
            },
            {
                "client_id": "basic-app",
                "redirect_uris": ["http://basic.localhost:8001/callback"],
                "client_secret": "basic-secret_1",
                "token_endpoint_auth_method": "client_secret_basic",
                "scope": SCOPE,
            },
            {
                "client_id": "post-app",
                "redirect_uris": ["http://post.localhost:8001/callback"],
                "client_secret": "post-secret_1",
                "token_endpoint_auth_method": "client_secret_post",
                "scope": SCOPE,
            },
        ],
        "practitioners": [
            person(
                "Practitioner",
                "creech",
                "Harlan",
                "Creech",
                identifier=[{"system": "http://hl7.org/fhir/sid/us-npi", "value": "1999500006"}],
            ),
            person("Practitioner", "tackett", "Imogen", "Tackett"),
        ],
        "organization": {"resourceType": "Organization", "id": "bluegrass", "name": "Bluegrass Regional"},
        "patients": [
            person(
                "Patient",
                "p1",
                "Loretta",
                "Fenwick",
                birthDate="1968-04-11",
                gender="female",
                identifier=[mrn],
            ),
            person("Patient", "p2", "Wendell", "Álvarez", birthDate="1970-01-02", gender="male"),
        ],
    }


class Hospital:
    """One double in this process; `clock` is added to the real time."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "ehr.json"
        self.clock = 0.0
        self.content = book()
        self.write()
        settings = Settings.from_env({"PDMP_EHR_FILE": str(self.file), "PDMP_TEST_TODAY": "2026-11-20"})
        self.ehr = Ehr(settings, Book(self.file), State(lambda: time.time() + self.clock), SIGNING_KEY)
        self.app = create_app(self.ehr)

    def write(self, **changes: Any) -> None:
        self.content |= changes
        # As a careful writer does it: the file is never half written.
        fresh = self.file.with_suffix(".new")
        fresh.write_text(json.dumps(self.content))
        fresh.replace(self.file)

    def browser(self, practitioner: str | None = "creech") -> FlaskClient:
        """Return a browser, signed in when a practitioner is named."""
        browser = self.app.test_client()
        if practitioner:
            answer = post(browser, "/sign-in", {"practitioner": practitioner})
            assert answer.status_code == 303
        return browser

    def launch(self, practitioner: str = "creech", patient: str = "p1") -> str:
        """Click PDMP in a chart and return the launch handle that the frame gets."""
        return dict(parse_qsl(urlsplit(self.frame_url(practitioner, patient)).query))["launch"]

    def frame_url(self, practitioner: str = "creech", patient: str = "p1") -> str:
        browser = self.browser(practitioner)
        clicked = post(browser, f"/chart/{patient}/pdmp", {})
        page = get(browser, clicked.location).text
        return page.split('<iframe title="PDMP" src="')[1].split('"')[0].replace("&amp;", "&")


def get(browser: FlaskClient, path: str, **more: Any) -> TestResponse:
    return browser.get(path, base_url=BASE, **more)


def post(browser: FlaskClient, path: str, data: dict[str, str], **more: Any) -> TestResponse:
    return browser.post(path, base_url=BASE, data=data, **more)


class SmartClient:
    """The registered app `pdmp-app`, or another by its id and redirect."""

    def __init__(self, hospital: Hospital, client_id: str = "pdmp-app", callback: str = CALLBACK) -> None:
        self.http = hospital.app.test_client()
        self.client_id = client_id
        self.callback = callback
        self.verifier = secrets.token_urlsafe(48)
        self.state = secrets.token_urlsafe(16)

    @property
    def challenge(self) -> str:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def request(self, launch: str, /, **changes: str | None) -> dict[str, str]:
        """Return the authorization request; a change to None leaves the parameter out."""
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.callback,
            "scope": SCOPE,
            "state": self.state,
            "aud": FHIR,
            "launch": launch,
            "nonce": "n-1",
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
        } | changes
        return {name: value for name, value in asked.items() if value is not None}

    def authorize(self, launch: str, /, **changes: str | None) -> dict[str, str]:
        """Return the parameters that the redirect to the callback carries."""
        answer = get(self.http, "/auth/authorize", query_string=self.request(launch, **changes))
        assert answer.status_code == 302, answer.text
        assert answer.location.split("?")[0] == self.callback
        return dict(parse_qsl(urlsplit(answer.location).query, keep_blank_values=True))

    def code(self, launch: str, **changes: str | None) -> str:
        return self.authorize(launch, **changes)["code"]

    def assertion(
        self, key: Any = EC_KEY, alg: str = "ES384", header: dict[str, Any] | None = None, **changes: Any
    ) -> str:
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": TOKEN_ENDPOINT,
            "exp": int(time.time()) + 300,
            "jti": secrets.token_urlsafe(16),
        } | changes
        claims = {name: value for name, value in claims.items() if value is not None}
        headers = {"kid": "ec-1" if alg == "ES384" else "rsa-1", **(header or {})}
        return jwt.encode(claims, key, algorithm=alg, headers=headers)

    def exchange(
        self, code: str, *, headers: dict[str, str] | None = None, **changes: str | None
    ) -> TestResponse:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.callback,
            "code_verifier": self.verifier,
            "client_assertion_type": ASSERTION,
            "client_assertion": None if "client_assertion" in changes else self.assertion(),
        } | changes
        sent = {name: value for name, value in form.items() if value is not None}
        return post(self.http, "/auth/token", sent, headers=headers)

    def signed_in(self, launch: str, **changes: str | None) -> dict[str, Any]:
        answer = self.exchange(self.code(launch, **changes))
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.get_json()
        return body

    def fhir(self, token: str, path: str) -> TestResponse:
        return get(self.http, f"/fhir/{path}", headers={"Authorization": f"Bearer {token}"})
