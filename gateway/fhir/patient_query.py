"""A FHIR Patient, as a requester or an EHR sends it, becomes the question whom it means.

What identifies nobody (masked, partial, of an unknown system) is left out. Animals: US PDMP guide 1.0.0,
profile pdmp-patient and the input animal-owner.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from gateway.core.disclosure import PatientIdentifier, PatientQuery
from gateway.core.errors import BadRequest
from gateway.fhir import identifiers

_ANIMAL = "http://hl7.org/fhir/StructureDefinition/patient-animal"
_FULL_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOST = 20


class Incomplete(Exception):
    """A well-formed Patient that lacks what nobody can be told without. Its text holds no patient data."""


def read(
    resource: dict[str, Any], owner: dict[str, Any] | None = None, *, person_system: str
) -> PatientQuery:
    """Return the query. `owner`: an animal's, a RelatedPerson; `person_system`: that of our own person ids.

    Raises BadRequest for a garbled birth date, Incomplete without a family name or a full birth date.
    """
    animal = any(extension.get("url") == _ANIMAL for extension in _dicts(resource.get("extension")))
    names = _names(resource)
    animal_name = ""
    if animal:
        # The guide's animal carries its own name as given and its owner's as family.
        animal_name = next((given for _, given in names if given), "")
        owners = _names(owner) if owner is not None else ()
        names = owners or tuple((family, "") for family, _ in names)
    if not any(family for family, _ in names):
        raise Incomplete("patient has no family name.")
    birth_date = _birth_date(resource)
    if birth_date is None and animal and owner is not None:
        birth_date = _birth_date(owner)
    if birth_date is None and not animal:
        raise Incomplete("patient needs a full birthDate: year, month and day.")
    return PatientQuery(
        names=names,
        birth_date=birth_date,
        suffixes=_suffixes(resource),
        identifiers=_identifiers(resource, person_system) + _identifiers(owner or {}, person_system),
        addresses=_addresses(resource) or _addresses(owner or {}),
        phones=_phones(resource) or _phones(owner or {}),
        animal=animal,
        animal_name=animal_name,
    )


def _names(resource: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    names = []
    for name in _dicts(resource.get("name")):
        given = [text for text in _list(name.get("given")) if isinstance(text, str)]
        pair = (_text(name.get("family")), given[0].strip() if given else "")
        if any(pair) and pair not in names:
            names.append(pair)
    return tuple(names)


def _suffixes(resource: dict[str, Any]) -> tuple[str, ...]:
    texts = (text for name in _dicts(resource.get("name")) for text in _list(name.get("suffix")))
    return tuple(dict.fromkeys(text.strip() for text in texts if isinstance(text, str) and text.strip()))


def _birth_date(resource: dict[str, Any]) -> dt.date | None:
    text = resource.get("birthDate")
    if text is None:
        return None
    if not isinstance(text, str):
        raise BadRequest("patient.birthDate must be a date.")
    if not _FULL_DATE.fullmatch(text):
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise BadRequest("patient.birthDate is no date of the calendar.") from None


def _identifiers(resource: dict[str, Any], person_system: str) -> tuple[PatientIdentifier, ...]:
    found = []
    for named in identifiers.usable(resource.get("identifier")):
        if named.kind == "ssn":
            found.append(PatientIdentifier("ssn", named.value))
        elif named.kind == "driver":
            found.append(PatientIdentifier("license", named.value, named.state))
        elif named.system == person_system:
            found.append(PatientIdentifier("person", named.value))
    return tuple(dict.fromkeys(found))


def _addresses(resource: dict[str, Any]) -> tuple[tuple[str, str, str], ...]:
    found = []
    for address in _dicts(resource.get("address")):
        line = " ".join(text.strip() for text in _list(address.get("line")) if isinstance(text, str))
        if line:
            found.append((line, _text(address.get("city")), _text(address.get("postalCode"))))
    return tuple(dict.fromkeys(found))


def _phones(resource: dict[str, Any]) -> tuple[str, ...]:
    found = []
    for telecom in _dicts(resource.get("telecom")):
        value = _text(telecom.get("value")).removeprefix("tel:")
        if value and telecom.get("system") in ("phone", "sms"):
            found.append(value)
    return tuple(dict.fromkeys(found))


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _list(value: Any) -> list[Any]:
    return value[:_MOST] if isinstance(value, list) else []


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in _list(value) if isinstance(item, dict)]
