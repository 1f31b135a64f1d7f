"""The Parameters of $pdmp-history become a `HistoryQuery`: strict about shape, kind about detail.

US PDMP guide 1.0.0, OperationDefinition pdmp-history and profile pdmp-parameters-request; an organisation
may be missing (the two disagree). What makes the call malformed is a `BadRequest`; what makes it
unanswerable, though well formed, is `Unanswerable` and becomes an `outcome` inside a 200 answer.
"""

from __future__ import annotations

from typing import Any

from gateway.core.access import Practitioner
from gateway.core.disclosure import HistoryQuery
from gateway.fhir import identifiers, parameters, patient_query
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
    try:
        person = patient_query.read(patient, owner, person_system=person_system)
    except patient_query.Incomplete as error:
        raise Unanswerable("required", str(error)) from None
    return HistoryQuery(
        patient=person,
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
