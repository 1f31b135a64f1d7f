"""The Parameters of $pdmp-history become a `HistoryQuery`: strict about shape, kind about detail.

US PDMP guide 1.0.0, OperationDefinition pdmp-history and profile pdmp-parameters-request; an organisation
may be missing (the two disagree). What makes the call malformed is a `BadRequest`; what makes it
unanswerable, though well formed, is `Unanswerable` and becomes an `outcome` inside a 200 answer.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from gateway.core.access import Practitioner
from gateway.core.disclosure import HistoryQuery, PatientIdentifier, PatientQuery
from gateway.core.errors import BadRequest
from gateway.fhir import identifiers, parameters
from gateway.fhir.parameters import Inputs

_FACTS = "computed-facts"
_DELEGATE = ("delegate-practitioner", "delegate-practitioner-role", "delegate-organization")
_PRACTITIONER = "authorized-practitioner"
_ROLE = "authorized-practitioner-role"
_ORGANIZATION = "authorized-practitioner-organization"
INPUTS = frozenset(
    {
        "patient",
        "animal-owner",
        _PRACTITIONER,
        _ROLE,
        _ORGANIZATION,
        *_DELEGATE,
        "pre-stage-only",
        "pre-stage-retrieval-key",
        # Ours: the guide's slicing of the inputs is open.
        _FACTS,
    }
)

_ANIMAL = "http://hl7.org/fhir/StructureDefinition/patient-animal"
_FULL_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOST = 20


class Unanswerable(Exception):
    """A well-formed call that cannot be answered. `code` is of issue-type; `text` holds no patient data."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def read(body: dict[str, Any], *, person_system: str) -> HistoryQuery:
    """Return the query. `person_system` is the identifier system of our own person ids.

    Raises BadRequest and Unanswerable.
    """
    inputs = parameters.read(body, INPUTS)
    patient = _required(inputs, "patient", "Patient")
    practitioner = _required(inputs, _PRACTITIONER, "Practitioner")
    role = _required(inputs, _ROLE, "PractitionerRole")
    organization = inputs.resource(_ORGANIZATION, "Organization")
    owner = inputs.resource("animal-owner", "RelatedPerson")
    _check_served(inputs)
    _check_reference(role, "practitioner", practitioner, _PRACTITIONER)
    if organization is not None:
        _check_reference(role, "organization", organization, _ORGANIZATION)
    return HistoryQuery(
        patient=_patient(patient, owner, person_system),
        practitioner=_practitioner(practitioner),
        organizations=() if organization is None else (_numbers(organization),),
        computed_facts=inputs.boolean(_FACTS),
    )


def _required(inputs: Inputs, name: str, resource_type: str) -> dict[str, Any]:
    resource = inputs.resource(name, resource_type, required=True)
    assert resource is not None
    return resource


def _check_served(inputs: Inputs) -> None:
    for name in _DELEGATE:
        if name in inputs.parts:
            raise Unanswerable("not-supported", "Requests by a delegate are not supported yet.")
    if inputs.boolean("pre-stage-only") or "pre-stage-retrieval-key" in inputs.parts:
        raise Unanswerable("not-supported", "Pre-staging is not supported yet.")


def _check_reference(role: dict[str, Any], element: str, target: dict[str, Any], name: str) -> None:
    """Raise Unanswerable when the role refers to another resource than the one sent beside it."""
    reference = role.get(element)
    text = reference.get("reference") if isinstance(reference, dict) else None
    if not isinstance(text, str) or not text:
        return
    # Parameters has no fullUrl: the sender's Type/id is all that two inputs can agree by.
    target_id = target.get("id")
    if isinstance(target_id, str) and text.split("/_history/")[0].split("/")[-2:] != [
        str(target["resourceType"]),
        target_id,
    ]:
        raise Unanswerable(
            "invalid", f"{_ROLE}: its {element} refers to another resource than the input {name}."
        )


def _practitioner(resource: dict[str, Any]) -> Practitioner:
    found: dict[str, set[str]] = {"npi": set(), "dea": set(), "practice": set()}
    for named in identifiers.usable(resource.get("identifier")):
        if named.kind == "practice":
            if named.state:
                found["practice"].add(f"{named.state}:{named.value.upper()}")
        elif named.kind in found:
            found[named.kind].add(named.value)
    if len(found["npi"]) > 1:
        raise Unanswerable("invalid", f"{_PRACTITIONER} has more than one NPI.")
    # A practitioner may hold several DEA numbers and licences; one that is not alone names nobody for sure.
    return Practitioner(npi=_only(found["npi"]), dea=_only(found["dea"]), license=_only(found["practice"]))


def _only(values: set[str]) -> str | None:
    return next(iter(values)) if len(values) == 1 else None


def _numbers(organization: dict[str, Any]) -> frozenset[str]:
    return frozenset(
        named.value
        for named in identifiers.usable(organization.get("identifier"))
        if named.kind in ("npi", "dea")
    )


def _patient(resource: dict[str, Any], owner: dict[str, Any] | None, person_system: str) -> PatientQuery:
    animal = any(extension.get("url") == _ANIMAL for extension in _dicts(resource.get("extension")))
    names = _names(resource)
    animal_name = ""
    if animal:
        # The guide's animal carries its own name as given and its owner's as family.
        animal_name = next((given for _, given in names if given), "")
        owners = _names(owner) if owner is not None else ()
        names = owners or tuple((family, "") for family, _ in names)
    if not any(family for family, _ in names):
        raise Unanswerable("required", "patient has no family name.")
    birth_date = _birth_date(resource)
    if birth_date is None and animal and owner is not None:
        birth_date = _birth_date(owner)
    if birth_date is None and not animal:
        raise Unanswerable("required", "patient needs a full birthDate: year, month and day.")
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
