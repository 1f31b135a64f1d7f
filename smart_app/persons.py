"""A Patient or Practitioner resource as the page shows it, and how two of them compare.

The comparison guards against the wrong chart: what the PDMP matched is set beside what the EHR has
open, and a difference in birth date is a warning, never silent.
"""

from __future__ import annotations

import datetime as dt
import unicodedata
from dataclasses import dataclass

from smart_app import fhir

Resource = fhir.Resource

_SEX = {"male": "Male", "female": "Female", "other": "Other", "unknown": "Unknown"}


@dataclass(frozen=True, slots=True)
class Person:
    """A person as shown. `others` are further names, `addresses` the addresses, as reported."""

    id: str
    name: str
    families: tuple[str, ...]
    birth_date: str | None
    sex: str | None
    others: tuple[str, ...]
    addresses: tuple[str, ...]

    def born(self) -> dt.date | None:
        """Return the birth date, or None where it is not a full date."""
        try:
            return dt.date.fromisoformat(self.birth_date or "")
        except ValueError:
            return None


def person(resource: Resource) -> Person:
    """Return the person in a Patient or Practitioner resource."""
    names = fhir.parts(resource, "name")
    names.sort(key=lambda n: n.get("use") in ("old", "maiden", "nickname"))
    shown = list(dict.fromkeys(t for n in names if (t := _name(n))))
    return Person(
        id=fhir.text(resource, "id") or "",
        name=shown[0] if shown else "",
        families=tuple(f for n in names if (f := fhir.text(n, "family"))),
        birth_date=fhir.text(resource, "birthDate"),
        sex=_SEX.get(fhir.text(resource, "gender") or ""),
        others=tuple(shown[1:]),
        addresses=tuple(dict.fromkeys(t for a in fhir.parts(resource, "address") if (t := _address(a)))),
    )


def npi(practitioner: Resource) -> str | None:
    """Return the NPI of a Practitioner, or None."""
    for identifier in fhir.parts(practitioner, "identifier"):
        if identifier.get("system") == "http://hl7.org/fhir/sid/us-npi":
            return fhir.text(identifier, "value")
    return None


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the matched person agrees with the chart: None where one of the two is not known."""

    birth_date: bool | None
    family: bool | None
    sex: bool | None

    @property
    def alarming(self) -> bool:
        """Return whether the birth dates differ: the wrong chart may be open."""
        return self.birth_date is False


def compare(chart: Person, matched: Person) -> Comparison:
    """Return how `matched`, the PDMP's person, agrees with `chart`, the EHR's. Any family name will do."""
    own, theirs = ({_plain(f) for f in p.families} for p in (chart, matched))
    sexes = {chart.sex, matched.sex}
    return Comparison(
        birth_date=chart.birth_date == matched.birth_date
        if chart.birth_date and matched.birth_date
        else None,
        family=bool(own & theirs) if own and theirs else None,
        sex=len(sexes) == 1 if not sexes & {None, "Unknown"} else None,
    )


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return "".join(c for c in decomposed if c.isalnum())


def _name(name: Resource) -> str:
    family = fhir.text(name, "family")
    words = [*fhir.texts(name, "prefix"), *fhir.texts(name, "given")]
    words.extend([family] if family else [])
    words.extend(fhir.texts(name, "suffix"))
    return " ".join(words) or fhir.text(name, "text") or ""


def _address(address: Resource) -> str:
    place = " ".join(t for n in ("state", "postalCode") if (t := fhir.text(address, n)))
    city = fhir.text(address, "city")
    return ", ".join(t for t in (*fhir.texts(address, "line"), city, place) if t)
