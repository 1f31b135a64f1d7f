"""What of a $pdmp-history body is read, refused, or answered as not to be answered."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.access import Practitioner
from gateway.core.disclosure import HistoryQuery, PatientIdentifier
from gateway.core.errors import BadRequest, GatewayError
from gateway.fhir_api import history_request
from gateway.fhir_api.history_request import Unanswerable
from tests.fhir_api import bodies
from tests.fhir_api.bodies import parameters

PERSON_SYSTEM = "https://pdmp.example.org/fhir/sid/person"
V2 = "http://terminology.hl7.org/CodeSystem/v2-0203"


def read(body: dict[str, Any]) -> HistoryQuery:
    return history_request.read(body, person_system=PERSON_SYSTEM)


def read_patient(**patient: Any) -> HistoryQuery:
    return read(parameters({**bodies.fenwick(), **patient}))


def test_a_plain_request_names_a_patient_and_a_practitioner() -> None:
    query = read(parameters(bodies.fenwick()))
    assert query.patient.names == (("Fenwick", "Loretta"),)
    assert query.patient.birth_date == dt.date(1968, 4, 11)
    assert query.patient.identifiers == (PatientIdentifier("ssn", "999700101"),)
    assert query.practitioner == Practitioner(npi=bodies.CREECH)
    assert query.organizations == ()


def test_every_name_suffix_address_and_phone_is_evidence() -> None:
    query = read_patient(
        name=[
            {"use": "official", "family": "Fenwick", "given": ["Loretta", "Mae"], "suffix": ["Jr"]},
            {"use": "old", "family": "Stone", "given": ["Loretta"]},
            {"text": "Only text"},
        ],
        address=[
            {"line": ["18 Quarry Lane", "Apt 4"], "city": "Lexington", "postalCode": "40503"},
            {"state": "KY"},
        ],
        telecom=[
            {"system": "phone", "value": "+1 859 555 3509"},
            {"system": "email", "value": "l@example.org"},
            {"system": "phone", "_value": {"extension": []}},
        ],
    ).patient
    assert query.names == (("Fenwick", "Loretta"), ("Stone", "Loretta"))
    assert query.suffixes == ("Jr",)
    assert query.addresses == (("18 Quarry Lane Apt 4", "Lexington", "40503"),)
    assert query.phones == ("+1 859 555 3509",)


def test_our_person_id_and_a_licence_with_its_state_are_read() -> None:
    licence = {
        "type": {"coding": [{"system": V2, "code": "DL"}]},
        "system": "urn:oid:2.16.840.1.113883.4.3.21",
        "value": "S12-345",
    }
    ours = {"system": PERSON_SYSTEM, "value": "p-1"}
    theirs = {"system": "https://ehr.example.org/mrn", "value": "p-1"}
    found = read_patient(identifier=[licence, ours, theirs]).patient.identifiers
    assert found == (PatientIdentifier("license", "S12-345", "KY"), PatientIdentifier("person", "p-1"))


@pytest.mark.parametrize("system", [None, bodies.SSN, "urn:oid:2.16.840.1.113883.4.1", "urn:oid:1.2.3"])
def test_a_number_typed_as_social_security_is_one_in_whatever_system(system: str | None) -> None:
    number = {"type": {"coding": [{"system": V2, "code": "SS"}]}, "value": "999-70-0101"}
    found = read_patient(identifier=[number | ({"system": system} if system else {})]).patient.identifiers
    assert found == (PatientIdentifier("ssn", "999700101"),)


@pytest.mark.parametrize("value", ["XXX-XX-0101", "0101", "*****0101"])
def test_a_masked_social_security_number_is_no_evidence(value: str) -> None:
    assert read_patient(**bodies.ssn(value)).patient.identifiers == ()


@pytest.mark.parametrize(
    "patient",
    [
        {"birthDate": "1968"},
        {"birthDate": "1968-04"},
        {"birthDate": None},
        {"name": []},
        {"name": [{"text": "Loretta Fenwick"}]},
        {"name": [{"given": ["Loretta"]}]},
    ],
)
def test_too_little_to_look_for_is_answered_as_an_outcome(patient: dict[str, Any]) -> None:
    with pytest.raises(Unanswerable) as caught:
        read_patient(**patient)
    assert caught.value.code == "required"
    assert "Loretta" not in caught.value.text


@pytest.mark.parametrize("birth_date", ["1968-02-30", 19680411, ["1968-04-11"]])
def test_a_birth_date_that_is_none_is_malformed(birth_date: Any) -> None:
    with pytest.raises(BadRequest):
        read_patient(birthDate=birth_date)


def test_an_animal_is_found_by_its_name_under_its_owner() -> None:
    animal = {
        "resourceType": "Patient",
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/patient-animal"}],
        "name": [{"family": "Samuels", "given": ["Fido"]}],
        "_birthDate": {"extension": [{"url": "x", "valueCode": "unknown"}]},
    }
    owner = {
        "resourceType": "RelatedPerson",
        "name": [{"family": "Samuels", "given": ["August"]}],
        "birthDate": "1989-03-12",
        "address": [{"line": ["10023 Oakways Ln"], "postalCode": "01742"}],
    }
    alone = read(parameters(animal)).patient
    assert (alone.animal, alone.animal_name, alone.names) == (True, "Fido", (("Samuels", ""),))
    owned = read(parameters(animal, animal_owner=owner)).patient
    assert owned.names == (("Samuels", "August"),)
    assert owned.addresses == (("10023 Oakways Ln", "", "01742"),)


def test_a_practitioner_is_named_by_npi_dea_or_licence() -> None:
    sent = bodies.practitioner()
    sent["identifier"] += [
        {"system": "http://terminology.hl7.org/NamingSystem/usdeanumber", "value": "BC9500009-R1"},
        {
            "type": {"coding": [{"system": V2, "code": "MD"}]},
            "system": "http://kbml.example.org/license/KY",
            "value": "50000",
        },
    ]
    assert read(parameters(bodies.fenwick(), authorized_practitioner=sent)).practitioner == Practitioner(
        npi=bodies.CREECH, dea="BC9500009-R1", license="KY:50000"
    )


def test_two_npis_name_nobody() -> None:
    sent = bodies.practitioner()
    sent["identifier"].append({"system": "http://hl7.org/fhir/sid/us-npi", "value": "1999100864"})
    with pytest.raises(Unanswerable):
        read(parameters(bodies.fenwick(), authorized_practitioner=sent))


def test_an_organisation_is_known_by_its_numbers() -> None:
    query = read(
        parameters(bodies.fenwick(), authorized_practitioner_organization=bodies.organization("1999000122"))
    )
    assert query.organizations == (frozenset({"1999000122"}),)


@pytest.mark.parametrize(
    ("reference", "answered"),
    [
        ("Practitioner/pract-1", True),
        ("https://ehr.example.org/fhir/Practitioner/pract-1", True),
        ("Practitioner/pract-1/_history/3", True),
        ("Practitioner/pract-2", False),
        ("Organization/pract-1", False),
        ("urn:uuid:4d1b6c5e-0000-4000-8000-000000000000", False),
        (None, True),
    ],
)
def test_a_role_must_belong_to_the_practitioner(reference: str | None, answered: bool) -> None:
    role = {
        "resourceType": "PractitionerRole",
        "practitioner": {"reference": reference, "display": "Dr Creech"},
    }
    body = parameters(bodies.fenwick(), authorized_practitioner_role=role)
    if answered:
        read(body)
    else:
        with pytest.raises(Unanswerable):
            read(body)


@pytest.mark.parametrize(
    "more",
    [
        {"pre_stage_only": {"valueBoolean": True}},
        {"pre_stage_retrieval_key": {"valueString": "k"}},
        {"delegate_practitioner": bodies.practitioner()},
        {"delegate_organization": bodies.organization("1999000122")},
    ],
)
def test_what_is_not_served_yet_is_said_so(more: dict[str, Any]) -> None:
    with pytest.raises(Unanswerable) as caught:
        read(parameters(bodies.fenwick(), **more))
    assert caught.value.code == "not-supported"
    assert "not supported yet" in caught.value.text


def test_an_explicit_no_to_pre_staging_changes_nothing() -> None:
    assert read(parameters(bodies.fenwick(), pre_stage_only={"valueBoolean": False})) == read(
        parameters(bodies.fenwick())
    )


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"resourceType": "Bundle"},
        {"resourceType": "Parameters"},
        {"resourceType": "Parameters", "parameter": {}},
        {"resourceType": "Parameters", "parameter": ["patient"]},
        {"resourceType": "Parameters", "parameter": [{"resource": {}}]},
        parameters(bodies.fenwick(), authorized_practitioner=None),
        parameters(bodies.fenwick(), authorized_practitioner_role=None),
        parameters(bodies.practitioner()),
        parameters(bodies.fenwick(), patient={"valueReference": {"reference": "Patient/1"}}),
        parameters(bodies.fenwick(), pre_stage_only={"valueString": "true"}),
        parameters(bodies.fenwick(), Loretta_Fenwick={"valueString": "x"}),
        {"resourceType": "Parameters", "parameter": parameters(bodies.fenwick())["parameter"] * 2},
    ],
)
def test_a_malformed_body_is_refused_without_repeating_it(body: dict[str, Any]) -> None:
    with pytest.raises(BadRequest) as caught:
        read(body)
    assert "Loretta" not in caught.value.public


@pytest.mark.parametrize("name", ["1", "2-minimum", "3-veterinary", "4-delegate"])
def test_the_guides_own_requests_are_understood(name: str, fhir_package_cache: Path) -> None:
    folder = fhir_package_cache / "hl7.fhir.us.pdmp#1.0.0" / "package"
    body = json.loads((folder / f"Parameters-pdmp-history-input-parameters-{name}.json").read_text())
    if name == "4-delegate":
        with pytest.raises(Unanswerable):
            read(body)
        return
    query = read(body)
    assert query.practitioner.npi == "1928340565"
    assert query.patient.names
    assert query.patient.animal == (name == "3-veterinary")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
elements = st.sampled_from(["name", "birthDate", "identifier", "address", "telecom", "extension", "id"])


@given(st.dictionaries(elements, json_values), st.dictionaries(elements, json_values))
def test_any_json_in_any_element_is_read_or_refused(
    patient: dict[str, Any], practitioner: dict[str, Any]
) -> None:
    body = parameters(
        {**bodies.fenwick(), **patient},
        authorized_practitioner={**bodies.practitioner(), **practitioner},
    )
    try:
        read(body)
    except (GatewayError, Unanswerable):
        return
