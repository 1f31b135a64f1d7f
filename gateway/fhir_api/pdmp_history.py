"""POST $pdmp-history, at system level and on Patient: the same behaviour (the guide says both).

The transport fails with 4xx and a bare OperationOutcome; every result of the program, refusals included, is
200 with a Parameters resource.
"""

from __future__ import annotations

from typing import assert_never
from uuid import UUID

import flask

from gateway.core.access import DenialReason
from gateway.core.disclosure import Disclosed, NoData, Refused, Unresolved
from gateway.disclose import history as door
from gateway.disclose.refusal import as_error
from gateway.fhir_api import history_answer, history_request, reply
from gateway.fhir_api.history_request import Unanswerable
from gateway.web.guard import bearer, principal

#: Refusals of the token itself rather than of the practitioner it names: they are HTTP 403.
_TRANSPORT = frozenset(
    {
        DenialReason.NO_SCOPE,
        DenialReason.CLIENT_INACTIVE,
        DenialReason.NO_PATIENT,
        DenialReason.NOT_IN_CONTEXT,
        DenialReason.NOT_THE_USER,
    }
)


@bearer("MedicationDispense", "search")
def view() -> flask.Response:
    """Answer one call."""
    reply.check_acceptable()
    services = reply.services()
    sent = reply.sent_resource()
    try:
        query = history_request.read(sent, person_system=f"{services.identifier_base}/fhir/sid/person")
    except Unanswerable as error:
        door.unanswerable(
            services.database, services.mappings, principal(), error.text, request_id=reply.request_id()
        )
        return reply.fhir(history_answer.unanswerable(error.code, error.text))
    answer = door.answer(
        services.database,
        services.clock,
        services.vault,
        services.mappings,
        principal(),
        query,
        request_id=reply.request_id(),
    )
    match answer:
        case Disclosed():
            base, now = services.settings.fhir_base, services.clock.now()
            document = history_answer.history(answer, fhir_base=base, now=now)
            return reply.fhir(document, _grant(answer.grant_id))
        case NoData():
            return reply.fhir(history_answer.no_data(answer), _grant(answer.grant_id))
        case Unresolved():
            return reply.fhir(history_answer.unresolved(answer))
        case Refused(reason):
            if reason in _TRANSPORT:
                raise as_error(reason, door.SCOPE)
            return reply.fhir(history_answer.disallowed(reason))
        case _:
            assert_never(answer)


def _grant(grant_id: UUID | None) -> dict[str, str] | None:
    return None if grant_id is None else {reply.GRANT_HEADER: str(grant_id)}
