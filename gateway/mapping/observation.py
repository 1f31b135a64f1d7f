"""A computed figure as Observation. Rule: FHIR R4 and US Core 6.1.0, us-core-simple-observation.

R4's `derivedFrom` takes no MedicationDispense: the dispensations behind a figure are in R4's own extension
workflow-supportingInfo ("used to create the instance"). No LOINC code is claimed: the codes are ours.
Numbers are exact; one whose decimals do not end is cut after nine, never rounded up to a threshold.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from fractions import Fraction
from uuid import UUID, uuid5

from gateway.clinical.figures import text as cut
from gateway.clinical.picture import Picture
from gateway.core.disclosure import Entry
from gateway.mapping.conceptmaps import Coding
from gateway.mapping.detected_issue import counted_from
from gateway.mapping.facts import Fact, facts
from gateway.mapping.fragments import US_CORE, coding
from gateway.mapping.tables import Mappings
from gateway.mapping.text import UCUM, quote

_PROFILE = f'"{US_CORE}us-core-simple-observation"'
_SUPPORTING = "http://hl7.org/fhir/StructureDefinition/workflow-supportingInfo"
_SPACE = UUID("1d2f1f0b-52a5-5a0e-8c0a-0a6f5a1f6c34")
_CATEGORY = coding(Coding("http://terminology.hl7.org/CodeSystem/observation-category", "therapy", "Therapy"))
_ABSENT = {
    code: coding(Coding("http://terminology.hl7.org/CodeSystem/data-absent-reason", code, display))
    for code, display in (("unknown", "Unknown"), ("not-applicable", "Not Applicable"))
}
_UNIT_NAMES = {"mg/d": "mg/d", "d": "days", "[mi_i]": "miles"}
_PLACES = 9


def render_facts(p: Picture, person_id: UUID, m: Mappings, known_from: dt.date | None) -> list[Entry]:
    """Return every figure of `p` as an Observation. `known_from` is the first day of filling looked at."""
    restricted = {s.id: s.row.restriction for s in p.supplies if s.row.restriction is not None}
    left_edge = counted_from(known_from)
    return [
        _observation(fact, person_id, m, left_edge, restricted) for fact in facts(p, m.jurisdiction.alerts)
    ]


def _observation(
    fact: Fact, person_id: UUID, m: Mappings, left_edge: str, restricted: dict[str, str]
) -> Entry:
    own = str(uuid5(_SPACE, f"{person_id}|{fact.code}|{fact.key}|{fact.when}|{fact.method}"))
    laws = restricted.values() if fact.rows is None else (restricted[r] for r in fact.rows if r in restricted)
    security = "".join(m.fragments.security[code] for code in sorted(set(laws)))
    code = coding(Coding(f"{m.identifier_base}/fhir/CodeSystem/computed-fact", fact.code, m.facts[fact.code]))
    focus = f',"focus":[{{"reference":"{fact.focus}"}}]' if fact.focus else ""
    method = f',"method":{{"text":{quote(fact.method)}}}' if fact.method else ""
    notes = ",".join(f'{{"text":{quote(note)}}}' for note in (*fact.notes, left_edge))
    return Entry(
        "Observation",
        own,
        (
            f'{{"resourceType":"Observation","id":"{own}","meta":{{"source":{m.fragments.source},'
            f'"profile":[{_PROFILE}]{security}}}{_extension(fact.rows or ())},"status":"final",'
            f'"category":[{{"coding":[{_CATEGORY}]}}],"code":{{"coding":[{code}],"text":{quote(fact.text)}}},'
            f'"subject":{{"reference":"Patient/{person_id}"}}{focus},{_when(fact)},'
            f'"performer":[{m.fragments.program}],{_value(fact)},'
            f'"note":[{notes}]{method}}}'
        ).encode(),
    )


def _when(fact: Fact) -> str:
    if isinstance(fact.when, dt.date):
        return f'"effectiveDateTime":"{fact.when.isoformat()}"'
    first, last = fact.when.first.isoformat(), fact.when.last.isoformat()
    return f'"effectivePeriod":{{"start":"{first}","end":"{last}"}}'


def _value(fact: Fact) -> str:
    if fact.value is None:
        return f'"dataAbsentReason":{{"coding":[{_ABSENT[fact.absent]}]}}'
    if not fact.unit:
        return f'"valueInteger":{fact.value}'
    number = cut(Fraction(fact.value), _PLACES)
    name = _UNIT_NAMES[fact.unit]
    return f'"valueQuantity":{{"value":{number},"unit":"{name}","system":"{UCUM}","code":"{fact.unit}"}}'


def _extension(rows: Iterable[str]) -> str:
    parts = [
        f'{{"url":"{_SUPPORTING}","valueReference":{{"reference":"MedicationDispense/{row}"}}}}'
        for row in rows
    ]
    return f',"extension":[{",".join(parts)}]' if parts else ""
