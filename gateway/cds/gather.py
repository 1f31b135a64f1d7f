"""Patient and practitioner of a call: from the prefetch, else from the EHR's registered FHIR server.

CDS Hooks 2.0, "Prefetch": a client may leave keys out, send null, an OperationOutcome, or part of it. What
is missing is fetched with the token of this very request, from the server that the client registered and
named; without either the answer is 412. The token is never kept.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from gateway.auth.outbound import Outbound
from gateway.cds.catalog import PATIENT, PRACTITIONER, ROLE, ROLES
from gateway.cds.errors import PreconditionFailed
from gateway.cds.hook_request import HookRequest
from gateway.core.errors import BadRequest, GatewayError
from gateway.fhir import wire

_ACCEPT = "application/fhir+json, application/json;q=0.9"
_MAX_BYTES = 262_144
#: For all of one call's fetches together: a clinician waits.
_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class People:
    """FHIR resources as the EHR has them; the role and its practitioner agree."""

    patient: dict[str, Any] = field(repr=False)
    practitioner: dict[str, Any] = field(repr=False)
    role: dict[str, Any] | None = field(repr=False)


def gather(request: HookRequest, outbound: Outbound) -> People:
    """Return who the call is about and who makes it. Raises PreconditionFailed."""
    source = _Source(request, outbound)
    user = request.user
    if user.type == "PractitionerRole":
        role: dict[str, Any] | None = source.get(ROLE, "PractitionerRole", user.id)
        assert role is not None
        practitioner = source.get(PRACTITIONER, "Practitioner", _practitioner_of(role))
    elif user.type == "Practitioner":
        practitioner = source.get(PRACTITIONER, "Practitioner", user.id)
        role = _only_role(request.prefetch.get(ROLES), user.id)
    else:
        raise PreconditionFailed("The user is no practitioner: context.userId.")
    return People(source.get(PATIENT, "Patient", request.patient_id), practitioner, role)


class _Source:
    """Prefetch first, then the FHIR server, within one time limit."""

    def __init__(self, request: HookRequest, outbound: Outbound) -> None:
        self._request = request
        self._outbound = outbound
        self._deadline = time.monotonic() + _SECONDS

    def get(self, key: str, kind: str, own: str) -> dict[str, Any]:
        """Return the resource `kind`/`own`. Raises PreconditionFailed."""
        sent = self._request.prefetch.get(key)
        if isinstance(sent, dict) and sent.get("resourceType") == kind and sent.get("id") == own:
            return sent
        server, token = self._request.fhir_server, self._request.access_token
        if server is None or token is None:
            raise PreconditionFailed(
                f"{kind} is neither in prefetch.{key} nor to be fetched: fhirServer and fhirAuthorization."
            )
        left = self._deadline - time.monotonic()
        try:
            if left <= 0:
                raise BadRequest("The FHIR server answers too slowly.")
            answer = self._outbound.get(
                f"{server.rstrip('/')}/{kind}/{own}",
                accept=_ACCEPT,
                max_bytes=_MAX_BYTES,
                bearer=token,
                seconds=left,
            )
            if answer.status != 200:
                raise BadRequest(f"status {answer.status}")
            resource = wire.read_object(answer.body)
            if resource.get("resourceType") != kind or resource.get("id") != own:
                raise BadRequest("another resource than was asked for")
        except GatewayError as error:
            raise PreconditionFailed(
                f"{kind} could not be fetched from the FHIR server.", detail=error.detail or error.public
            ) from error
        return resource


def _practitioner_of(role: dict[str, Any]) -> str:
    practitioner = role.get("practitioner")
    reference = practitioner.get("reference") if isinstance(practitioner, dict) else None
    parts = reference.split("/_history/")[0].rsplit("/", 2)[-2:] if isinstance(reference, str) else []
    if len(parts) != 2 or parts[0] != "Practitioner" or not _is_id(parts[1]):
        raise PreconditionFailed("The user's PractitionerRole names no Practitioner.")
    return parts[1]


def _is_id(text: str) -> bool:
    return 0 < len(text) <= 64 and text.isascii() and text.replace("-", "").replace(".", "").isalnum()


def _only_role(bundle: object, practitioner_id: str) -> dict[str, Any] | None:
    """Return the practitioner's role when the prefetched search found exactly one, on one page."""
    entries = bundle.get("entry") if isinstance(bundle, dict) else None
    if not isinstance(bundle, dict) or not isinstance(entries, list):
        return None
    links = bundle.get("link")
    if isinstance(links, list) and any(
        isinstance(one, dict) and one.get("relation") == "next" for one in links
    ):
        return None
    roles = [
        entry["resource"]
        for entry in entries
        if isinstance(entry, dict)
        and isinstance(entry.get("resource"), dict)
        and entry["resource"].get("resourceType") == "PractitionerRole"
    ]
    if len(roles) != 1:
        return None
    try:
        return roles[0] if _practitioner_of(roles[0]) == practitioner_id else None
    except PreconditionFailed:
        return None
