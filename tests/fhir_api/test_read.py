"""Reads of single resources inside a grant."""

from __future__ import annotations

from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from tests.fhir_api import bodies
from tests.fhir_api.bodies import parameters
from tests.fhir_api.conftest import SCOPE, Caller, Gateway

EVERYTHING = f"{SCOPE} system/Practitioner.r"


@pytest.fixture
def granted(reported: Gateway) -> tuple[Caller, dict[str, dict[str, Any]], str]:
    """A caller, one resource of each kind from Loretta Fenwick's history, and the grant."""
    caller = reported.caller("reader", EVERYTHING)
    answer = caller.history(parameters(bodies.fenwick()))
    entries = answer.get_json()["parameter"][0]["resource"]["entry"]
    kinds = {entry["resource"]["resourceType"]: entry["resource"] for entry in entries}
    return caller, kinds, answer.headers["PDMP-Grant"]


@pytest.fixture(scope="module", autouse=True)
def reader(reported: Gateway) -> None:
    reported.register("reader", scope=EVERYTHING)


@pytest.mark.parametrize(
    "kind", ["Patient", "MedicationDispense", "MedicationRequest", "Organization", "Practitioner"]
)
def test_what_a_history_held_can_be_read_alone_and_is_the_same(
    granted: tuple[Caller, dict[str, dict[str, Any]], str], kind: str
) -> None:
    caller, kinds, grant = granted
    answer = caller.get(f"/fhir/{kind}/{kinds[kind]['id']}", PDMP_Grant=grant)
    assert answer.status_code == 200, answer.text
    get_fhir_model_class(kind).model_validate_json(answer.data)
    assert answer.get_json() == kinds[kind]


@pytest.mark.parametrize("resource_id", ["nonsense", "00000000-0000-7000-8000-000000000000", "x" * 65, "%27"])
def test_what_the_person_does_not_have_is_not_found_or_forbidden(
    granted: tuple[Caller, dict[str, dict[str, Any]], str], resource_id: str
) -> None:
    caller, _, grant = granted
    for kind in ("MedicationDispense", "Patient", "Practitioner"):
        answer = caller.get(f"/fhir/{kind}/{resource_id}", PDMP_Grant=grant)
        assert answer.status_code in (403, 404)
        assert answer.get_json()["resourceType"] == "OperationOutcome"


def test_another_persons_resources_are_as_good_as_absent(
    reported: Gateway, granted: tuple[Caller, dict[str, dict[str, Any]], str]
) -> None:
    caller, _, grant = granted
    other = reported.caller().history(parameters(bodies.bell(**bodies.ssn("999700202")))).get_json()
    for entry in other["parameter"][0]["resource"]["entry"]:
        resource = entry["resource"]
        if resource["resourceType"] in ("Patient", "MedicationDispense", "MedicationRequest"):
            path = f"/fhir/{resource['resourceType']}/{resource['id']}"
            assert caller.get(path, PDMP_Grant=grant).status_code in (403, 404)


def test_each_kind_needs_its_own_scope(
    reported: Gateway, granted: tuple[Caller, dict[str, dict[str, Any]], str]
) -> None:
    _, kinds, grant = granted
    narrow = reported.caller("reader", "system/MedicationDispense.rs")
    allowed = narrow.get(f"/fhir/MedicationDispense/{kinds['MedicationDispense']['id']}", PDMP_Grant=grant)
    refused = narrow.get(f"/fhir/Patient/{kinds['Patient']['id']}", PDMP_Grant=grant)
    assert (allowed.status_code, refused.status_code) == (200, 403)
    assert "insufficient_scope" in refused.headers["WWW-Authenticate"]


def test_a_head_request_is_answered_without_a_body(
    granted: tuple[Caller, dict[str, dict[str, Any]], str],
) -> None:
    caller, kinds, grant = granted
    headers = {"Authorization": f"Bearer {caller.token}", "PDMP-Grant": grant}
    answer = caller.http.head(f"/fhir/Patient/{kinds['Patient']['id']}", headers=headers)
    assert (answer.status_code, answer.data) == (200, b"")


def test_a_read_takes_no_search_parameters(
    granted: tuple[Caller, dict[str, dict[str, Any]], str],
) -> None:
    caller, kinds, grant = granted
    path = f"/fhir/Patient/{kinds['Patient']['id']}"
    assert caller.get(f"{path}?_format=json&_pretty=true", PDMP_Grant=grant).status_code == 200
    assert caller.get(f"{path}?name=x", PDMP_Grant=grant).status_code == 400


def test_under_several_grants_no_practitioner_is_guessed(
    reported: Gateway, granted: tuple[Caller, dict[str, dict[str, Any]], str]
) -> None:
    caller, kinds, grant = granted
    caller.history(parameters(bodies.fenwick()))
    for kind in ("Organization", "Practitioner", "Patient", "MedicationDispense"):
        path = f"/fhir/{kind}/{kinds[kind]['id']}"
        assert caller.get(path).status_code == 403, kind
        assert caller.get(path, PDMP_Grant=grant).status_code == 200, kind
