"""A query string becomes a `DispenseQuery`, with what of it was used for the self link.

FHIR R4, section 3.1.1 (search). A repeated parameter is AND, a comma is OR, an empty value is no parameter.
An unknown parameter is refused unless the client prefers lenient handling; an unknown modifier always is
(section 3.1.1.4.5).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from gateway.core.disclosure import DispenseQuery
from gateway.core.errors import BadRequest, TooLarge, UnknownParameter
from gateway.fhir import dates, tokens

DEFAULT_COUNT = 100
MAX_COUNT = 500
_MAX_VALUES = 100
# A page link carries the whole search, and a request line has its limits too.
_MAX_QUERY = 5000

#: `_include` values, and the kind of resource each brings.
INCLUDES = {
    "MedicationDispense:patient": "patient",
    "MedicationDispense:patient:Patient": "patient",
    "MedicationDispense:subject": "patient",
    "MedicationDispense:subject:Patient": "patient",
    "MedicationDispense:performer": "performer",
    "MedicationDispense:performer:Organization": "performer",
    "MedicationDispense:prescription": "prescription",
    "MedicationDispense:prescription:MedicationRequest": "prescription",
}
_PATIENT_NAMES = frozenset({"patient", "subject", "patient:Patient", "subject:Patient"})
_DATES = ("whenprepared", "whenhandedover", "_lastUpdated")
_KNOWN = frozenset({*_DATES, "patient", "subject", "_id", "status", "type", "code", "_include"})
#: `_totalMethod` is what fhirpy sends with a count; the total is exact whatever is asked.
_RESULTS = frozenset({"_count", "_total", "_totalMethod", "_sort", "_summary", "_format", "_pretty"})

_LOGICAL_ID = re.compile(r"[A-Za-z0-9.-]{1,64}", re.ASCII)
#: An id that no resource has: what `_id=a&_id=b` asks for.
_NO_ID = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class Search:
    """A parsed search: the query for the door, and the parameters used, for links."""

    query: DispenseQuery
    used: tuple[tuple[str, str], ...]
    text: str
    """The parameters used, URL-encoded, as links carry them."""


def parse(
    pairs: Iterable[tuple[str, str]],
    *,
    fhir_base: str,
    zone: ZoneInfo,
    today: dt.date,
    lenient: bool = False,
) -> Search:
    """Return the search that `pairs` ask for. Raises BadRequest, UnknownParameter.

    `zone` is that of dates without one, `today` what "about a date" measures from.
    The caller sees to it that `patient` or `_id` is there.
    """
    values: dict[str, list[str]] = {}
    used: list[tuple[str, str]] = []
    for name, value in pairs:
        if not value:
            continue
        if name in _PATIENT_NAMES:
            values.setdefault("patient", []).append(value)
        elif name in _KNOWN or name in _RESULTS:
            values.setdefault(name, []).append(value)
        elif _refuse(name, lenient):
            continue
        if name not in ("_format", "_pretty"):
            used.append((name, value))
        if len(used) > _MAX_VALUES:
            raise BadRequest("Too many search parameters.")
    count = _count(values)
    if "_count" in values:
        used = [pair for pair in used if pair[0] != "_count"] + [("_count", str(count))]
    asked = {name: [dates.parse(name, text, zone, today) for text in values.get(name, ())] for name in _DATES}
    prepared, handed_over, updated = (asked[name] for name in _DATES)
    updated_from, updated_before = dates.instants(updated)
    query = DispenseQuery(
        patient=_patient(values.get("patient", ()), fhir_base),
        ids=_ids(values.get("_id", ())),
        statuses=tokens.statuses(values.get("status", ())),
        prepared=dates.window(prepared, zone),
        not_prepared=dates.left_out(prepared, zone),
        handed_over=dates.window(handed_over, zone) if handed_over else None,
        not_handed_over=dates.left_out(handed_over, zone),
        codes=tokens.drug_codes(values.get("code", ())),
        types=tokens.tokens("type", values.get("type", ())),
        updated_from=updated_from,
        updated_before=updated_before,
        not_updated=dates.instants_left_out(updated),
        include=frozenset(_include(value) for value in values.get("_include", ())),
        count=count,
    )
    text = urlencode(used, quote_via=quote, safe="|/:,")
    if len(text) > _MAX_QUERY:
        raise TooLarge(f"The search is too long: at most {_MAX_QUERY} characters are served.")
    return Search(query, tuple(used), text)


def _refuse(name: str, lenient: bool) -> bool:
    base, mark, _ = name.partition(":")
    if mark and (base in _KNOWN or base in _RESULTS):
        raise UnknownParameter(f"{base}: this modifier is not served.")
    if lenient:
        return True
    # The name is the client's own text: it is told back only when it is a plain word.
    shown = name if re.fullmatch(r"[A-Za-z_][A-Za-z_-]{0,40}", name) else "One of the search parameters"
    raise UnknownParameter(f"{shown} is not served for MedicationDispense. See the CapabilityStatement.")


def _patient(values: Iterable[str], fhir_base: str) -> str | None:
    ids = {patient_id(value, fhir_base) for value in values}
    if len(ids) > 1:
        raise BadRequest("A search is about one patient: patient or subject names several.")
    return ids.pop() if ids else None


def patient_id(value: str, fhir_base: str) -> str:
    """Return the id that `patient` or `subject` names. Raises BadRequest."""
    logical = value.removeprefix(f"{fhir_base}/").removeprefix("Patient/")
    if "," in logical:
        raise BadRequest("A search is about one patient: patient or subject names several.")
    if not _LOGICAL_ID.fullmatch(logical):
        raise BadRequest("patient must be a Patient's id, Patient/id, or its absolute URL on this server.")
    return logical


def _ids(values: Iterable[str]) -> tuple[str, ...]:
    admitted: list[str] | None = None
    for value in values:
        ids = [part for part in value.split(",") if part]
        if not all(_LOGICAL_ID.fullmatch(part) for part in ids):
            raise BadRequest("_id must be a list of ids.")
        admitted = ids if admitted is None else [part for part in admitted if part in ids]
    if admitted is None:
        return ()
    if len(admitted) > _MAX_VALUES:
        raise BadRequest(f"_id takes at most {_MAX_VALUES} ids.")
    return tuple(dict.fromkeys(admitted)) or (_NO_ID,)


def _include(value: str) -> str:
    kind = INCLUDES.get(value)
    if kind is None:
        raise UnknownParameter(
            "_include serves MedicationDispense:patient, MedicationDispense:performer and "
            "MedicationDispense:prescription."
        )
    return kind


def _count(values: dict[str, list[str]]) -> int:
    sort, total = values.get("_sort", []), values.get("_total", [])
    if any(value != "-whenprepared" for value in sort):
        raise UnknownParameter("_sort: only -whenprepared, the order in use, is served.")
    if any(value not in ("accurate", "estimate", "none") for value in total):
        raise BadRequest("_total must be none, estimate or accurate.")
    for summary in values.get("_summary", ()):
        if summary not in ("count", "false"):
            raise UnknownParameter("_summary serves count and false.")
    if "count" in values.get("_summary", ()):
        return 0
    counts = values.get("_count", [])
    if len(counts) > 1:
        raise BadRequest("_count is given more than once.")
    if not counts:
        return DEFAULT_COUNT
    if not (counts[0].isascii() and counts[0].isdigit()):
        raise BadRequest("_count must be a whole number, 0 or more.")
    return min(int(counts[0]), MAX_COUNT) if len(counts[0]) < 10 else MAX_COUNT
