"""The CDS client that the suite plays: its key, its tokens, its calls; what it knows comes from the config.

    {"iss": …, "kid": …, "private_jwk": {…}, "tenant"?: …, "fhir_server"?: …, "origin"?: …,
     "user": {Practitioner}, "patient": {Patient}, "other_patient"?: {Patient},
     "controlled"?: {CodeableConcept}, "not_controlled"?: {CodeableConcept}}

`private_jwk` is an EC key on P-384 (`python -m conformance key`), registered at the server with issuer, key
id and FHIR server; `origin` is a browser origin registered with it.
"""

from __future__ import annotations

import secrets
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, cast

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from conformance.run.exchanges import Answer, Exchanges
from conformance.run.outcomes import Omit, expect

ROOT = "/cds-services"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
_CONTROLLED = {"text": "oxycodone hydrochloride 5 MG Oral Tablet"}
_NOT_CONTROLLED = {
    "coding": [{"system": RXNORM, "code": "308192", "display": "amoxicillin 500 MG Oral Tablet"}],
    "text": "amoxicillin 500 MG Oral Tablet",
}


class BadConfig(Exception):
    """The config lacks something."""


def new_key() -> dict[str, Any]:
    """Return a new private key for ES384 as JWK."""
    made = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()), as_dict=True)
    return {**made, "kid": secrets.token_hex(8), "alg": "ES384", "use": "sig"}


@dataclass(slots=True)
class HookSession:
    """One run against one server. Discovery is read once."""

    http: Exchanges
    config: dict[str, Any] = field(repr=False)
    key: Any = field(repr=False)
    _services: list[dict[str, Any]] | None = None

    @classmethod
    def of(cls, http: Exchanges, config: dict[str, Any]) -> HookSession:
        """Return a session. Raises BadConfig."""
        missing = {"iss", "kid", "private_jwk", "user", "patient"} - config.keys()
        if missing:
            raise BadConfig(f"the config lacks {', '.join(sorted(missing))}")
        try:
            key = jwt.PyJWK(config["private_jwk"], algorithm="ES384").key
        except (jwt.PyJWTError, ValueError, TypeError):
            raise BadConfig("private_jwk is no private key for ES384") from None
        return cls(http, config, key)

    @property
    def patient(self) -> dict[str, Any]:
        """Return the patient of the calls."""
        return cast("dict[str, Any]", self.config["patient"])

    @property
    def user(self) -> dict[str, Any]:
        """Return the practitioner of the calls."""
        return cast("dict[str, Any]", self.config["user"])

    def concept(self, *, controlled: bool) -> dict[str, Any]:
        """Return a drug that is controlled, or is not."""
        name, default = ("controlled", _CONTROLLED) if controlled else ("not_controlled", _NOT_CONTROLLED)
        return cast("dict[str, Any]", self.config.get(name, default))

    def services(self) -> list[dict[str, Any]]:
        """Return the services that discovery tells. Raises Fail."""
        if self._services is None:
            answer = self.http.get(ROOT, self.bearer(ROOT))
            expect(answer.status == 200, f"discovery answers {answer.status}")
            found = answer.json()
            services = found.get("services") if isinstance(found, dict) else None
            expect(isinstance(services, list), "discovery has no array `services`")
            self._services = cast("list[dict[str, Any]]", services)
        return self._services

    def path(self, hook: str) -> str:
        """Return the path of the service for `hook`. Raises Omit when there is none."""
        for service in self.services():
            if service.get("hook") == hook:
                return f"{ROOT}/{service['id']}"
        raise Omit(f"no service for {hook}")

    def claims(self, path: str, **changes: Any) -> dict[str, Any]:
        """Return the claims of a token for `path`; a change to None leaves one out."""
        now = int(time.time())
        made = {
            "iss": self.config["iss"],
            "aud": self.http.base + path,
            "iat": now,
            "exp": now + 300,
            "jti": uuid.uuid4().hex,
            "tenant": self.config.get("tenant"),
            **changes,
        }
        return {name: value for name, value in made.items() if value is not None}

    def token(self, path: str, *, key: Any = None, kid: str | None = None, **changes: Any) -> str:
        """Return a token signed with ES384, by the registered key unless another is given."""
        headers = {"kid": kid or self.config["kid"]}
        return jwt.encode(self.claims(path, **changes), key or self.key, algorithm="ES384", headers=headers)

    def bearer(self, path: str, **changes: Any) -> dict[str, str]:
        """Return the Authorization header of a call to `path`."""
        return {"Authorization": f"Bearer {self.token(path, **changes)}"}

    def body(self, hook: str, /, *, drug: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        """Return the body of a call with full prefetch; a change to None leaves a member out."""
        context: dict[str, Any] = {
            "userId": f"Practitioner/{self.user['id']}",
            "patientId": self.patient["id"],
        }
        if hook != "patient-view":
            order = {
                "resourceType": "MedicationRequest",
                "id": "draft-1",
                "status": "draft",
                "intent": "order",
                "subject": {"reference": f"Patient/{self.patient['id']}"},
                "medicationCodeableConcept": drug or self.concept(controlled=True),
            }
            context["draftOrders"] = {
                "resourceType": "Bundle",
                "type": "collection",
                "entry": [{"resource": order}],
            }
        if hook == "order-select":
            context["selections"] = ["MedicationRequest/draft-1"]
        made = {
            "hook": hook,
            "hookInstance": str(uuid.uuid4()),
            "context": context,
            "prefetch": self.prefetch(hook),
            **changes,
        }
        return {name: value for name, value in made.items() if value is not None}

    def prefetch(self, hook: str) -> dict[str, Any]:
        """Return what a client sends along: patient and practitioner under the keys that ask for them."""
        asked: dict[str, Any] = next(
            (one.get("prefetch", {}) for one in self.services() if one.get("hook") == hook), {}
        )
        sent: dict[str, Any] = {}
        for key, template in asked.items():
            if template == "Patient/{{context.patientId}}":
                sent[key] = self.patient
            elif template in ("Practitioner/{{userPractitionerId}}", "{{context.userId}}"):
                sent[key] = self.user
        return sent

    def call(self, hook: str, /, *, headers: dict[str, str] | None = None, **changes: Any) -> Answer:
        """Return the answer of the service for `hook`. Raises Omit when there is none."""
        path = self.path(hook)
        return self.http.post(path, self.body(hook, **changes), {**self.bearer(path), **(headers or {})})

    def cards(self, hook: str, /, **changes: Any) -> list[dict[str, Any]]:
        """Return the cards of a call that must succeed. Raises Fail."""
        answer = self.call(hook, **changes)
        expect(answer.status == 200, f"{hook} answers {answer.status}")
        value = answer.json()
        found = value.get("cards") if isinstance(value, dict) else None
        expect(isinstance(found, list), "the answer has no array `cards`")
        return cast("list[dict[str, Any]]", found)
