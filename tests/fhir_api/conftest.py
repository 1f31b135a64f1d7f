"""A gateway over HTTP, with registered clients, accounts and what pharmacies have reported.

Everything gets in the way it does in life: clients and accounts by their registration, tokens by Backend
Services with a signed assertion, dispensations by ASAP files.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import flask
import flask.testing
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from werkzeug.test import TestResponse

from gateway.auth.accounts import add_account
from gateway.auth.registration import register_client
from gateway.core.settings import Settings
from gateway.services import Services
from tests.fhir_api import asap

CLINIC = "1999000122"
NPI = "1999100856"
SCOPE = "system/MedicationDispense.rs system/MedicationRequest.r system/Patient.r system/Organization.r"


@dataclass
class Caller:
    """A Backend Services client of the gateway, with a token."""

    http: flask.testing.FlaskClient
    token: str = field(repr=False)

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.http.get(path, headers=self._headers(headers))

    def post_form(self, path: str, form: dict[str, str], **headers: str) -> TestResponse:
        return self.http.post(path, data=form, headers=self._headers(headers))

    def history(
        self, body: dict[str, Any], *, path: str = "/fhir/$pdmp-history", **headers: str
    ) -> TestResponse:
        sent = {"Content-Type": "application/fhir+json", **self._headers(headers)}
        return self.http.post(path, data=json.dumps(body), headers=sent)

    def _headers(self, more: dict[str, str]) -> dict[str, str]:
        named = {name.replace("_", "-"): value for name, value in more.items()}
        return {"Authorization": f"Bearer {self.token}", **named}


@dataclass
class Gateway:
    """The application and what it stands on."""

    app: flask.Flask
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def http(self) -> flask.testing.FlaskClient:
        return self.app.test_client()

    @property
    def services(self) -> Services:
        services: Services = self.app.extensions["pdmp"]
        return services

    def register(
        self, client_id: str, *, scope: str = SCOPE, organizations: tuple[str, ...] = (CLINIC,)
    ) -> None:
        jwk = {**json.loads(ECAlgorithm.to_jwk(self.key.public_key())), "kid": "k1", "alg": "ES384"}
        metadata = {
            "client_name": client_id,
            "grant_types": ["client_credentials"],
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": {"keys": [jwk]},
            "scope": scope,
            "organizations": list(organizations),
        }
        register_client(self.services.database, metadata, client_id=client_id)

    def practitioner(self, username: str = "creech", npi: str = NPI) -> None:
        add_account(
            self.services.database,
            self.services.vault,
            username=username,
            role="practitioner",
            given_name="Harlan",
            family_name="Creech",
            password="correct horse",
            npi=npi,
            organizations=(CLINIC,),
        )

    def caller(self, client_id: str = "ehr", scope: str = SCOPE) -> Caller:
        now = int(dt.datetime.now(dt.UTC).timestamp())
        address = f"{self.services.settings.base_url}/auth/token"
        claims = {
            "iss": client_id,
            "sub": client_id,
            "aud": address,
            "exp": now + 200,
            "iat": now,
            "jti": str(uuid.uuid4()),
        }
        assertion = jwt.encode(claims, self.key, algorithm="ES384", headers={"kid": "k1"})
        answer = self.http.post(
            "/auth/token",
            data={
                "grant_type": "client_credentials",
                "scope": scope,
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                "client_assertion": assertion,
            },
        )
        assert answer.status_code == 200, answer.text
        return Caller(self.http, answer.get_json()["access_token"])


@contextmanager
def open_gateway(settings: Settings) -> Iterator[Gateway]:
    """Yield a gateway on `settings` that knows one client, `ehr`, and one practitioner, Harlan Creech."""
    from gateway.app import create_app

    app = create_app(settings)
    with closing(app.extensions["pdmp"]):
        made = Gateway(app, ec.generate_private_key(ec.SECP384R1()))
        made.register("ehr")
        made.practitioner()
        yield made


@pytest.fixture(scope="module")
def gateway(module_settings: Settings) -> Iterator[Gateway]:
    with open_gateway(module_settings) as made:
        made.practitioner("disabled", "1999100864")
        yield made


@pytest.fixture(scope="module")
def reported(gateway: Gateway) -> Gateway:
    """The gateway after the pharmacies of `tests/fhir_api/asap.py` have reported."""
    asap.load(gateway.services)
    return gateway
