"""The answer of $pdmp-history: a Parameters resource with a history or an outcome, always with HTTP 200.

US PDMP guide 1.0.0: profile pdmp-parameters-response; details codes of PMIXStatusCode. A history names the
period looked at by the guide's activity-period extension; a Bundle is never built when nothing is found.
"""

from __future__ import annotations

import datetime as dt
import uuid

import orjson

from gateway.core.access import DenialReason, Window
from gateway.core.disclosure import Disclosed, NoData, Unresolved
from gateway.fhir import bundle
from gateway.fhir.outcome import operation_outcome
from gateway.fhir_api.interactions import PDMP

_STATUS = "http://terminology.hl7.org/CodeSystem/PMIXStatusCode"
_NO_DATA = (_STATUS, "no-data", "No Data")
_DISALLOWED = (_STATUS, "disallowed", "Disallowed")
_ERROR = (_STATUS, "error", "Error")

_PROFILE = f"{PDMP}/StructureDefinition/pdmp-parameters-response"
_BUNDLE_PROFILE = f"{PDMP}/StructureDefinition/pdmp-bundle-history-result"
_PERIOD = f"{PDMP}/StructureDefinition/pdmp-activity-period-extension"
_TIMESTAMP = f"{PDMP}/StructureDefinition/pdmp-header-timestamp-extension"

_HEAD = b'{"resourceType":"Parameters","meta":{"profile":["%s"]},"parameter":[{"name":"' % _PROFILE.encode()
_TAIL = b"}]}"


def history(answer: Disclosed, *, fhir_base: str, now: dt.datetime) -> bytes:
    """Return the answer that carries a history."""
    moment = now.isoformat(timespec="seconds").replace("+00:00", "Z")
    return b"".join(
        (
            _HEAD,
            b'pdmp-history-data","extension":',
            orjson.dumps([{"url": _TIMESTAMP, "valueDateTime": moment}, _period(answer.window)]),
            b',"resource":',
            bundle.collection(
                fhir_base,
                answer.entries,
                bundle_id=str(uuid.uuid4()),
                timestamp=moment,
                profile=_BUNDLE_PROFILE,
            ),
            _TAIL,
        )
    )


def no_data(answer: NoData) -> bytes:
    """Return the answer when nobody is found, or nothing in the period: outside the two read alike."""
    text = "No dispensation of a controlled substance was found for this patient in the period looked at."
    if answer.limited:
        text += " Only a part of them was looked at: the token's scopes open no more."
    outcome = operation_outcome("information", "informational", text, details=_NO_DATA)
    return _outcome(outcome, answer.window)


def unresolved(answer: Unresolved) -> bytes:
    """Return the answer when it cannot be told which person is meant; it names what would settle it."""
    text = "It cannot be told which person is meant: this is not a statement that there is no history."
    if answer.kinds:
        text = f"{text} One of these would settle it: {', '.join(answer.kinds)}."
    return _outcome(operation_outcome("error", "multiple-matches", text, details=_ERROR))


def disallowed(reason: DenialReason) -> bytes:
    """Return the answer when policy said no, with its reason."""
    text = reason.value[0].upper() + reason.value[1:] + "."
    return _outcome(operation_outcome("error", "forbidden", text, details=_DISALLOWED))


def unanswerable(code: str, text: str) -> bytes:
    """Return the answer to a well-formed call that cannot be processed. `code` is of value set issue-type."""
    return _outcome(operation_outcome("error", code, text, details=_ERROR))


def _outcome(outcome: bytes, window: Window | None = None) -> bytes:
    extension = b"" if window is None else b',"extension":' + orjson.dumps([_period(window)])
    return b"".join((_HEAD, b'outcome"', extension, b',"resource":', outcome, _TAIL))


def _period(window: Window) -> dict[str, object]:
    ends = {"start": window.start, "end": window.end}
    return {"url": _PERIOD, "valuePeriod": {name: day for name, day in ends.items() if day is not None}}
