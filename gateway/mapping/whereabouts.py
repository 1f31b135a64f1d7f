"""Where a person, their dispensers and prescribers are, read from the very resources that an answer carries.

Home is the address last reported (FHIR R4: the one that is not `old`). ASAP 4.2B reports no address of a
prescriber (segment PRE): where they dispense too, as a Practitioner with the NPI or DEA number of one of the
answer's dispensers, theirs is that one's.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import orjson

from gateway.clinical.distance import Point, Whereabouts
from gateway.core.disclosure import Entry
from gateway.mapping import centroids
from gateway.mapping.tables import Mappings

_Number = tuple[str, str]


def whereabouts(entries: Iterable[Entry], m: Mappings) -> Whereabouts:
    """Return the places of the Patient, Organizations and Practitioners among `entries`."""
    home: Point | None = None
    dispensers: dict[str, Point | None] = {}
    by_number: dict[_Number, Point] = {}
    numbers: dict[str, frozenset[_Number]] = {}
    for entry in entries:
        if entry.type == "Patient":
            home = _point(orjson.loads(entry.body))
        elif entry.type == "Organization":
            point, own = _party(entry.body, m)
            dispensers[entry.id] = point
            if point is not None:
                by_number.update(dict.fromkeys(own, point))
        elif entry.type == "Practitioner":
            _, numbers[entry.id] = _party(entry.body, m)
    prescribers: dict[str, Point | None] = {}
    for key, own in numbers.items():
        found = [by_number[number] for number in sorted(own) if number in by_number]
        if found:
            prescribers[key] = found[0]
    return Whereabouts(home, dispensers, prescribers, centroids.table())


# The same bodies come again and again: `ReferenceCache` keeps them. Patients are never kept.
@lru_cache(maxsize=8192)
def _party(body: bytes, m: Mappings) -> tuple[Point | None, frozenset[_Number]]:
    resource = orjson.loads(body)
    systems = {m.systems["npi"], m.systems["dea"]}
    listed = ((i.get("system", ""), i.get("value", "")) for i in resource.get("identifier", ()))
    return _point(resource), frozenset(number for number in listed if number[0] in systems)


def _point(resource: dict[str, Any]) -> Point | None:
    current: dict[str, Any] = next((a for a in resource.get("address", ()) if a.get("use") != "old"), {})
    return centroids.point(current.get("postalCode", ""))
