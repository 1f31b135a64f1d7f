"""The context that an order screen's card brings: `appContext` of the token response.

CDS Hooks 2.0 (link, `appContext`): an opaque string of the card's service that the EHR hands on unread;
here the request Parameters of HL7 US PDMP IG 1.0.0, which it lets travel so. The launch stays the only word
on whose history is shown and who looks: the context is used where it is about both, else it is ignored and
the page says so. Used means that the page tells where it was opened from, and that the user's role and
organisation are taken from it where the EHR itself gives none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import orjson

from smart_app import fhir, persons
from smart_app.ehr_client import User

_MOST = 64 * 1024
_ROLE = ("resourceType", "id", "active", "identifier", "code", "specialty", "telecom")
_ORGANIZATION = ("resourceType", "id", "active", "identifier", "name", "telecom", "address", "type")


class Fate(StrEnum):
    """What became of the context. The value is its name on the page."""

    USED = "used"
    UNREADABLE = "unreadable"
    OTHER_PATIENT = "other-patient"
    OTHER_USER = "other-user"


@dataclass(frozen=True, slots=True)
class Order:
    """The fate, and the user to ask for."""

    fate: Fate | None
    user: User


def keep(context: object, patient: str) -> str | None:
    """Return what the page's record keeps of `appContext` when the launch's patient is `patient`.

    None where there is none; a fate where it is to be ignored, so that nothing of another patient is kept;
    else JSON with the few facts that `weigh` compares.
    """
    if context is None:
        return None
    resources = _resources(context)
    person, practitioner = resources.get("patient", {}), resources.get("authorized-practitioner", {})
    if person.get("resourceType") != "Patient" or practitioner.get("resourceType") != "Practitioner":
        return Fate.UNREADABLE.value
    if fhir.text(person, "id") != patient:
        return Fate.OTHER_PATIENT.value
    kept: dict[str, Any] = {
        "families": list(persons.person(person).families),
        "birth_date": fhir.text(person, "birthDate"),
        "practitioner": fhir.text(practitioner, "id"),
        "npi": persons.npi(practitioner),
        "role": _part(resources.get("authorized-practitioner-role"), "PractitionerRole", _ROLE),
        "organization": _part(
            resources.get("authorized-practitioner-organization"), "Organization", _ORGANIZATION
        ),
    }
    return orjson.dumps(kept).decode()


def weigh(kept: str | None, patient: fhir.Resource, user: User) -> Order:
    """Return the fate of the context beside the EHR's own records of `patient` and `user`."""
    if kept is None or kept in set(Fate):
        return Order(Fate(kept) if kept else None, user)
    said: dict[str, Any] = orjson.loads(kept)
    chart = persons.person(patient)
    claimed = replace(chart, families=tuple(said["families"]), birth_date=said["birth_date"])
    match = persons.compare(chart, claimed)
    if match.birth_date is False or match.family is False:
        return Order(Fate.OTHER_PATIENT, user)
    own, npi = fhir.text(user.practitioner, "id"), persons.npi(user.practitioner)
    if said["practitioner"] != own or (npi and said["npi"] and npi != said["npi"]):
        return Order(Fate.OTHER_USER, user)
    role = user.role or said["role"]
    organization = user.organization or said["organization"]
    return Order(Fate.USED, User(user.practitioner, role, organization))


def _resources(context: object) -> dict[str, fhir.Resource]:
    """Return the resources of request Parameters by parameter name, each name once; none if it is no such."""
    if not isinstance(context, str) or len(context) > _MOST:
        return {}
    try:
        data = orjson.loads(context)
    except ValueError:
        return {}
    if not isinstance(data, Mapping) or data.get("resourceType") != "Parameters":
        return {}
    found: dict[str, fhir.Resource] = {}
    for parameter in fhir.parts(data, "parameter"):
        name, resource = fhir.text(parameter, "name"), fhir.part(parameter, "resource")
        if name in found:
            return {}
        if name and resource:
            found[name] = resource
    return found


def _part(resource: fhir.Resource | None, kind: str, members: tuple[str, ...]) -> dict[str, Any] | None:
    if not resource or resource.get("resourceType") != kind:
        return None
    return {name: resource[name] for name in members if name in resource}
