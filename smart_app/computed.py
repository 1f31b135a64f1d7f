"""What the PDMP computed: its alerts and its figures, as the answer brings them. Pure; nothing is recomputed.

Source: HL7 US PDMP IG 1.0.0, history Bundle (alerts are DetectedIssue); figures are the gateway's own
Observations, asked for by the input `computed-facts` and known by the end of their code system. The rows
behind each are the ids of MedicationDispense that it names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from smart_app import fhir

Resource = fhir.Resource

_SYSTEM = "/fhir/CodeSystem/computed-fact"
_SUPPORTING = "http://hl7.org/fhir/StructureDefinition/workflow-supportingInfo"
_NAMED = re.compile(r"MedicationDispense/([A-Za-z0-9.-]{1,64})")
_LEFT_OUT = re.compile(r"\d+ of \d+ not counted")


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert in the PDMP's own words. `detail` is None where it says no more than its text."""

    text: str
    kind: str | None
    detail: str | None
    rows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. `value` is None where the PDMP says that it is not known; `unit` is None for a count."""

    code: str
    text: str
    value: Decimal | None
    unit: str | None
    method: str | None
    notes: tuple[str, ...]
    rows: tuple[str, ...]

    @property
    def left_out(self) -> str | None:
        """Return `2 of 7 not counted` where something is, or None."""
        return next((m[0] for note in self.notes if (m := _LEFT_OUT.search(note))), None)

    @property
    def is_overlap(self) -> bool:
        """Return whether it counts days on which classes of drugs lie together."""
        return self.code.startswith("overlap-")


def alert(issue: Resource) -> Alert:
    """Return a DetectedIssue as an alert."""
    code = fhir.part(issue, "code")
    coded = fhir.first(code, "coding")
    return Alert(
        text=fhir.concept(code) or "Alert",
        kind=fhir.text(coded, "display") if fhir.text(code, "text") else None,
        detail=fhir.text(issue, "detail"),
        rows=tuple(_ids(fhir.parts(issue, "implicated"))),
    )


def figure(observation: Resource) -> Figure | None:
    """Return an Observation as a figure, None where it is none of the gateway's."""
    concept = fhir.part(observation, "code")
    own = (c for c in fhir.parts(concept, "coding") if str(c.get("system", "")).endswith(_SYSTEM))
    code = next((text for c in own if (text := fhir.text(c, "code"))), None)
    if code is None:
        return None
    quantity = fhir.part(observation, "valueQuantity")
    value = fhir.decimal(quantity.get("value"))
    count = fhir.decimal(observation.get("valueInteger"))
    supporting = (e for e in fhir.parts(observation, "extension") if e.get("url") == _SUPPORTING)
    return Figure(
        code=code,
        text=fhir.concept(concept) or code,
        value=count if value is None else value,
        unit=fhir.text(quantity, "unit") if value is not None else None,
        method=fhir.text(fhir.part(observation, "method"), "text"),
        notes=tuple(t for note in fhir.parts(observation, "note") if (t := fhir.text(note, "text"))),
        rows=tuple(_ids(fhir.part(e, "valueReference") for e in supporting)),
    )


def pieces(note: str) -> list[tuple[str, str | None]]:
    """Return a note as (text, None) and, where it names a dispensation, ("", its id), in order."""
    found: list[tuple[str, str | None]] = []
    at = 0
    for match in _NAMED.finditer(note):
        found += [(note[at : match.start()], None), ("", match[1])]
        at = match.end()
    return [*found, (note[at:], None)]


def _ids(references: Iterator[Resource] | list[Resource]) -> Iterator[str]:
    for reference in references:
        target = fhir.text(reference, "reference") or ""
        if found := _NAMED.search(target):
            yield found[1]
