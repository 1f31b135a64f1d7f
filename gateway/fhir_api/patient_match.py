"""POST Patient/$match: whom a Patient that a client sends may be here, with a grade each.

FHIR R4, OperationDefinition Patient-match: inputs `resource`, `onlyCertainMatches`, `count`; the answer is a
Bundle of type searchset, best first, with `search.score` and the extension match-grade. An entry's Patient
holds our identifier and is tagged SUBSETTED: the rest is read inside a grant that $pdmp-history leaves.
"""

from __future__ import annotations

from typing import Any

import flask
import orjson

from gateway.auth.shared import SharedCache
from gateway.auth.throttle import Throttle
from gateway.core.disclosure import PatientQuery
from gateway.core.errors import BadRequest
from gateway.disclose import match as door
from gateway.fhir import parameters, patient_query
from gateway.fhir.patient_query import Incomplete
from gateway.fhir_api import reply
from gateway.match.grades import Graded
from gateway.services import Services
from gateway.web.guard import bearer, principal

_INPUTS = frozenset({"resource", "onlyCertainMatches", "count"})
_GRADE = "http://hl7.org/fhir/StructureDefinition/match-grade"
_SUBSETTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
}
#: Answers unless `count` asks for fewer: a longer list tells nobody who is meant.
_MOST = 10


_THROTTLE = "pdmp_match_throttle"


@bearer("Patient", "search")
def view() -> flask.Response:
    """Answer one call."""
    reply.check_acceptable()
    services = reply.services()
    inputs = parameters.read(reply.sent_resource(), _INPUTS)
    sent = inputs.resource("resource", "Patient", required=True)
    assert sent is not None
    only_certain, count = inputs.boolean("onlyCertainMatches"), _count(inputs)
    person_system = f"{services.identifier_base}/fhir/sid/person"
    found = door.match(
        services.database,
        services.vault,
        services.mappings,
        _throttle(services),
        principal(),
        _query(sent, person_system),
        only_certain=only_certain,
        count=count,
        request_id=reply.request_id(),
    )
    return reply.fhir(_bundle(found, services.settings.fhir_base, person_system))


def _throttle(services: Services) -> Throttle:
    """Return the counter of this process, made when the first question comes."""
    known = flask.current_app.extensions
    if _THROTTLE not in known:
        made = Throttle(SharedCache(services.cache), workers=services.settings.workers)
        known.setdefault(_THROTTLE, made)
    counter: Throttle = known[_THROTTLE]
    return counter


def _query(sent: dict[str, Any], person_system: str) -> PatientQuery | None:
    try:
        query = patient_query.read(sent, person_system=person_system)
    except Incomplete:
        return None
    # An animal is found with its owner, which this operation does not take.
    return None if query.animal or query.birth_date is None else query


def _count(inputs: parameters.Inputs) -> int:
    asked = inputs.integer("count")
    if asked is None:
        return _MOST
    if asked < 1:
        raise BadRequest("The input count must be positive.")
    return min(asked, _MOST)


def _bundle(found: list[Graded], fhir_base: str, person_system: str) -> bytes:
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "total": len(found)}
    entries = [_entry(one, fhir_base, person_system) for one in found]
    if entries:
        bundle["entry"] = entries
    return orjson.dumps(bundle)


def _entry(one: Graded, fhir_base: str, person_system: str) -> dict[str, Any]:
    return {
        "fullUrl": f"{fhir_base}/Patient/{one.person_id}",
        "resource": {
            "resourceType": "Patient",
            "id": str(one.person_id),
            "meta": {"tag": [_SUBSETTED]},
            "identifier": [{"system": person_system, "value": str(one.person_id)}],
        },
        "search": {
            "extension": [{"url": _GRADE, "valueCode": one.grade.value}],
            "mode": "match",
            "score": round(one.score, 4),
        },
    }
