"""The body of a call becomes a `HookRequest`: strict about shape, kind about what clients leave out.

CDS Hooks 2.0, "Calling a CDS Service", and the context of each hook. The texts of errors name members, never
what was in them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from gateway.cds.catalog import PATIENT, PRACTITIONER, ROLE, Service
from gateway.core.errors import BadRequest

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}", re.ASCII)
_USER = re.compile(
    r"(?P<type>Practitioner|PractitionerRole|Patient|RelatedPerson)/(?P<id>[A-Za-z0-9.-]{1,64})"
)
# RFC 6750 section 2.1.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{1,8192}=*", re.ASCII)
_MOST = 200


@dataclass(frozen=True, slots=True)
class User:
    """Who looks at the chart: `type` is a FHIR resource type."""

    type: str
    id: str


@dataclass(frozen=True, slots=True)
class HookRequest:
    """One call, checked. The access token lives as long as the request, and is in no log and no `repr`."""

    patient_id: str
    user: User
    prefetch: dict[str, Any] = field(repr=False)
    fhir_server: str | None
    access_token: str | None = field(repr=False)
    drafts: tuple[dict[str, Any], ...] = field(repr=False)
    """The resources of draftOrders; with order-select, those that are selected, and a stand-in without any
    content for each selection that is not among them."""


def read(body: dict[str, Any], service: Service, *, registered_server: str) -> HookRequest:
    """Return the request. Raises BadRequest.

    `registered_server` is the only FHIR server that this client may name.
    """
    if body.get("hook") != service.hook:
        raise BadRequest(f"hook must be {service.hook} at this address.")
    instance = body.get("hookInstance")
    if not isinstance(instance, str) or not _UUID.fullmatch(instance):
        raise BadRequest("hookInstance must be a UUID.")
    context = body.get("context")
    if not isinstance(context, dict):
        raise BadRequest("context must be an object.")
    patient_id = context.get("patientId")
    if not isinstance(patient_id, str) or not _ID.fullmatch(patient_id):
        raise BadRequest("context.patientId must be the id of a FHIR Patient.")
    user = _user(context.get("userId"))
    prefetch = body.get("prefetch")
    if prefetch is not None and not isinstance(prefetch, dict):
        raise BadRequest("prefetch must be an object.")
    server = body.get("fhirServer")
    if server is not None and server != registered_server:
        raise BadRequest("fhirServer is not the one that is registered for this client.")
    request = HookRequest(
        patient_id=patient_id,
        user=user,
        prefetch=prefetch or {},
        fhir_server=server,
        access_token=_access_token(body.get("fhirAuthorization"), patient_id, server),
        drafts=() if service.hook == "patient-view" else _drafts(context, service.hook),
    )
    _check_prefetch(request)
    _check_subjects(request)
    return request


def _user(value: object) -> User:
    match = _USER.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise BadRequest("context.userId must be Practitioner/[id] or PractitionerRole/[id].")
    return User(match["type"], match["id"])


def _access_token(value: object, patient_id: str, server: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise BadRequest("fhirAuthorization must be an object.")
    if server is None:
        raise BadRequest("fhirAuthorization needs fhirServer.")
    token, kind = value.get("access_token"), value.get("token_type")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise BadRequest("fhirAuthorization.access_token must be a bearer token.")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise BadRequest("fhirAuthorization.token_type must be Bearer.")
    patient = value.get("patient")
    if isinstance(patient, str) and patient.removeprefix("Patient/") != patient_id:
        raise BadRequest("fhirAuthorization.patient and context.patientId name different patients.")
    return token


def _drafts(context: dict[str, Any], hook: str) -> tuple[dict[str, Any], ...]:
    bundle = context.get("draftOrders")
    if not isinstance(bundle, dict) or bundle.get("resourceType", "Bundle") != "Bundle":
        raise BadRequest("context.draftOrders must be a Bundle.")
    entries = bundle.get("entry") or []
    if not isinstance(entries, list) or len(entries) > _MOST:
        raise BadRequest(f"context.draftOrders must hold a list of at most {_MOST} entries.")
    resources = []
    for entry in entries:
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            raise BadRequest("Each entry of context.draftOrders must hold a resource.")
        resources.append(resource)
    if hook != "order-select":
        return tuple(resources)
    return _selected(resources, context.get("selections"))


def _selected(resources: list[dict[str, Any]], selections: object) -> tuple[dict[str, Any], ...]:
    """Return the selected orders, with the resources that they may refer to (Medication)."""
    if not isinstance(selections, list) or len(selections) > _MOST:
        raise BadRequest("context.selections must be a list of references.")
    wanted = []
    for selection in selections:
        if not isinstance(selection, str) or "/" not in selection:
            raise BadRequest("context.selections must be a list of references.")
        wanted.append(tuple(selection.rsplit("/", 2)[-2:]))
    found = {(resource["resourceType"], str(resource.get("id"))): resource for resource in resources}
    kept = [found.get((kind, own), {"resourceType": kind}) for kind, own in wanted]
    return (*kept, *(one for one in resources if one["resourceType"] == "Medication" and one not in kept))


def _check_prefetch(request: HookRequest) -> None:
    """Raise BadRequest when a resource that was sent along is about someone else."""
    expected = {PATIENT: ("Patient", request.patient_id)}
    if request.user.type == "Practitioner":
        expected[PRACTITIONER] = ("Practitioner", request.user.id)
    elif request.user.type == "PractitionerRole":
        expected[ROLE] = ("PractitionerRole", request.user.id)
    for name, (kind, own) in expected.items():
        sent = request.prefetch.get(name)
        if isinstance(sent, dict) and sent.get("resourceType") == kind and sent.get("id") != own:
            raise BadRequest(f"prefetch.{name} and the context name different resources.")


def _check_subjects(request: HookRequest) -> None:
    for draft in request.drafts:
        subject = draft.get("subject")
        reference = subject.get("reference") if isinstance(subject, dict) else None
        if not isinstance(reference, str) or "Patient/" not in reference:
            continue
        if reference.split("/_history/")[0].rsplit("/", 2)[-2:] != ["Patient", request.patient_id]:
            raise BadRequest("A draft order is for another patient than context.patientId.")
