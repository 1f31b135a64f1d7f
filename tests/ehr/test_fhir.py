"""FHIR reads behind the token: inside the launch all, outside nothing."""

from __future__ import annotations

import pytest
from fhir.resources.R4B import get_fhir_model_class

from tests.support.ehr_double import REGISTERED, SCOPE, Hospital, SmartClient, get


@pytest.fixture
def token(hospital: Hospital, smart: SmartClient) -> str:
    return str(smart.signed_in(hospital.launch(), scope=REGISTERED)["access_token"])


def test_the_launched_patient_is_readable_and_no_other(smart: SmartClient, token: str) -> None:
    read = smart.fhir(token, "Patient/p1")
    assert (read.status_code, read.mimetype) == (200, "application/fhir+json")
    assert read.get_json()["id"] == "p1"
    for other in ("Patient/p2", "Patient/nobody"):
        refused = smart.fhir(token, other)
        assert refused.status_code == 403
        assert refused.get_json()["resourceType"] == "OperationOutcome"
        assert "Wendell" not in refused.text


def test_a_search_finds_the_launched_patient_and_no_other(smart: SmartClient, token: str) -> None:
    assert smart.fhir(token, "Patient?_id=p1").get_json()["total"] == 1
    assert smart.fhir(token, "Patient?_id=p2").get_json()["total"] == 0
    assert [e["resource"]["id"] for e in smart.fhir(token, "Patient").get_json()["entry"]] == ["p1"]
    assert smart.fhir(token, "Patient?name=x").status_code == 400


def test_the_user_is_readable_with_role_and_organization(smart: SmartClient, token: str) -> None:
    assert smart.fhir(token, "Practitioner/creech").status_code == 200
    assert smart.fhir(token, "Practitioner/tackett").status_code == 403
    roles = smart.fhir(token, "PractitionerRole?practitioner=Practitioner/creech").get_json()
    assert roles["total"] == 1
    role = roles["entry"][0]["resource"]
    assert role["practitioner"]["reference"] == "Practitioner/creech"
    place = smart.fhir(token, role["organization"]["reference"])
    assert place.get_json()["name"] == "Bluegrass Regional"
    assert smart.fhir(token, f"PractitionerRole/{role['id']}").status_code == 200
    assert smart.fhir(token, "PractitionerRole?practitioner=tackett").get_json()["total"] == 0


def test_the_encounter_of_the_launch_is_readable(hospital: Hospital, smart: SmartClient) -> None:
    answer = smart.signed_in(hospital.launch(), scope=REGISTERED)
    visit = smart.fhir(answer["access_token"], f"Encounter/{answer['encounter']}").get_json()
    assert visit["subject"]["reference"] == "Patient/p1"


@pytest.mark.parametrize("path", ["Patient/p1", "Practitioner/creech", "Organization", "Encounter"])
def test_what_is_answered_is_valid_r4(smart: SmartClient, token: str, path: str) -> None:
    body = smart.fhir(token, path).get_json()
    get_fhir_model_class(body["resourceType"]).model_validate(body)


def test_the_fhir_user_is_readable_without_a_scope_for_it(hospital: Hospital, smart: SmartClient) -> None:
    token = smart.signed_in(hospital.launch(), scope="launch openid fhirUser")["access_token"]
    assert smart.fhir(token, "Practitioner/creech").status_code == 200
    assert smart.fhir(token, "Practitioner?_id=creech").status_code == 403


def test_a_type_outside_the_granted_scopes_is_forbidden_not_empty(
    hospital: Hospital, smart: SmartClient
) -> None:
    token = smart.signed_in(hospital.launch(), scope=SCOPE)["access_token"]
    for path in ("Organization/bluegrass", "PractitionerRole?practitioner=creech", "MedicationRequest"):
        refused = smart.fhir(token, path)
        assert refused.status_code == 403, path
        assert "insufficient_scope" in refused.headers["WWW-Authenticate"]


def test_read_scope_of_version_one_reads_and_searches(hospital: Hospital, smart: SmartClient) -> None:
    token = smart.signed_in(hospital.launch(), scope="launch patient/Patient.read")["access_token"]
    assert smart.fhir(token, "Patient/p1").status_code == 200
    assert smart.fhir(token, "Patient?_id=p1").status_code == 200


def test_without_a_good_token_there_is_401_with_a_challenge(
    hospital: Hospital, smart: SmartClient, token: str
) -> None:
    bare = get(smart.http, "/fhir/Patient/p1")
    assert (bare.status_code, bare.headers["WWW-Authenticate"]) == (401, 'Bearer realm="EHR double"')
    assert bare.get_json()["issue"][0]["code"] == "login"
    wrong = smart.fhir("made-up", "Patient/p1")
    assert wrong.status_code == 401
    assert "invalid_token" in wrong.headers["WWW-Authenticate"]
    assert get(smart.http, f"/fhir/Patient/p1?access_token={token}").status_code == 400
    hospital.clock = 601
    assert smart.fhir(token, "Patient/p1").status_code == 401


def test_an_id_token_is_no_access_token(hospital: Hospital, smart: SmartClient) -> None:
    assert smart.fhir(smart.signed_in(hospital.launch())["id_token"], "Patient/p1").status_code == 401


def test_unknown_addresses_and_methods_are_answered_with_an_operation_outcome(
    smart: SmartClient, token: str
) -> None:
    for answer in (
        smart.fhir(token, "Patient/p1/_history/1"),
        smart.http.delete("/fhir/Patient/p1", base_url="http://ehr.localhost:8002"),
    ):
        assert answer.status_code in (404, 405)
        assert answer.get_json()["resourceType"] == "OperationOutcome"
