"""Firing a hook: who is asked, what is sent, what comes back as advice for the user.

CDS Hooks 2.0 §calling-a-cds-service, §prefetch-template, §fhir-resource-access; hooks patient-view 1.0,
order-select 1.0, order-sign 1.0. The token for the service reads the one patient of the chart and the one
user, and lives five minutes.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from conformance.ehr import cards, fhir, service
from conformance.ehr.book import Cds
from conformance.ehr.cards import Advice, Card, Reason
from conformance.ehr.chart import encounter_id
from conformance.ehr.context import Ehr
from conformance.ehr.faults import HookFault
from conformance.ehr.medication import Order
from conformance.ehr.state import Token

Hook = Literal["patient-view", "order-select", "order-sign"]

#: CDS Hooks 2.0 §passing-the-access-token: SMART v1 spelling there, understood by every service.
HOOK_SCOPE = "patient/Patient.read user/Practitioner.read user/PractitionerRole.read"
_TOKEN_LIFE = 300

_TEMPLATE = re.compile(r"\{\{\s*([A-Za-z.]+)\s*\}\}")


def fire(
    ehr: Ehr,
    hook: Hook,
    instance: str,
    *,
    practitioner: str,
    patient: str,
    drafts: Sequence[Order] = (),
    selections: Sequence[str] = (),
) -> Advice:
    """Return what every service offered for `hook` says; empty where the file names no CDS service."""
    content = ehr.book.content()
    if content.cds is None:
        return Advice(hook)
    try:
        offers = [offer for offer in service.discover(ehr, content.cds) if offer.hook == hook]
    except service.ServiceFailed as error:
        return Advice(hook, troubles=(f"The decision support service could not be asked. {error}",))
    context: dict[str, Any] = {
        "userId": f"Practitioner/{practitioner}",
        "patientId": patient,
        "encounterId": encounter_id(patient),
    }
    if hook != "patient-view":
        context["draftOrders"] = _bundle(ehr, practitioner, patient, drafts)
    if hook == "order-select":
        context["selections"] = [f"MedicationRequest/{ident}" for ident in selections]
    found: list[Card] = []
    troubles: list[str] = []
    for offer in offers:
        body = {"hook": hook, "hookInstance": instance, "context": context}
        body |= _access(ehr, content.cds, offer, practitioner, patient, context)
        try:
            read, unusable = cards.read(service.call(ehr, content.cds, offer, body), offer.id)
        except service.ServiceFailed as error:
            troubles.append(f"“{offer.title}” gave no advice. {error}")
        except ValueError:
            troubles.append(f"“{offer.title}” gave no advice. Its answer can't be read.")
        else:
            found += read
            if unusable:
                troubles.append(f"“{offer.title}” sent {unusable} that can't be shown.")
    return Advice(hook, tuple(found), tuple(troubles))


def feedback(ehr: Ehr, card: Card, *, dismissed: bool, reason: Reason | None = None) -> None:
    """Tell the card's service that its card was accepted or dismissed; nothing where it has no `uuid`."""
    cds = ehr.book.content().cds
    if cds is None or card.uuid is None:
        return
    # CDS Hooks 2.0 §feedback: UTC, as an ISO 8601 instant.
    now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    entry: dict[str, Any] = {"card": card.uuid, "outcomeTimestamp": now}
    if dismissed:
        entry["outcome"] = "overridden"
        if reason:
            coding = {"system": reason.system, "code": reason.code, "display": reason.display}
            entry["overrideReason"] = {"reason": {name: value for name, value in coding.items() if value}}
    else:
        # A followed link accepts the card; there was no suggestion to accept.
        entry |= {"outcome": "accepted", "acceptedSuggestions": []}
    service.send_feedback(ehr, cds, card.service, entry)


def new_instance() -> str:
    """Return a `hookInstance`: one for a chart's opening, one for a whole ordering session."""
    return str(uuid.uuid4())


def _bundle(ehr: Ehr, practitioner: str, patient: str, drafts: Sequence[Order]) -> dict[str, Any]:
    written = ehr.today()
    resources = [o.resource(patient=patient, practitioner=practitioner, written=written) for o in drafts]
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": resource} for resource in resources],
    }


def _access(
    ehr: Ehr, cds: Cds, offer: service.Offer, practitioner: str, patient: str, context: Mapping[str, Any]
) -> dict[str, Any]:
    """Return `prefetch` as the offer asks for it, and the way to the rest, as the faults leave them."""
    faults = ehr.book.content().hook_faults
    token = Token(cds.client_id, HOOK_SCOPE, practitioner, patient, "", ehr.state.now() + _TOKEN_LIFE)
    out: dict[str, Any] = {}
    if HookFault.NO_FHIR_ACCESS not in faults:
        out["fhirServer"] = ehr.settings.fhir_base
        out["fhirAuthorization"] = {
            "access_token": ehr.state.tokens.put(token),
            "token_type": "Bearer",
            "expires_in": _TOKEN_LIFE,
            "scope": HOOK_SCOPE,
            "subject": cds.client_id,
            "patient": patient,
        }
    if not offer.prefetch or HookFault.PREFETCH_MISSING in faults:
        return out
    prefetch: dict[str, Any] = {}
    for key, template in offer.prefetch.items():
        resource = _prefetched(ehr, token, template, context)
        if resource is not None:
            # CDS Hooks 2.0: a key that could not be had is left out.
            prefetch[key] = resource
    if HookFault.PREFETCH_PARTIAL in faults:
        prefetch = dict(list(prefetch.items())[-1:])
    if HookFault.PREFETCH_NULL in faults:
        prefetch = dict.fromkeys(offer.prefetch)
    if HookFault.PREFETCH_OUTCOME in faults:
        issue = {"severity": "error", "code": "timeout", "diagnostics": "The double is told to fail."}
        prefetch = {key: {"resourceType": "OperationOutcome", "issue": [issue]} for key in offer.prefetch}
    return {**out, "prefetch": prefetch} if prefetch else out


def _prefetched(ehr: Ehr, token: Token, template: str, context: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the resource that a prefetch template asks for; None where we can't do it."""
    values = {f"context.{name}": value for name, value in context.items() if isinstance(value, str)}
    values["userPractitionerId"] = token.practitioner
    try:
        path = _TEMPLATE.sub(lambda match: values[match[1]], template)
    except KeyError:
        return None
    return fhir.as_token(ehr, token, path)
