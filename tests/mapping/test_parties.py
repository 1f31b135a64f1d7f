"""Patients, dispensers and prescribers, rule by rule."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from gateway.core.records import Address, Description, Dispenser, Prescriber
from gateway.mapping.npi import is_npi
from gateway.mapping.organization import render_dispenser
from gateway.mapping.person import render_patient
from gateway.mapping.practitioner import render_prescriber
from tests.mapping.shapes import BASE, description, dispenser, mappings, person, prescriber, uid

ABSENT = {
    "extension": [
        {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
    ]
}


def patient(*descriptions: Description) -> dict[str, Any]:
    resource: dict[str, Any] = json.loads(render_patient(person(*descriptions), mappings()))
    return resource


def organization(x: Dispenser) -> dict[str, Any]:
    resource: dict[str, Any] = json.loads(render_dispenser(x, mappings()))
    return resource


def practitioner(x: Prescriber) -> dict[str, Any]:
    resource: dict[str, Any] = json.loads(render_prescriber(x, mappings()))
    return resource


def test_the_patient_is_identified_by_our_number_alone() -> None:
    (number,) = patient()["identifier"]
    assert (number["system"], number["value"]) == (f"{BASE}/fhir/sid/person", str(uid(2)))
    assert number["type"]["coding"][0]["code"] == "MR"


def test_the_newest_name_is_official_and_others_are_old() -> None:
    names = patient(description(last_name="Hale"), description(), description(last_name="Hale"))["name"]
    assert [(name["use"], name["family"]) for name in names] == [("official", "Hale"), ("old", "Turpin")]


def test_names_that_differ_in_case_or_spaces_only_are_one() -> None:
    names = patient(description(), description(last_name="TURPIN", first_name=" hazel "))["name"]
    assert len(names) == 1


def test_addresses_and_telephones_come_newest_first_and_once() -> None:
    moved = description(address=Address("1 New Rd", "Apt 2", "Hazard", "KY", "41701"), phone="6065550000")
    resource = patient(moved, description(), moved)
    assert [a["line"] for a in resource["address"]] == [["1 New Rd", "Apt 2"], ["45 Sycamore Street"]]
    assert [a.get("use") for a in resource["address"]] == [None, "old"]
    assert [(t["value"], t.get("use")) for t in resource["telecom"]] == [
        ("6065550000", None),
        ("5025557373", "old"),
    ]


def test_a_nine_digit_zip_code_gets_its_hyphen_and_a_foreign_one_nothing() -> None:
    assert patient()["address"][0]["postalCode"] == "40214-1234"
    abroad = Address("1 Bank St", "", "Ottawa", "ON", "K1A0B1", "CANADA")
    assert patient(description(address=abroad))["address"][0]["postalCode"] == "K1A0B1"


def test_a_missing_birth_date_is_absent_with_its_reason() -> None:
    resource = patient(description(birth_date=None))
    assert "birthDate" not in resource
    assert resource["_birthDate"] == ABSENT


def test_an_animal_has_its_own_given_name_and_not_its_owners_birth_date() -> None:
    resource = patient(
        description(species="animal", animal_name="Biscuit", birth_date=dt.date(1970, 1, 27), gender="F")
    )
    (name,) = resource["name"]
    assert (name["family"], name["given"]) == ("Turpin", ["Biscuit"])
    assert resource["_birthDate"] == ABSENT
    assert resource["gender"] == "unknown"
    (species,) = resource["extension"][0]["extension"]
    assert species["valueCodeableConcept"]["coding"][0]["code"] == "02"


def test_an_animal_without_a_name_keeps_the_owners() -> None:
    (name,) = patient(description(species="animal"))["name"]
    assert name["family"] == "Turpin"
    assert name["_given"] == [ABSENT]


def test_gender_is_mapped_and_unknown_when_blank() -> None:
    assert patient(description(gender="M"))["gender"] == "male"
    assert patient(description(gender=""))["gender"] == "unknown"
    assert patient(description(gender=""), description(gender="F"))["gender"] == "female"


def test_a_pharmacy_has_its_numbers_under_their_systems() -> None:
    resource = organization(dispenser())
    assert {i["system"]: i["value"] for i in resource["identifier"]} == {
        "http://hl7.org/fhir/sid/us-npi": "1999000015",
        "http://terminology.hl7.org/CodeSystem/NCPDPProviderIdentificationNumber": "1890018",
        "http://terminology.hl7.org/NamingSystem/usdeanumber": "FF9000011",
    }
    assert resource["active"] is True


def test_an_npi_with_a_wrong_check_digit_is_not_called_an_npi() -> None:
    assert organization(dispenser(npi="1999000016"))["identifier"][0] == {
        "system": f"{BASE}/fhir/sid/reported-npi",
        "value": "1999000016",
    }
    assert practitioner(prescriber(npi="1999000016"))["identifier"][0]["system"].endswith("/reported-npi")


def test_npis_are_checked_by_luhn_over_their_prefix() -> None:
    assert is_npi("1234567893")
    assert not is_npi("1234567890")
    assert not is_npi("123456789")
    assert not is_npi("12345６7893")


def test_a_prescriber_has_dea_numbers_with_suffix_and_licences_by_state() -> None:
    numbers = [(i["system"], i["value"]) for i in practitioner(prescriber())["identifier"]]
    assert numbers == [
        ("http://hl7.org/fhir/sid/us-npi", "1999500022"),
        ("http://terminology.hl7.org/NamingSystem/usdeanumber", "BW9500023"),
        ("http://terminology.hl7.org/NamingSystem/usdeanumber", "AB1234563-1207"),
        (f"{BASE}/fhir/sid/license/ky", "KY50002"),
        (f"{BASE}/fhir/sid/license", "99-1"),
    ]


def test_a_prescriber_without_any_number_has_ours() -> None:
    nobody = practitioner(prescriber(npi="", deas=[], licenses=[], last_name=""))
    assert nobody["identifier"] == [{"system": f"{BASE}/fhir/sid/prescriber", "value": str(uid(4))}]
    assert nobody["name"][0]["_family"] == ABSENT
