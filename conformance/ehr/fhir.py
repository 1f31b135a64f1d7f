"""The double's FHIR R4 reads, behind an access token and inside the launched patient.

Reads: the launched Patient, the launching user's Practitioner and PractitionerRole, the Organization, the
visit's Encounter. Searches by `_id`, PractitionerRole also by `practitioner`. FHIR R4 §http; RFC 6750.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from flask import Blueprint, Response, request

from conformance.ehr import scopes
from conformance.ehr.book import Resource, display_name
from conformance.ehr.chart import encounter_id
from conformance.ehr.context import Ehr, current
from conformance.ehr.faults import Fault
from conformance.ehr.state import Token

blueprint = Blueprint("fhir", __name__, url_prefix="/fhir")


class _Refused(Exception):
    def __init__(self, status: int, code: str, message: str, challenge: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.challenge = challenge


@blueprint.errorhandler(_Refused)
def refuse(refused: _Refused) -> Response:
    """Render a refusal as an OperationOutcome."""
    issue = {"severity": "error", "code": refused.code, "diagnostics": refused.message}
    answer = _fhir({"resourceType": "OperationOutcome", "issue": [issue]}, refused.status)
    if refused.challenge:
        answer.headers["WWW-Authenticate"] = refused.challenge
    return answer


@blueprint.get("/<kind>/<ident>")
def read(kind: str, ident: str) -> Response:
    """Answer one resource; 403 for any id outside the launch, existing or not."""
    ehr = current()
    return _fhir(_read(ehr, _token(ehr), kind, ident))


def as_token(ehr: Ehr, token: Token, path: str) -> Resource | None:
    """Return what `Type/id` or `Type?search` would answer to that token; None where it would be refused."""
    kind, _, query = path.partition("?")
    try:
        if query:
            return _search(ehr, token, kind, dict(parse_qsl(query, keep_blank_values=True)))
        kind, _, ident = path.partition("/")
        return _read(ehr, token, kind, ident)
    except _Refused:
        return None


def _read(ehr: Ehr, token: Token, kind: str, ident: str) -> Resource:
    own_record = kind == "Practitioner" and ident == token.practitioner and "fhirUser" in token.scope.split()
    # SMART 2.2 §scopes-for-requesting-identity-data: the fhirUser is readable without a resource scope.
    if not own_record:
        _demand(token, kind, "r")
    resource = _reachable(ehr, token, kind)
    if resource["id"] != ident:
        raise _Refused(403, "forbidden", "This is outside what the token was launched for.")
    if kind == "Patient":
        resource = _spoiled(ehr, resource)
    return resource


@blueprint.get("/<kind>")
def search(kind: str) -> Response:
    """Answer a searchset of the reachable resources of that type."""
    ehr = current()
    return _fhir(_search(ehr, _token(ehr), kind, request.args))


def _search(ehr: Ehr, token: Token, kind: str, asked: Mapping[str, str]) -> Resource:
    _demand(token, kind, "s")
    resource = _reachable(ehr, token, kind)
    matched = True
    for name in asked:
        test = _TESTS.get((kind, name)) or _TESTS.get(("*", name))
        if test is None:
            raise _Refused(400, "not-supported", f"Search parameter {name} is not supported.")
        matched = matched and test(resource, asked[name])
    found = [resource] if matched else []
    base = ehr.settings.fhir_base
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(found),
        "link": [{"relation": "self", "url": f"{base}/{kind}"}],
        "entry": [
            {"fullUrl": f"{base}/{kind}/{r['id']}", "resource": r, "search": {"mode": "match"}} for r in found
        ],
    }


def _is_practitioner(resource: Resource, value: str) -> bool:
    return bool(resource["practitioner"]["reference"] == f"Practitioner/{value.rpartition('/')[2]}")


_TESTS: dict[tuple[str, str], Callable[[Resource, str], bool]] = {
    ("*", "_id"): lambda resource, value: resource["id"] in value.split(","),
    ("*", "_format"): lambda _resource, _value: True,
    ("PractitionerRole", "practitioner"): _is_practitioner,
}


def _token(ehr: Ehr) -> Token:
    # RFC 6750 §2: in the header only; in a URL it would end in logs.
    if "access_token" in request.args:
        raise _Refused(400, "security", "An access token belongs in the Authorization header.")
    headers = request.headers.getlist("Authorization")
    scheme, _, value = (headers[0] if len(headers) == 1 else "").partition(" ")
    if scheme.lower() != "bearer":
        raise _Refused(401, "login", "An access token is needed.", 'Bearer realm="EHR double"')
    token = ehr.state.tokens.get(value)
    if token is None:
        challenge = 'Bearer realm="EHR double", error="invalid_token"'
        raise _Refused(401, "login", "The access token is unknown or expired.", challenge)
    return token


def _demand(token: Token, kind: str, letter: str) -> None:
    if not scopes.allows(token.scope, kind, letter):
        challenge = 'Bearer realm="EHR double", error="insufficient_scope"'
        raise _Refused(403, "forbidden", "The granted scopes do not cover this.", challenge)


def _reachable(ehr: Ehr, token: Token, kind: str) -> Resource:
    """Return the one resource of that type that the launch reaches."""
    content = ehr.book.content()
    match kind:
        case "Patient":
            resource = content.patients.get(token.patient)
        case "Practitioner":
            resource = content.practitioners.get(token.practitioner)
        case "Organization":
            resource = content.organization
        case "PractitionerRole":
            resource = _role(content.organization, content.practitioners.get(token.practitioner))
        case "Encounter":
            resource = _encounter(token)
        case _:
            resource = None
    if resource is None:
        raise _Refused(404, "not-found", "There is no such resource.")
    return resource


def _role(organization: Resource, practitioner: Resource | None) -> Resource | None:
    if practitioner is None:
        return None
    return {
        "resourceType": "PractitionerRole",
        "id": f"role-{practitioner['id']}"[:64],
        "active": True,
        "practitioner": {
            "reference": f"Practitioner/{practitioner['id']}",
            "display": display_name(practitioner),
        },
        "organization": {"reference": f"Organization/{organization['id']}"},
    }


def _encounter(token: Token) -> Resource:
    return {
        "resourceType": "Encounter",
        "id": encounter_id(token.patient),
        "status": "in-progress",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "subject": {"reference": f"Patient/{token.patient}"},
        "participant": [{"individual": {"reference": f"Practitioner/{token.practitioner}"}}],
    }


def _spoiled(ehr: Ehr, patient: Resource) -> Resource:
    content = ehr.book.content()
    if Fault.PATIENT_UNAVAILABLE in content.faults:
        raise _Refused(500, "exception", "The double is told to fail.")
    if Fault.OTHER_PATIENT in content.faults:
        others = (other for ident, other in content.patients.items() if ident != patient["id"])
        return next(others, patient)
    return patient


def _fhir(body: dict[str, Any], status: int = 200) -> Response:
    answer = Response(json.dumps(body), status, mimetype="application/fhir+json")
    answer.headers["Cache-Control"] = "no-store"
    return answer
