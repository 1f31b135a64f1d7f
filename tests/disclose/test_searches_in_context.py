"""Patient?_id= and MedicationRequest?patient=: of whoever is in context already, and of nobody else."""

from __future__ import annotations

from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle

from tests.disclose.conftest import House, User
from tests.fhir_api import bodies
from tests.fhir_api.bodies import parameters

NOBODY = "00000000-0000-7000-8000-00000000abcd"


def found(user: User, path: str) -> list[dict[str, Any]]:
    answer = user.get(f"/fhir/{path}")
    assert answer.status_code == 200, answer.text
    document = answer.get_json()
    Bundle.model_validate_json(answer.data)
    assert document["type"] == "searchset"
    entries = document.get("entry", [])
    assert document["total"] == len(entries)
    assert {entry["search"]["mode"] for entry in entries} <= {"match"}
    return [entry["resource"] for entry in entries]


def test_a_patient_is_found_by_the_id_of_who_is_in_context(house: House) -> None:
    user, person = house.user("patient/Patient.rs"), house.people["fenwick"]
    [one] = found(user, f"Patient?_id={person}")
    assert one == user.get(f"/fhir/Patient/{person}").get_json()
    row = house.audited(user)
    assert (row["outcome"], row["person_id"]) == ("disclosed", str(person))
    assert user.post_form("/fhir/Patient/_search", {"_id": str(person)}).get_json()["total"] == 1
    house.audited(user)
    for other in (house.people["bell"], NOBODY):
        assert user.status(f"Patient?_id={other}") == 403
        assert house.audited(user)["outcome"] == "refused"


def test_prescriptions_are_found_of_who_is_in_context(house: House) -> None:
    user, person = house.user("patient/MedicationRequest.rs"), house.people["fenwick"]
    requests = found(user, f"MedicationRequest?patient={person}&intent=order")
    assert len(requests) == 10
    assert {one["resourceType"] for one in requests} == {"MedicationRequest"}
    assert {one["subject"]["reference"] for one in requests} == {f"Patient/{person}"}
    row = house.audited(user)
    assert (row["interaction"], len(row["dispensation_ids"])) == ("search MedicationRequest", 10)
    # The consent says whose, if the search does not.
    assert found(user, "MedicationRequest?status=active,unknown") == requests
    assert found(user, f"MedicationRequest?subject=Patient/{person}&intent=proposal,order") == requests
    for query in ("intent=plan", "status=active"):
        assert found(user, f"MedicationRequest?patient={person}&{query}") == []
    for other in (house.people["bell"], NOBODY):
        assert user.status(f"MedicationRequest?patient={other}") == 403


@pytest.mark.parametrize(
    ("scope", "patient", "requests"),
    [
        ("patient/Patient.r patient/MedicationRequest.r", 403, 403),
        ("patient/Patient.s patient/MedicationRequest.s", 200, 200),
        ("patient/MedicationDispense.rs", 403, 403),
        ("patient/*.rs", 200, 200),
        ("system/*.rs", 403, 403),
    ],
)
def test_searching_takes_the_permission_to_search(
    house: House, scope: str, patient: int, requests: int
) -> None:
    user, person = house.user(scope), house.people["fenwick"]
    assert user.status(f"Patient?_id={person}") == patient
    answer = user.get(f"/fhir/MedicationRequest?patient={person}")
    assert answer.status_code == requests
    if requests == 200:
        assert answer.get_json()["total"] == 10


def test_scopes_on_dispensations_do_not_narrow_prescriptions_nor_the_other_way_round(house: House) -> None:
    person = house.people["fenwick"]
    user = house.user("patient/MedicationRequest.rs patient/MedicationDispense.rs?type=FFP")
    assert len(found(user, f"MedicationRequest?patient={person}")) == 10
    assert user.search()["total"] == 1
    # No reported prescription has a category: a scope that asks for one opens none.
    granular = house.user("patient/MedicationRequest.rs?category=community patient/MedicationDispense.rs")
    assert found(granular, f"MedicationRequest?patient={person}") == []
    assert granular.search()["total"] == 10


@pytest.mark.parametrize(
    "path",
    [
        "Patient",
        "Patient?name=Fenwick",
        "Patient?_id=a&_id=b",
        "Patient?family=Fenwick&birthdate=1968-04-11",
        "MedicationRequest?authoredon=2026",
        "MedicationRequest?patient=a&subject=b",
    ],
)
def test_what_is_not_served_is_a_bad_request_that_repeats_no_value(house: House, path: str) -> None:
    answer = house.user().get(f"/fhir/{path}")
    assert answer.status_code == 400
    assert "Fenwick" not in answer.text
    assert house.gateway.http.get(f"/fhir/{path}").status_code == 401


def test_a_backend_client_searches_inside_its_grant(house: House) -> None:
    caller = house.gateway.caller(scope="system/MedicationDispense.rs")
    house.gateway.register("searcher", scope="system/*.rs")
    searcher = house.gateway.caller("searcher", "system/*.rs")
    person = house.people["fenwick"]
    for path in (f"Patient?_id={person}", f"MedicationRequest?patient={person}"):
        assert searcher.get(f"/fhir/{path}").status_code == 403
    answer = searcher.history(parameters(bodies.fenwick()))
    grant = answer.headers["PDMP-Grant"]
    told = searcher.get(f"/fhir/MedicationRequest?patient={person}", PDMP_Grant=grant).get_json()
    assert told["total"] == 10
    assert searcher.get(f"/fhir/Patient?_id={person}", PDMP_Grant=grant).get_json()["total"] == 1
    assert searcher.get("/fhir/MedicationRequest", PDMP_Grant=grant).status_code == 400
    # Another client's grant, and no permission to search that type.
    assert caller.get(f"/fhir/MedicationRequest?patient={person}", PDMP_Grant=grant).status_code == 403
