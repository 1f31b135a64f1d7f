"""A program with all that apps meet: a gateway on real servers, a user, patients, and clients of each kind.

Loretta Fenwick (tests/fhir_api/asap.py) is the patient of every launch, Harlan Creech the user.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from conformance.suites.cds_hooks.session import new_key
from conformance.suites.smart.client import Client, new_rsa_key
from gateway.app import create_app
from gateway.core.settings import Settings
from tests.fhir_api import asap, bodies
from tests.support.processes import Cli, LiveGateway, free_port, run_gateway

NPI = "1999100856"
CLINIC = "1999000122"
USER = {"username": "creech", "password": "correct horse battery 12"}
PATIENT = {
    "given": "Loretta",
    "family": "Fenwick",
    "birthdate": "1968-04-11",
    "identifier": "999-70-0101",
    "postal_code": "40503",
}
FORM = {**USER, **PATIENT, "decision": "allow"}
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"

STANDALONE = "launch/patient openid fhirUser offline_access patient/*.rs"
EHR = "launch openid fhirUser offline_access patient/*.rs"
NARROW = (
    "launch/patient openid fhirUser offline_access"
    " patient/Patient.rs patient/MedicationDispense.rs patient/MedicationRequest.rs"
)
V1 = "launch/patient openid fhirUser offline_access patient/Patient.read patient/MedicationDispense.read"
GRANULAR = (
    f"launch/patient patient/Patient.rs patient/MedicationDispense.rs?code={RXNORM}|{asap.OXYCODONE_RXCUI}"
)
_REGISTERED = (
    "launch launch/patient openid fhirUser offline_access online_access"
    " patient/*.rs patient/*.read user/*.rs user/*.read"
)
BACKEND = "system/MedicationDispense.rs system/Patient.r"

ENCOUNTER = {
    "resourceType": "Encounter",
    "status": "in-progress",
    "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
}
LAUNCH_PATIENT = {
    "resourceType": "Patient",
    "name": [{"family": "Fenwick", "given": ["Loretta"]}],
    "birthDate": "1968-04-11",
    "identifier": [{"system": "http://hl7.org/fhir/sid/us-ssn", "value": "999-70-0101"}],
}
LAUNCH = {
    "user": {"username": "creech"},
    "patient": LAUNCH_PATIENT,
    "encounter": ENCOUNTER,
    "intent": "order-review",
    "appContext": '{"hook":"order-select"}',
}


def public_keys(*keys: dict[str, Any]) -> dict[str, Any]:
    """Return the key set of private JWKs without what is private."""
    private = {"d", "p", "q", "dp", "dq", "qi"}
    return {"keys": [{name: value for name, value in key.items() if name not in private} for key in keys]}


@dataclass
class Program:
    """A running gateway, and what its operators know."""

    gateway: LiveGateway
    ec: dict[str, Any] = field(default_factory=new_key, repr=False)
    rsa: dict[str, Any] = field(default_factory=new_rsa_key, repr=False)

    @property
    def cli(self) -> Cli:
        return self.gateway.cli

    def register(self, **metadata: Any) -> dict[str, Any]:
        """Register a client by the command line, and return its client information response."""
        added = self.cli("clients", "add", "--json", "-", stdin=json.dumps(metadata))
        assert added.returncode == 0, added.stderr
        told: dict[str, Any] = json.loads(added.stdout)
        return told

    def app(self, method: str, redirect: str, **more: Any) -> dict[str, Any]:
        """Register an app that users launch, authenticating by `method`."""
        made = {
            "client_name": f"An app ({method})",
            "token_endpoint_auth_method": method,
            "grant_types": ["authorization_code", "refresh_token"],
            "redirect_uris": [redirect],
            "launch_uris": [redirect.replace("redirect", "launch")],
            "scope": _REGISTERED,
            "organizations": [CLINIC],
        }
        return self.register(**{**made, **more})

    def backend(self, jwks: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
        """Register a Backend Services client."""
        made = {
            "client_name": "A service",
            "token_endpoint_auth_method": "private_key_jwt",
            "grant_types": ["client_credentials"],
            "scope": BACKEND,
            "organizations": [CLINIC],
            **({"jwks": jwks} if jwks else {}),
        }
        return self.register(**{**made, **more})

    def ehr(self, key: dict[str, Any]) -> dict[str, Any]:
        """Register an EHR that may open launches."""
        return self.backend(public_keys(key), scope="__launch", trusted_ehr=True, client_name="An EHR")

    def add_user(self) -> None:
        """Add the user of every launch."""
        words = ["--username", USER["username"], "--role", "practitioner", "--name", "Harlan Creech"]
        words += ["--npi", NPI, "--organization", CLINIC, "--password-stdin", "--json"]
        added = self.cli("accounts", "add", *words, stdin=USER["password"] + "\n")
        assert added.returncode == 0, added.stderr

    def report(self) -> None:
        """Load what pharmacies reported."""

        app = create_app(self.gateway.settings)
        try:
            asap.load(app.extensions["pdmp"])
        finally:
            app.extensions["pdmp"].close()

    def suite_config(self) -> dict[str, Any]:
        """Register a client of each kind, and return what the suite smart-stu2.2 needs to know."""
        callback, origin = "https://app.example/redirect", "https://app.example"
        key_port = free_port()
        symmetric = self.app("client_secret_basic", callback)
        where = f"http://localhost:{key_port}/jwks.json"
        clients = {
            "public": self.app("none", callback, allowed_origins=[origin]) | {"origin": origin},
            "symmetric": symmetric,
            "es384": self.app("private_key_jwt", callback, jwks=public_keys(self.ec))
            | {"private_jwk": self.ec},
            "rs384": self.app("private_key_jwt", callback, jwks=public_keys(self.rsa))
            | {"private_jwk": self.rsa},
            "backend": self.backend(public_keys(self.ec)) | {"private_jwk": self.ec},
            "backend_rs384": self.backend(public_keys(self.rsa)) | {"private_jwk": self.rsa},
            "jwks_url": self.backend(None, jwks_uri=where) | {"private_jwk": self.ec},
            "ehr": self.ehr(self.ec) | {"private_jwk": self.ec},
        }
        wanted = ("client_id", "client_secret", "private_jwk", "origin", "jwks_uri", "scope")
        told = {
            name: {
                **{member: value[member] for member in wanted if member in value},
                "redirect_uri": callback,
            }
            for name, value in clients.items()
        }
        scopes = {"standalone": STANDALONE, "ehr": EHR, "v1": V1, "narrow": NARROW, "granular": GRANULAR}
        return {
            "clients": told,
            "values": FORM,
            "scopes": scopes,
            "launch": {"path": "/auth/launch", "scope": "__launch", "body": LAUNCH},
            "other_patient": self.someone_else(),
        }

    def someone_else(self) -> str:
        """Return the id of a patient who is not in any launch: whom a service asked for."""
        told = self.backend(public_keys(self.ec), client_name="Another service")
        client = Client.of("other", {**told, "private_jwk": self.ec})
        answer = self.post_token(client, {"grant_type": "client_credentials", "scope": BACKEND})
        body = bodies.parameters(bodies.bell(**bodies.ssn("999700201")))
        history = requests.post(
            f"{self.gateway.fhir}/Patient/$pdmp-history",
            data=json.dumps(body),
            headers={
                "Authorization": f"Bearer {answer['access_token']}",
                "Content-Type": "application/fhir+json",
            },
            timeout=20,
        )
        assert history.status_code == 200, history.text
        entries = history.json()["parameter"][0]["resource"]["entry"]
        found: str = next(
            one["resource"]["id"] for one in entries if one["resource"]["resourceType"] == "Patient"
        )
        return found

    def post_token(self, client: Client, fields: dict[str, str]) -> dict[str, Any]:
        """Return the token response to `fields` with the client's credentials."""
        endpoint = f"{self.gateway.base}/auth/token"
        credentials, headers = client.credentials(endpoint)
        answer = requests.post(endpoint, data={**fields, **credentials}, headers=headers, timeout=20)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told


@contextmanager
def run_program(
    settings: Settings, folder: Path, *, workers: int = 1, behind: str | None = None
) -> Iterator[Program]:
    """Yield a program with its user and its patients; `behind` is the base URL of a proxy in front of it."""
    with run_gateway(settings, folder / "gateway.log", workers=workers, behind=behind) as gateway:
        program = Program(gateway)
        program.add_user()
        program.report()
        yield program
