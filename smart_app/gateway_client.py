"""The app as a PDMP requester: Backend Services at the gateway, then `$pdmp-history`.

Sources: SMART Backend Services (private_key_jwt, ES384), HL7 US PDMP IG 1.0.0 `$pdmp-history`. Each
request uses the client that the EHR's registration names, so a launch from one EHR never asks with
another's rights; tokens are kept in this process's memory only, by that client.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from typing import Any

import orjson

from smart_app.discovery import Discovery, DiscoveryFailed
from smart_app.ehr_client import User
from smart_app.errors import GatewayFailed, OutboundRefused
from smart_app.keys import Keyring
from smart_app.outbound import DISCOVERY_BYTES, Answer, Outbound, OutboundFailed
from smart_app.registrations import Registration

SCOPE = "system/MedicationDispense.rs"
_HISTORY_SECONDS = 10.0
_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_FHIR = "application/fhir+json"

#: What the PDMP needs to find the person, and no more of the EHR's record.
_PATIENT = ("id", "identifier", "name", "telecom", "gender", "birthDate", "_birthDate", "address")
_PRACTITIONER = ("id", "active", "identifier", "name", "telecom", "address", "qualification")
_ROLE = ("id", "active", "identifier", "code", "specialty", "telecom", "period")
_ORGANIZATION = ("id", "active", "identifier", "name", "telecom", "address", "type")
_ANIMAL = "http://hl7.org/fhir/StructureDefinition/patient-animal"


class GatewayClient:
    """Asks the gateway for histories. Safe to share between threads."""

    def __init__(self, outbound: Outbound, discovery: Discovery, keys: Keyring, fhir_base: str) -> None:
        self._outbound = outbound
        self._discovery = discovery
        self._keys = keys
        self._base = fhir_base
        self._lock = threading.Lock()
        self._tokens: dict[str, tuple[float, str]] = {}

    def history(self, ehr: Registration, patient: dict[str, Any], user: User) -> dict[str, Any]:
        """Return the Parameters that answer `$pdmp-history` for `patient`, asked for `user`.

        Raises GatewayFailed when there is no such answer: then nothing is known about any record.
        """
        body = orjson.dumps(parameters(patient, user), default=float)
        answer = self._ask(self._token(ehr.gateway_client_id), body)
        if answer.status == 401:
            # Revoked, or from before the gateway's restart: once more with a fresh one.
            with self._lock:
                self._tokens.pop(ehr.gateway_client_id, None)
            answer = self._ask(self._token(ehr.gateway_client_id), body)
        if answer.status in (401, 403):
            raise GatewayFailed(
                "The PDMP gateway does not let this app ask for your EHR. Its administrator can tell why.",
                detail=f"$pdmp-history: status {answer.status}",
            )
        try:
            data = answer.json_object() if answer.status == 200 else {}
        except OutboundFailed:
            data = {}
        if data.get("resourceType") != "Parameters":
            raise GatewayFailed(
                "The PDMP gateway's answer could not be used. Try again in a minute.",
                detail=f"$pdmp-history: status {answer.status}, no Parameters",
            )
        return data

    def _ask(self, token: str, body: bytes) -> Answer:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": _FHIR, "Accept": _FHIR}
        try:
            return self._outbound.post(
                f"{self._base}/$pdmp-history", body=body, headers=headers, seconds=_HISTORY_SECONDS
            )
        except (OutboundFailed, OutboundRefused) as error:
            raise _no_answer(f"$pdmp-history: {error}") from None

    def _token(self, client_id: str) -> str:
        with self._lock:
            ends, token = self._tokens.get(client_id, (0.0, ""))
        if time.monotonic() < ends:
            return token
        try:
            endpoint = self._discovery.of(self._base).token_endpoint
            answer = self._outbound.post(
                endpoint,
                body={
                    "grant_type": "client_credentials",
                    "scope": SCOPE,
                    "client_assertion_type": _JWT_BEARER,
                    "client_assertion": self._keys.assertion(client_id, endpoint, "ES384"),
                },
                limit=DISCOVERY_BYTES,
            )
            data = answer.json_object()
        except (OutboundFailed, OutboundRefused, DiscoveryFailed) as error:
            raise _no_answer(f"gateway token: {error}") from None
        token, seconds = data.get("access_token", ""), data.get("expires_in")
        if answer.status != 200 or not isinstance(token, str) or not token:
            code = data.get("error")
            named = code if isinstance(code, str) and re.match(r"^[a-z_]{1,40}$", code) else "no error code"
            raise GatewayFailed(
                "The PDMP gateway does not know this app as your EHR's client. Its administrator can have "
                "it registered.",
                detail=f"gateway token: status {answer.status}, {named}",
            )
        # Half a minute early, so that no request starts with a token that ends on the way.
        lasts = float(seconds) if isinstance(seconds, int) and not isinstance(seconds, bool) else 60.0
        with self._lock:
            self._tokens[client_id] = (time.monotonic() + max(lasts - 30.0, 0.0), token)
        return token


def parameters(patient: Mapping[str, Any], user: User) -> dict[str, Any]:
    """Return the input Parameters of `$pdmp-history`, references between the parts made relative."""
    practitioner = _part(user.practitioner, _PRACTITIONER)
    role: dict[str, Any] = {
        "resourceType": "PractitionerRole",
        **_part(user.role or {}, _ROLE),
        "practitioner": {"reference": f"Practitioner/{practitioner.get('id', '')}"},
    }
    if "telecom" not in role and practitioner.get("telecom"):
        role["telecom"] = practitioner["telecom"]  # US Core pd-1 wants a way to reach the role
    asked = _part(patient, _PATIENT)
    if animal := [e for e in patient.get("extension", []) if isinstance(e, dict) and e.get("url") == _ANIMAL]:
        asked["extension"] = animal
    parts: list[dict[str, Any]] = [
        {"name": "patient", "resource": asked},
        {"name": "authorized-practitioner", "resource": practitioner},
        {"name": "authorized-practitioner-role", "resource": role},
        # The gateway's own input: its figures, so that this app need not compute any.
        {"name": "computed-facts", "valueBoolean": True},
    ]
    # One without any number is nobody that the PDMP could know: then it finds the shared one itself.
    if user.organization is not None and user.organization.get("identifier"):
        organization = _part(user.organization, _ORGANIZATION)
        role["organization"] = {"reference": f"Organization/{organization.get('id', '')}"}
        parts.append({"name": "authorized-practitioner-organization", "resource": organization})
    return {"resourceType": "Parameters", "parameter": parts}


def _part(resource: Mapping[str, Any], members: tuple[str, ...]) -> dict[str, Any]:
    kept = {"resourceType": resource["resourceType"]} if "resourceType" in resource else {}
    return {**kept, **{name: resource[name] for name in members if name in resource}}


def _no_answer(detail: str) -> GatewayFailed:
    slow = "time limit" in detail
    error = GatewayFailed(
        "The PDMP gateway took too long to answer. Try again in a minute."
        if slow
        else "The PDMP gateway does not answer. Try again in a minute.",
        detail=detail,
    )
    error.status = 504 if slow else 502
    return error
