"""What a report says, as values: read from the resources of one disclosed history.

In the order in which a reader checks it: who was matched, who asked and why, which states answered and how
recent their data are, what was computed and by which rule, every dispensation. Nothing is computed here.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.core.disclosure import Entry
from gateway.report.lines import Line, line, number

_RESTRICTED = "42CFRPart2"
_RULES = "/fhir/CodeSystem/alert-rule"
_REFERENCE = re.compile(r"MedicationDispense/([0-9a-f-]{36})")


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asked: the authorised practitioner, and the delegate who acted, each as shown to people."""

    practitioner: str
    delegate: str | None = None
    organization: str | None = None
    purpose: str = "Treatment of the practitioner's own patient"


@dataclass(frozen=True, slots=True)
class Source:
    """One state's answer. `current_to` is the last day for which its data are said to be complete."""

    name: str
    status: str
    current_to: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Whom the history is about; `others` are further descriptions that pharmacies reported."""

    name: str = field(repr=False)
    birth_date: str = field(repr=False)
    gender: str = field(repr=False)
    address: str = field(repr=False)
    others: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """An alert: what was found, by which published rule, its words about its limits, the rows behind it."""

    text: str
    rule: str
    detail: str
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """A computed figure with its unit, or why there is none; `notes` say what it leaves out."""

    text: str
    value: str
    method: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """One report. `first` and `last` are the days of the period looked at, both included."""

    program: str
    person: Person | None
    requester: Requester
    sources: tuple[Source, ...]
    first: dt.date | None
    last: dt.date | None
    made_at: dt.datetime
    findings: tuple[Finding, ...] = ()
    figures: tuple[Figure, ...] = ()
    lines: tuple[Line, ...] = ()
    restricted: bool = False

    @property
    def period(self) -> str:
        """Return the period in words."""
        if self.first is None and self.last is None:
            return "all that is kept"
        start = self.first.isoformat() if self.first else "the beginning"
        return f"{start} to {self.last.isoformat() if self.last else 'today'}"


def read(
    entries: Iterable[Entry],
    *,
    program: str,
    requester: Requester,
    sources: tuple[Source, ...],
    first: dt.date | None,
    last: dt.date | None,
    made_at: dt.datetime,
) -> Report:
    """Return the report of a history. `made_at` is in the program's own time zone."""
    resources: dict[str, list[dict[str, Any]]] = {}
    restricted = False
    for entry in entries:
        restricted = restricted or _RESTRICTED.encode() in entry.body
        resources.setdefault(entry.type, []).append(orjson.loads(entry.body))
    by_reference = {f"{kind}/{each['id']}": each for kind, found in resources.items() for each in found}
    dispenses = resources.get("MedicationDispense", [])
    rows = {each["id"]: number for number, each in enumerate(dispenses, start=1)}
    patients = resources.get("Patient", [])
    return Report(
        program=program,
        person=_person(patients[0]) if patients else None,
        requester=requester,
        sources=sources,
        first=first,
        last=last,
        made_at=made_at,
        findings=tuple(_finding(each, rows) for each in resources.get("DetectedIssue", [])),
        figures=tuple(_figure(each, rows) for each in resources.get("Observation", [])),
        lines=tuple(line(each, by_reference, rows[each["id"]]) for each in dispenses),
        restricted=restricted,
    )


def _person(patient: dict[str, Any]) -> Person:
    names = [_name(each) for each in patient.get("name", ())]
    addresses = [_address(each) for each in patient.get("address", ())]
    animal = any(each["url"].endswith("/patient-animal") for each in patient.get("extension", ()))
    return Person(
        name=(names[0] if names else "name not reported") + (" (animal)" if animal else ""),
        birth_date=patient.get("birthDate", "not reported"),
        gender=patient.get("gender", "unknown"),
        address=addresses[0] if addresses else "address not reported",
        others=tuple(dict.fromkeys((*names[1:], *addresses[1:]))),
    )


def _name(name: dict[str, Any]) -> str:
    given = " ".join(part for part in name.get("given", ()) if part)
    suffix = " ".join(name.get("suffix", ()))
    told = ", ".join(part for part in (name.get("family", ""), given) if part)
    return f"{told} {suffix}".strip()


def _address(address: dict[str, Any]) -> str:
    place = " ".join(address[key] for key in ("state", "postalCode") if address.get(key))
    return ", ".join(part for part in (*address.get("line", ()), address.get("city", ""), place) if part)


def _finding(issue: dict[str, Any], rows: dict[str, int]) -> Finding:
    rules = (each for each in issue["code"]["coding"] if each["system"].endswith(_RULES))
    behind = sorted({rows[key] for key in _named(issue.get("implicated", ())) if key in rows})
    return Finding(
        issue["code"]["text"],
        next((each["display"] for each in rules), ""),
        _in_rows(issue["detail"], rows),
        tuple(behind),
    )


def _named(references: Iterable[dict[str, Any]]) -> Iterable[str]:
    return (each["reference"].rpartition("/")[2] for each in references)


def _in_rows(text: str, rows: dict[str, int]) -> str:
    """Return `text` with ids of dispensations as the numbers of their rows, which people can find."""
    return _REFERENCE.sub(lambda m: f"row {rows[m[1]]}" if m[1] in rows else "a row not shown", text)


def _figure(observation: dict[str, Any], rows: dict[str, int]) -> Figure:
    if "valueQuantity" in observation:
        quantity = observation["valueQuantity"]
        value = f"{number(quantity['value'])} {quantity['unit']}"
    elif "valueInteger" in observation:
        value = str(observation["valueInteger"])
    else:
        value = observation["dataAbsentReason"]["coding"][0]["display"].lower()
    notes = tuple(_in_rows(each["text"], rows) for each in observation.get("note", ()))
    return Figure(observation["code"]["text"], value, observation.get("method", {}).get("text", ""), notes)
