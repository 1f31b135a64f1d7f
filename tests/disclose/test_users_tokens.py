"""A user's token opens its own patient to its own user, as long as all that it stands on stands."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from fhir.resources.R4B.practitioner import Practitioner

from gateway.auth.registration import disable_client
from gateway.store import launches
from tests.disclose.conftest import CLINIC, EVERYTHING, SUPERVISOR_NPI, House, User
from tests.fhir_api import bodies
from tests.fhir_api.bodies import parameters

IDENTIFIER_TYPE = "http://terminology.hl7.org/CodeSystem/v2-0203"
NOBODY = "00000000-0000-7000-8000-00000000abcd"


def fills(user: User) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in user.search()["entry"]]


def someone_elses_fill(house: House) -> str:
    return str(fills(house.user(person="bell"))[0]["id"])


@pytest.mark.parametrize("scope", ["patient/*.rs", "user/*.rs", "patient/*.read", "user/*.*"])
def test_the_consent_is_the_grant(house: House, scope: str) -> None:
    user = house.user(scope)
    found = user.get("/fhir/MedicationDispense")
    assert found.get_json()["total"] == 10
    assert "PDMP-Grant" not in found.headers
    one = found.get_json()["entry"][0]["resource"]
    person = house.people["fenwick"]
    for path in (f"Patient/{person}", f"MedicationDispense/{one['id']}", f"MedicationRequest/{one['id']}"):
        assert user.status(path) == 200, path
    for name in ("patient", "subject"):
        assert user.search(f"{name}=Patient/{person}")["total"] == 10


def test_both_kinds_of_users_scopes_reach_the_consents_patient_alone(house: House) -> None:
    bell, fill = house.people["bell"], someone_elses_fill(house)
    for scope in ("patient/*.rs", "user/*.rs", "patient/*.rs user/*.rs"):
        user = house.user(scope)
        for pattern, key in (
            ("Patient/{}", bell),
            ("Patient/{}/_history/1", bell),
            ("MedicationDispense?patient={}", bell),
            ("MedicationDispense?patient={}&_include=MedicationDispense:patient", bell),
            ("MedicationDispense/{}", fill),
            ("MedicationDispense/{}/_history/1", fill),
            ("MedicationRequest/{}", fill),
        ):
            theirs, nobodys = (user.get(f"/fhir/{pattern.format(one)}") for one in (key, NOBODY))
            assert theirs.status_code == nobodys.status_code
            assert theirs.status_code in (403, 404)
            assert theirs.text == nobodys.text
        assert user.search(f"_id={fill}")["total"] == 0
        form = {"patient": str(bell)}
        assert user.post_form("/fhir/MedicationDispense/_search", form).status_code == 403
        assert user.post_form(f"/fhir/MedicationDispense/_search?patient={bell}", {}).status_code == 403


def test_without_a_patient_a_token_opens_no_record(house: House) -> None:
    user = house.user(f"{EVERYTHING} user/*.rs", person=None)
    assert user.status("MedicationDispense") == 403
    assert user.status(f"MedicationDispense?patient={house.people['fenwick']}") == 403
    assert user.status(f"Patient/{house.people['fenwick']}") == 403
    assert user.history(parameters(bodies.fenwick())).status_code == 403
    assert user.status(f"Practitioner/{house.creech}") == 200


def test_a_grant_header_is_nothing_to_a_users_token(house: House) -> None:
    backend = house.gateway.caller()
    grant = backend.history(parameters(bodies.bell(**bodies.ssn("999700201")))).headers["PDMP-Grant"]
    user = house.user()
    for header in (grant, "nonsense", NOBODY):
        assert user.search(PDMP_Grant=header)["total"] == 10
        page = user.search("_count=3", PDMP_Grant=header)
        assert user.get(following(page), PDMP_Grant=header).status_code == 200
        assert user.get(f"/fhir/Patient/{house.people['bell']}", PDMP_Grant=header).status_code == 403


def following(page: dict[str, Any]) -> str:
    (url,) = [one["url"] for one in page["link"] if one["relation"] == "next"]
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def test_a_page_link_is_of_no_use_to_another_consent(house: House) -> None:
    user = house.user()
    path = following(user.search("_count=3"))
    assert user.get(path).status_code == 200
    same_app = house.user(client_id=user.consent.client_id)
    for other in (same_app, house.user(person="bell"), house.gateway.caller()):
        assert other.get(path).status_code == 400


ENDS: dict[str, tuple[str, int]] = {
    "the token": ("UPDATE access_token SET revoked_at = now() WHERE consent_id = %(consent_id)s", 401),
    "the token's record": ("DELETE FROM access_token WHERE consent_id = %(consent_id)s", 401),
    "the consent": ("UPDATE consent SET revoked_at = now() WHERE consent_id = %(consent_id)s", 401),
    "the consent's time": ("UPDATE consent SET expires_at = now() WHERE consent_id = %(consent_id)s", 401),
    "the session": ("UPDATE browser_session SET ended_at = now() WHERE account_id = %(account_id)s", 401),
    "the session's time": (
        "UPDATE browser_session SET expires_at = now() WHERE account_id = %(account_id)s",
        401,
    ),
    "the session's record": ("DELETE FROM browser_session WHERE account_id = %(account_id)s", 401),
    "the account": ("UPDATE account SET disabled_at = now() WHERE account_id = %(account_id)s", 403),
    "the role": ("UPDATE account SET role = 'steward' WHERE account_id = %(account_id)s", 403),
}


@pytest.mark.parametrize("what", ENDS)
def test_what_ends_is_over_from_the_next_request(house: House, what: str) -> None:
    number = f"KY:{uuid4().hex[:10].upper()}"
    account = house.account("practitioner", license=number)
    user = house.user(account_id=account, session_bound=True)
    asked = parameters(
        bodies.fenwick(),
        authorized_practitioner={
            "resourceType": "Practitioner",
            "id": "pract-1",
            "identifier": [
                {
                    "type": {"coding": [{"system": IDENTIFIER_TYPE, "code": "LN"}]},
                    "system": "https://ky.example/license/KY",
                    "value": number.partition(":")[2],
                }
            ],
        },
    )
    key = fills(user)[0]["id"]
    paths = (
        "MedicationDispense",
        f"MedicationDispense/{key}",
        f"MedicationDispense/{key}/_history/1",
        f"Patient/{house.people['fenwick']}",
        f"Practitioner/{account}",
        following(user.search("_count=3")).removeprefix("/fhir/"),
    )
    assert [user.status(path) for path in paths] == [200] * len(paths)
    assert "pdmp-history-data" in user.history(asked).text
    statement, status = ENDS[what]
    user.consent.change(statement)
    for path in paths:
        if what == "the role" and path.startswith("Practitioner/"):
            continue  # who one is may be told, whatever one may see
        assert user.status(path) == status, path
    refused = user.history(asked)
    assert "pdmp-history-data" not in refused.text
    assert refused.status_code in (status, 200)


def test_a_session_that_ends_leaves_what_was_granted_beyond_it(house: House) -> None:
    user = house.user()
    user.consent.change("UPDATE consent SET session_hash = NULL WHERE consent_id = %(consent_id)s")
    assert user.search()["total"] == 10


def test_a_disabled_client_is_refused_and_the_refusal_recorded(house: House) -> None:
    user = house.user()
    assert user.status("MedicationDispense") == 200
    disable_client(house.gateway.services.database, user.consent.client_id)
    assert user.status("MedicationDispense") in (401, 403)
    user = house.user()
    user.consent.change(
        "UPDATE client SET disabled_at = now() WHERE client_id = %(c)s", c=user.consent.client_id
    )
    assert user.status("MedicationDispense") == 403
    row = house.audited(user)
    assert (row["outcome"], row["reason"]) == ("refused", "client is not active")


def test_a_client_of_organizations_serves_their_people_only(house: House) -> None:
    assert house.user(client_id=house.app((CLINIC,))).status("MedicationDispense") == 200
    elsewhere = house.user(client_id=house.app(("1999000205",)))
    assert elsewhere.status("MedicationDispense") == 403
    assert house.audited(elsewhere)["reason"] == "client and account share no organization"
    assert house.user(client_id=house.app()).status("MedicationDispense") == 200


# Histories


def test_a_history_is_of_the_tokens_user_and_patient(house: House) -> None:
    user = house.user()
    before = house.query("SELECT count(*) FROM disclosure_grant")
    answer = user.history(parameters(bodies.fenwick()))
    assert answer.status_code == 200
    assert "pdmp-history-data" in answer.text
    assert "PDMP-Grant" not in answer.headers
    assert house.query("SELECT count(*) FROM disclosure_grant") == before
    row = house.audited(user)
    assert (row["outcome"], row["interaction"]) == ("disclosed", "$pdmp-history")
    assert (row["account_id"], row["delegate_id"], row["grant_id"]) == (str(house.creech), None, None)
    assert row["person_id"] == str(house.people["fenwick"])


@pytest.mark.parametrize(
    "patient",
    [
        bodies.bell(**bodies.ssn("999700201")),
        bodies.bell(),
        bodies.patient("Nobody", "Known", "1950-01-01"),
        bodies.patient("Fenwick", "Loretta", "1968-04-11", **bodies.ssn("999-70-9999")),
    ],
    ids=["another", "one of two", "nobody", "with another's number"],
)
def test_a_history_of_whomever_else_is_refused_alike(house: House, patient: dict[str, Any]) -> None:
    user = house.user()
    answer = user.history(parameters(patient))
    assert answer.status_code == 403
    assert "patient is not the one" in answer.text.lower()
    row = house.audited(user)
    assert (row["outcome"], row["person_id"]) == ("refused", str(house.people["fenwick"]))


def test_our_own_identifier_names_the_patient_where_the_name_agrees(house: House) -> None:
    base = house.gateway.services.identifier_base
    number = {"system": f"{base}/fhir/sid/person", "value": str(house.people["fenwick"])}
    named = bodies.patient("Fenwick", "Loretta", "1968-04-11", identifier=[number])
    assert "pdmp-history-data" in house.user().history(parameters(named)).text
    assert house.user(person="bell").history(parameters(named)).status_code == 403
    mixed_up = bodies.bell(identifier=[number])
    assert house.user().history(parameters(mixed_up)).status_code == 403


def test_a_history_for_another_practitioner_is_refused(house: House) -> None:
    number = "1999200011"
    house.account("practitioner", npi=number, organizations=(CLINIC,))
    user = house.user()
    for npi in (number, "1999200029"):
        answer = user.history(parameters(bodies.fenwick(), authorized_practitioner=bodies.practitioner(npi)))
        assert answer.status_code == 403, npi
        assert "pdmp-history-data" not in answer.text
    assert user.history(parameters(bodies.fenwick())).status_code == 200


def test_an_organization_that_is_sent_is_one_of_the_users(house: House) -> None:
    user = house.user()
    ours = parameters(bodies.fenwick(), authorized_practitioner_organization=bodies.organization(CLINIC))
    theirs = parameters(
        bodies.fenwick(), authorized_practitioner_organization=bodies.organization("1999000205")
    )
    assert "pdmp-history-data" in user.history(ours).text
    assert "pdmp-history-data" not in user.history(theirs).text


# Delegates


@pytest.fixture(scope="module")
def supervisor(house: House) -> UUID:
    return house.account("practitioner", npi=SUPERVISOR_NPI, organizations=(CLINIC,))


@pytest.fixture
def delegate(house: House, supervisor: UUID) -> UUID:
    ((username,),) = house.query("SELECT username FROM account WHERE account_id = %(a)s", a=supervisor)
    made = house.account("delegate", supervisors=(username,))
    ((known,),) = house.query(
        "SELECT count(*) FROM delegation WHERE delegate_id = %(d)s AND supervisor_id = %(s)s",
        d=made,
        s=supervisor,
    )
    assert known == 1
    return made


def test_a_delegate_sees_what_the_supervisor_may_and_both_are_audited(
    house: House, supervisor: UUID, delegate: UUID
) -> None:
    user = house.user(account_id=delegate, supervisor_id=supervisor)
    asked = parameters(bodies.fenwick(), authorized_practitioner=bodies.practitioner(SUPERVISOR_NPI))
    for call in (
        lambda: user.history(asked),
        lambda: user.get("/fhir/MedicationDispense"),
        lambda: user.get(f"/fhir/Patient/{house.people['fenwick']}"),
    ):
        assert call().status_code == 200
        row = house.audited(user)
        assert row["outcome"] == "disclosed"
        assert (row["account_id"], row["delegate_id"]) == (str(supervisor), str(delegate))
        assert row["practitioner"] == f"npi:{SUPERVISOR_NPI}"
    assert user.history(parameters(bodies.fenwick())).status_code == 403


def test_the_fhir_user_of_a_delegate_is_the_delegate(house: House, supervisor: UUID, delegate: UUID) -> None:
    user = house.user("openid fhirUser", account_id=delegate, supervisor_id=supervisor)
    answer = user.get(f"/fhir/Practitioner/{delegate}")
    assert answer.status_code == 200
    Practitioner.model_validate_json(answer.data)
    assert answer.get_json()["name"][0]["family"] == "Baker"
    assert user.status(f"Practitioner/{supervisor}") == 403


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        (
            "UPDATE delegation SET ended_at = now() WHERE delegate_id = %(account_id)s",
            "the delegate does not act for this supervisor any more",
        ),
        (
            "DELETE FROM delegation WHERE delegate_id = %(account_id)s",
            "the delegate does not act for this supervisor any more",
        ),
        (
            "UPDATE account SET disabled_at = now() WHERE account_id = %(account_id)s",
            "account of the authorized practitioner is not active",
        ),
        (
            "UPDATE consent SET supervisor_id = NULL WHERE consent_id = %(consent_id)s",
            "a delegate acts for a supervisor only",
        ),
    ],
)
def test_a_delegate_who_acts_for_nobody_is_denied(
    house: House, supervisor: UUID, delegate: UUID, statement: str, reason: str
) -> None:
    user = house.user(account_id=delegate, supervisor_id=supervisor)
    assert user.status("MedicationDispense") == 200
    user.consent.change(statement)
    asked = parameters(bodies.fenwick(), authorized_practitioner=bodies.practitioner(SUPERVISOR_NPI))
    assert user.status("MedicationDispense") == 403
    assert house.audited(user)["reason"] == reason
    assert "pdmp-history-data" not in user.history(asked).text


def test_a_delegate_falls_with_the_supervisors_account(house: House) -> None:
    boss = house.account("pharmacist", license=f"KY:{uuid4().hex[:10].upper()}")
    ((name,),) = house.query("SELECT username FROM account WHERE account_id = %(a)s", a=boss)
    user = house.user(account_id=house.account("delegate", supervisors=(name,)), supervisor_id=boss)
    assert user.status("MedicationDispense") == 200
    user.consent.change("UPDATE account SET disabled_at = now() WHERE account_id = %(boss)s", boss=boss)
    assert user.status("MedicationDispense") == 403


# What a token names


@pytest.mark.parametrize("scope", ["openid fhirUser", "openid profile patient/MedicationDispense.rs"])
def test_the_fhir_user_is_readable_with_the_token_that_names_it(house: House, scope: str) -> None:
    user = house.user(scope)
    answer = user.get(f"/fhir/Practitioner/{house.creech}")
    assert answer.status_code == 200, answer.text
    document = answer.get_json()
    Practitioner.model_validate(document)
    assert document["id"] == str(house.creech)
    assert bodies.CREECH in json.dumps(document["identifier"])
    row = house.audited(user)
    assert (row["outcome"], row["other_resources"]) == ("disclosed", [f"Practitioner/{house.creech}"])
    other = house.account("practitioner", license=f"KY:{uuid4().hex[:10].upper()}")
    assert user.status(f"Practitioner/{other}") == 403


def test_who_signed_in_is_not_told_to_a_token_that_does_not_say_so(house: House) -> None:
    assert house.user("launch patient/MedicationDispense.rs").status(f"Practitioner/{house.creech}") == 403
    assert house.user("openid fhirUser").status(f"Practitioner/{NOBODY}") == 403
    assert house.gateway.caller().get(f"/fhir/Practitioner/{house.creech}").status_code == 403


@pytest.fixture
def launched(house: House) -> Callable[[User], str]:
    def keep(user: User) -> str:
        services, key = house.gateway.services, user.consent.encounter_id
        body = {"resourceType": "Encounter", "id": str(key), "status": "in-progress"}
        with services.database.transaction() as connection:
            launches.keep_encounter(
                connection,
                jurisdiction="KY",
                person_id=user.consent.person_id,
                encounter_id=key,
                sealed=launches.seal_encounter(services.vault, key, json.dumps(body).encode()),
                now=services.clock.now(),
            )
        return f"Encounter/{key}"

    return keep


def test_the_encounter_of_a_launch_is_readable_with_its_tokens_alone(
    house: House, launched: Callable[[User], str]
) -> None:
    user = house.user("launch openid fhirUser")
    path = launched(user)
    answer = user.get(f"/fhir/{path}")
    assert (answer.status_code, answer.get_json()["status"]) == (200, "in-progress")
    assert house.audited(user)["other_resources"] == [path]
    ((stored,),) = house.query(
        "SELECT resource FROM launch_encounter WHERE encounter_id = %(key)s", key=user.consent.encounter_id
    )
    assert b"in-progress" not in stored
    same_patient, another = house.user("patient/*.rs"), house.user("patient/*.rs user/*.rs", person="bell")
    for stranger in (same_patient, another):
        theirs, nobodys = stranger.get(f"/fhir/{path}"), stranger.get(f"/fhir/Encounter/{NOBODY}")
        assert (theirs.status_code, nobodys.status_code) == (404, 404)
        assert theirs.text == nobodys.text
    assert house.gateway.caller().get(f"/fhir/{path}").status_code == 403
    user.consent.change("UPDATE consent SET revoked_at = now() WHERE consent_id = %(consent_id)s")
    assert user.status(path) == 401


def test_whom_the_patients_dispensations_name_is_readable_and_nobody_else(house: House) -> None:
    fenwick, bell = house.user(), house.user(person="bell")
    path = f"MedicationRequest/{fills(bell)[0]['id']}"
    shared = bell.get(f"/fhir/{path}").get_json()["requester"]["reference"]
    theirs = {
        fenwick.get(f"/fhir/MedicationRequest/{one['id']}").get_json()["requester"]["reference"]
        for one in fills(fenwick)
    }
    (only,) = theirs - {shared}
    assert (fenwick.status(shared), fenwick.status(only)) == (200, 200)
    assert (bell.status(shared), bell.status(only)) == (200, 404)
    assert bell.get(f"/fhir/{only}").text == bell.get(f"/fhir/Practitioner/{NOBODY}").text


def test_what_cannot_be_recorded_is_not_disclosed_to_a_user(house: House) -> None:
    user = house.user()
    user.consent.change("REVOKE INSERT ON audit FROM pdmp_gateway")
    try:
        for path in ("MedicationDispense", f"Patient/{house.people['fenwick']}"):
            answer = user.get(f"/fhir/{path}")
            assert answer.status_code >= 500
            assert "Fenwick" not in answer.text
    finally:
        user.consent.change("GRANT INSERT ON audit TO pdmp_gateway")
    assert user.status("MedicationDispense") == 200
