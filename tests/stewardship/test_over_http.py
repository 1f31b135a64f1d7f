"""What requesters see of merged and split persons: over HTTP, from the next request on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from gateway.core.settings import Settings
from tests.fhir_api import bodies
from tests.fhir_api.conftest import Caller, Gateway, open_gateway
from tests.oauth.consents import Consent, account
from tests.stewardship.conftest import Office
from tests.support.databases import TestDatabase

#: One woman, of whom a second pharmacy has another SSN and address.
ONE = {"PAT03": "999700101"}
OTHER = {"PAT03": "999700777", "PAT12": "9 Mill Street", "PAT17": "8595550177"}
PERSON_SYSTEM = "https://pdmp.example.org/fhir/sid/person"


@pytest.fixture
def gateway(office: Office, settings: Settings) -> Iterator[Gateway]:
    with open_gateway(settings) as made:
        yield made


@pytest.fixture
def pair(office: Office) -> tuple[UUID, UUID]:
    return office.report("7001", **ONE), office.report("7002", **OTHER)


def _history(caller: Caller, ssn: str, **more: object) -> tuple[str, str, set[str]]:
    """Return (grant, patient, prescription numbers) of a history."""
    asked = bodies.patient("Fenwick", "Loretta", "1968-04-11", **bodies.ssn(ssn), **more)
    answer = caller.history(bodies.parameters(asked))
    assert answer.status_code == 200, answer.text
    found = answer.get_json()["parameter"][0]["resource"]["entry"]
    resources = [entry["resource"] for entry in found]
    [patient] = [one["id"] for one in resources if one["resourceType"] == "Patient"]
    numbers = {
        one["identifier"][0]["value"] for one in resources if one["resourceType"] == "MedicationDispense"
    }
    subjects = {one["subject"]["reference"] for one in resources if "subject" in one}
    assert subjects == {f"Patient/{patient}"}
    return answer.headers["PDMP-Grant"], patient, numbers


def _own(person_id: UUID) -> dict[str, object]:
    return {"identifier": [{"system": PERSON_SYSTEM, "value": str(person_id)}]}


def test_a_merge_ends_grants_from_the_next_request_and_histories_become_one(
    office: Office, gateway: Gateway, pair: tuple[UUID, UUID]
) -> None:
    keep, away = pair
    caller = gateway.caller()
    grants = [_history(caller, "999-70-0101")[0], _history(caller, "999-70-0777")[0]]
    for grant, person_id in zip(grants, pair, strict=True):
        assert caller.get(f"/fhir/Patient/{person_id}", PDMP_Grant=grant).status_code == 200
    done = office.desk.merge(keep, away)
    for grant, person_id in zip(grants, pair, strict=True):
        assert caller.get(f"/fhir/Patient/{person_id}", PDMP_Grant=grant).status_code == 403
        assert caller.get(f"/fhir/MedicationDispense?patient={person_id}").status_code == 403
    _, patient, both = _history(caller, "999-70-0101")
    assert patient == str(keep)
    assert len(both) == 2
    office.desk.undo(done.action_id)
    assert caller.get(f"/fhir/MedicationDispense?patient={keep}").status_code == 403
    _, patient, own = _history(caller, "999-70-0777")
    assert patient == str(away)
    assert len(own) == 1


def test_a_merged_person_is_read_inside_a_grant_for_the_one_that_stands_for_it(
    office: Office, gateway: Gateway, pair: tuple[UUID, UUID]
) -> None:
    keep, away = pair
    caller = gateway.caller()
    office.desk.merge(keep, away)
    assert caller.get(f"/fhir/Patient/{away}").status_code == 403
    grant, _, _ = _history(caller, "999-70-0101")
    went = caller.get(f"/fhir/Patient/{away}", PDMP_Grant=grant).get_json()
    assert went["active"] is False
    assert went["link"] == [{"other": {"reference": f"Patient/{keep}"}, "type": "replaced-by"}]
    stays = caller.get(f"/fhir/Patient/{keep}", PDMP_Grant=grant).get_json()
    assert stays["link"][0]["type"] == "replaces"
    searched = caller.get(f"/fhir/MedicationDispense?patient={away}").get_json()
    assert searched["total"] == 2
    assert {one["resource"]["subject"]["reference"] for one in searched["entry"]} == {f"Patient/{keep}"}
    assert office.audit("read Patient")[-2][3] == keep


def test_a_merged_person_s_grant_opens_nobody_else(
    office: Office, gateway: Gateway, pair: tuple[UUID, UUID]
) -> None:
    keep, away = pair
    other = office.report("7008", PAT07="Sparrow", PAT08="Ida", PAT03="999700333", PAT12="1 Elm St")
    caller = gateway.caller()
    office.desk.merge(keep, away)
    asked = bodies.patient("Sparrow", "Ida", "1968-04-11", **bodies.ssn("999-70-0333"))
    grant = caller.history(bodies.parameters(asked)).headers["PDMP-Grant"]
    assert caller.get(f"/fhir/Patient/{other}", PDMP_Grant=grant).status_code == 200
    assert caller.get(f"/fhir/Patient/{away}", PDMP_Grant=grant).status_code == 403
    assert caller.get(f"/fhir/MedicationDispense?patient={away}").status_code == 403


def test_a_split_person_s_rows_leave_the_other_s_history(office: Office, gateway: Gateway) -> None:
    caller = gateway.caller()
    whole = office.report("7001", **ONE)
    office.report("7002", **ONE, PAT09="Ann")
    grant, _, both = _history(caller, "999-70-0101")
    assert len(both) == 2
    part = office.store.one(
        "select description_id from dispensation_version where rx_number = '7002' and superseded_at is null"
    )
    done = office.desk.split(whole, [part])
    assert caller.get(f"/fhir/Patient/{whole}", PDMP_Grant=grant).status_code == 403
    shown = json.loads(
        office.store.one("select resource from person where person_id = %s", done.other_person_id)
    )
    assert shown["name"][0]["given"] == ["Loretta", "Ann"]


def test_no_search_of_patients_by_name_exists(gateway: Gateway) -> None:
    caller = gateway.caller()
    for path in ("/fhir/Patient?name=Fenwick", "/fhir/Patient?identifier=x", "/fhir/Patient"):
        assert caller.get(path).status_code in (400, 404, 405)
    assert caller.post_form("/fhir/Patient/_search", {"family": "Fenwick"}).status_code in (400, 404, 405)
    statement = gateway.http.get("/fhir/metadata").get_json()
    [patient] = [one for one in statement["rest"][0]["resource"] if one["type"] == "Patient"]
    # By its id alone, of whoever is in context.
    assert [one["name"] for one in patient["searchParam"]] == ["_id"]


def test_the_identifier_of_a_merged_person_finds_the_one_that_stands_for_it(
    office: Office, gateway: Gateway, pair: tuple[UUID, UUID]
) -> None:
    keep, away = pair
    caller = gateway.caller()
    office.desk.merge(keep, away)
    asked = bodies.patient("Fenwick", "Loretta", "1968-04-11", **_own(away))
    answer = caller.history(bodies.parameters(asked)).get_json()
    [patient] = [
        one["resource"]
        for one in answer["parameter"][0]["resource"]["entry"]
        if one["resource"]["resourceType"] == "Patient"
    ]
    assert patient["id"] == str(keep)
    assert {one["value"] for one in patient["identifier"]} == {str(keep), str(away)}


def test_users_consents_and_launches_about_the_persons_end(
    office: Office, gateway: Gateway, database: TestDatabase, pair: tuple[UUID, UUID]
) -> None:
    services = gateway.services
    gateway.register("app")
    known = {
        person_id: Consent(services, database.admin_url, "app", account(services), person_id=person_id)
        for person_id in (*pair, uuid4())
    }
    for one in known.values():
        one.change(
            "INSERT INTO launch (launch_hash, launch_id, client_id, opened_by, account_id, jurisdiction,"
            " person_id, expires_at) VALUES (sha256(%(person)s::text::bytea), gen_random_uuid(), 'app',"
            " 'app', %(account_id)s, 'KY', %(person)s, now() + interval '5 minutes')",
            person=one.person_id,
        )
    office.desk.merge(*pair)
    ended = "select person_id from consent where revoked_at is not null order by 1"
    assert office.store.rows(ended) == [(person_id,) for person_id in sorted(pair)]
    assert office.store.one("select count(*) from access_token where consent_id is not null") == 3
    revoked = "select count(*) from access_token where consent_id is not null and revoked_at is not null"
    assert office.store.one(revoked) == 2
    assert office.store.one("select count(*) from launch where expires_at > now()") == 1
