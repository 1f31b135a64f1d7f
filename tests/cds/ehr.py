"""An EHR as tests play it: its keys, its tokens, the hook calls it sends, and its FHIR server."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from tests.oauth.backend import Key, ec_key, public_jwk, sign

ISS = "https://ehr.example"
FHIR = "https://ehr.example/fhir"
ORIGIN = "https://screen.ehr.example"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
NDC = "http://hl7.org/fhir/sid/ndc"

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "pat-1",
    "identifier": [{"system": "urn:mrn", "value": "MRN-77123"}],
    "name": [{"family": "Quimby", "given": ["Zelda"]}],
    "birthDate": "1961-02-03",
    "gender": "female",
    "photo": [{"url": "https://ehr.example/photo"}],
    "contact": [{"name": {"text": "Somebody Else"}}],
}
PRACTITIONER: dict[str, Any] = {
    "resourceType": "Practitioner",
    "id": "doc-1",
    "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": "1999100856"}],
    "name": [{"family": "Torphy", "given": ["Magdalena"]}],
}
ROLE: dict[str, Any] = {
    "resourceType": "PractitionerRole",
    "id": "role-1",
    "practitioner": {"reference": "Practitioner/doc-1"},
    "organization": {"reference": "Organization/org-1"},
    "specialty": [{"text": "Family medicine"}],
}
PREFETCH = {"patient": PATIENT, "practitioner": PRACTITIONER}


@dataclass
class Ehr:
    """One EHR registered for CDS Hooks. `key` signs as `kid`."""

    base: str
    iss: str = ISS
    fhir_server: str = FHIR
    key: Key = field(default_factory=ec_key)
    kid: str = "hook-key"

    def jwks(self) -> dict[str, Any]:
        return {"keys": [public_jwk(self.key, self.kid)]}

    def metadata(self, **cds: Any) -> dict[str, Any]:
        """Return a registration; `cds` changes that member, a change to None leaves one out."""
        made = {"iss": self.iss, "jwks": self.jwks(), "fhir_server": self.fhir_server, **cds}
        return {
            "client_name": "An EHR",
            "token_endpoint_auth_method": "private_key_jwt",
            "grant_types": ["client_credentials"],
            "jwks": self.jwks(),
            "allowed_origins": [ORIGIN],
            "cds": {name: value for name, value in made.items() if value is not None},
        }

    def claims(self, path: str, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        made = {
            "iss": self.iss,
            "aud": self.base + path,
            "iat": now,
            "exp": now + 300,
            "jti": uuid.uuid4().hex,
            **changes,
        }
        return {name: value for name, value in made.items() if value is not None}

    def token(self, path: str, *, header: dict[str, Any] | None = None, **changes: Any) -> str:
        algorithm = "ES384" if isinstance(self.key, ec.EllipticCurvePrivateKey) else "RS384"
        full = {"kid": self.kid, "typ": "JWT", **(header or {})}
        return sign(self.claims(path, **changes), self.key, algorithm, full)

    def headers(self, path: str, **changes: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(path, **changes)}"}


def hook(name: str, **changes: Any) -> dict[str, Any]:
    """Return the body of a call. `context` adds to the context; a change to None leaves a member out."""
    context = {"userId": "Practitioner/doc-1", "patientId": "pat-1", **changes.pop("context", {})}
    if name != "patient-view":
        context.setdefault("draftOrders", drafts(order(display="oxycodone hydrochloride 5 MG Oral Tablet")))
    if name == "order-select":
        context.setdefault("selections", ["MedicationRequest/o1"])
    made = {
        "hook": name,
        "hookInstance": str(uuid.uuid4()),
        "context": {key: value for key, value in context.items() if value is not None},
        "prefetch": PREFETCH,
        **changes,
    }
    return {key: value for key, value in made.items() if value is not None}


def order(
    own: str = "o1", *, code: tuple[str, str] | None = None, display: str = "", text: str = ""
) -> dict[str, Any]:
    """Return a draft MedicationRequest of a coded or named drug."""
    coding: dict[str, Any] = {}
    if code:
        coding = {"system": code[0], "code": code[1]}
    if display:
        coding["display"] = display
    concept: dict[str, Any] = {"coding": [coding]} if coding else {}
    if text:
        concept["text"] = text
    return {
        "resourceType": "MedicationRequest",
        "id": own,
        "status": "draft",
        "intent": "order",
        "subject": {"reference": "Patient/pat-1"},
        "medicationCodeableConcept": concept,
    }


def drafts(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in resources]}


@dataclass
class FhirServer:
    """A FHIR server on loopback: `resources` by `Type/id`, and every request it got."""

    base: str
    resources: dict[str, Any]
    seen: list[tuple[str, str | None]] = field(default_factory=list)


@contextmanager
def fhir_server(**resources: Any) -> Iterator[FhirServer]:
    """Yield a running server that knows PATIENT, PRACTITIONER and ROLE."""
    known = {f"{one['resourceType']}/{one['id']}": one for one in (PATIENT, PRACTITIONER, ROLE)}
    running = FhirServer("", {**known, **resources})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            running.seen.append((self.path, self.headers.get("Authorization")))
            found = running.resources.get(self.path.removeprefix("/fhir/"))
            body = json.dumps(found or {"resourceType": "OperationOutcome"}).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/fhir+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    running.base = f"http://ehr.localhost:{server.server_address[1]}/fhir"
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
