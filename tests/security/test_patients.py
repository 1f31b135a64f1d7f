"""Attacks on whose data is seen: another patient's, more than scopes open, by trying names, for others."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from tests.fhir_api import bodies
from tests.security.house import SCOPE, House, refused
from tests.security.seen import PRIVATE, history, nothing_of_theirs
from tests.support.smart_browser import App, Browser
from tests.support.smart_program import NPI, PATIENT

OTHER = {"given": "Marcus", "family": "Bell", "birthdate": "1971-08-05", "identifier": "999-70-0201"}


@pytest.fixture(scope="module")
def app(house: House) -> App:
    return house.app()


@pytest.fixture(scope="module")
def tokens(house: House, app: App, signed_in: Browser) -> dict[str, Any]:
    return house.tokens(app, browser=signed_in)


@pytest.fixture(scope="module")
def everything(house: House, app: App, signed_in: Browser) -> dict[str, Any]:
    """Tokens with all scopes there are: what is refused is so for its patient."""
    return house.tokens(app, "launch/patient patient/*.rs user/*.rs", browser=signed_in)


def dispensation_of(house: House, person_id: str) -> str:
    ((found,),) = house.as_owner(
        "SELECT dispensation_id::text FROM dispensation_version WHERE person_id = %(person)s LIMIT 1",
        person=person_id,
    )
    return str(found)


def test_another_patient_is_not_to_be_read_or_searched(
    house: House, app: App, everything: dict[str, Any]
) -> None:
    token, other = everything["access_token"], house.someone_else
    theirs = dispensation_of(house, other)
    for path in (
        f"Patient/{other}",
        f"Patient/{other.upper()}",
        f"Patient/{other}/_history/1",
        f"MedicationDispense/{theirs}",
        f"MedicationDispense/{theirs}/_history/1",
        f"MedicationRequest/{theirs}",
        f"MedicationDispense?patient={other}",
        f"MedicationDispense?patient=Patient/{other}",
        f"MedicationDispense?patient={house.fhir}/Patient/{other}",
        f"MedicationDispense?subject={other}",
        f"MedicationDispense?patient={everything['patient']}&patient={other}",
        f"MedicationDispense?patient={everything['patient']},{other}",
        f"MedicationDispense?patient={everything['patient']}&subject={other}",
        "MedicationDispense?patient.name=Bell",
        "MedicationDispense?patient.identifier=999700201",
        "MedicationDispense?patient:Patient.family=Bell",
        "MedicationDispense?subject:identifier=999700201",
        f"MedicationDispense?_has:AuditEvent:entity:agent={other}",
        f"MedicationDispense?patient={everything['patient']}&_revinclude=*",
        "Patient?family=Bell",
        f"Patient?_id={other}",
        f"Patient/{other}/$everything",
        "Patient/$everything",
        f"Patient/{everything['patient']}/../{other}",
        f"Patient/{everything['patient']}%2f..%2f{other}",
    ):
        nothing_of_theirs(house.get(path, token))
    # By id: what is not of this patient is found no more than what is not there.
    by_id = house.get(f"MedicationDispense?_id={theirs}", token)
    assert not any(word in by_id.text for word in (*PRIVATE, other))
    assert by_id.status_code in (403, 404) or by_id.json()["total"] == 0
    own = house.get(f"MedicationDispense?patient={everything['patient']}&_include=*", token)
    if own.status_code == 200:
        assert not any(word in own.text for word in (*PRIVATE, other))
    included = house.get(
        f"MedicationDispense?patient={everything['patient']}&_include=MedicationDispense:patient", token
    )
    assert included.status_code == 200
    patients = {
        entry["resource"]["id"]
        for entry in included.json()["entry"]
        if entry["resource"]["resourceType"] == "Patient"
    }
    assert patients == {everything["patient"]}
    assert any(outcome == "refused" for outcome, _ in house.audited(app.client_id))


def test_a_body_brings_in_no_other_patient(house: House, app: App, everything: dict[str, Any]) -> None:
    token, other = everything["access_token"], house.someone_else
    ours = bodies.practitioner(NPI)
    for body in (bodies.bell(**bodies.ssn("999700201")), {"resourceType": "Patient", "id": other}):
        answer = history(house, token, body, authorized_practitioner=ours)
        assert not any(word in answer.text for word in PRIVATE)
        assert "pdmp-history-data" not in answer.text
    named = bodies.fenwick()
    by_reference = {**named, "link": [{"other": {"reference": f"Patient/{other}"}, "type": "seealso"}]}
    answer = history(house, token, by_reference, authorized_practitioner=ours)
    assert other not in answer.text
    assert not any(word in answer.text for word in PRIVATE)
    form = {"patient": other}
    found = requests.post(
        f"{house.fhir}/MedicationDispense/_search",
        data=form,
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )
    nothing_of_theirs(found)
    entry = {"request": {"method": "GET", "url": f"Patient/{other}"}}
    for kind in ("batch", "transaction"):
        for path in ("", "/", "/Patient", "/Bundle"):
            sent = requests.post(
                f"{house.fhir}{path}",
                data=json.dumps({"resourceType": "Bundle", "type": kind, "entry": [entry]}),
                headers={"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"},
                timeout=30,
            )
            nothing_of_theirs(sent)
    # Their own patient, the same way.
    good = history(house, token, named, authorized_practitioner=ours)
    assert (good.status_code, "pdmp-history-data" in good.text) == (200, True)
    own = requests.post(
        f"{house.fhir}/MedicationDispense/_search",
        data={"patient": everything["patient"]},
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )
    assert own.json()["total"] > 0


def test_a_page_link_of_one_patient_opens_no_page_of_another(
    house: House, app: App, tokens: dict[str, Any], signed_in: Browser
) -> None:
    first = house.get(f"MedicationDispense?patient={tokens['patient']}&_count=1", tokens["access_token"])
    link = next(one["url"] for one in first.json()["link"] if one["relation"] == "next")
    assert tokens["patient"] not in link
    path = link.removeprefix(f"{house.fhir}/")
    others = house.tokens(app, patient=OTHER, browser=signed_in)
    assert others["patient"] != tokens["patient"]
    nothing_of_theirs(house.get(path, others["access_token"]))
    stranger = house.tokens(house.app(), browser=signed_in)
    nothing_of_theirs(house.get(path, stranger["access_token"]))
    page = link.partition("_page=")[2]
    for changed in (page[:-2], page[::-1], f"{page}AA", f"A{page[1:]}" if page[0] != "A" else f"B{page[1:]}"):
        nothing_of_theirs(house.get(f"MedicationDispense?_page={changed}", tokens["access_token"]))
    nothing_of_theirs(house.get(f"{path}&patient={others['patient']}", tokens["access_token"]))
    assert house.get(path, tokens["access_token"]).json()["entry"]


def test_another_patient_and_none_at_all_are_answered_alike(house: House, tokens: dict[str, Any]) -> None:
    nobody = "00000000-0000-7000-8000-00000000abcd"
    token, other = tokens["access_token"], house.someone_else
    for pattern in ("Patient/{}", "Patient/{}/_history/1", "MedicationDispense?patient={}"):
        answers = [house.get(pattern.format(one), token) for one in (other, nobody)]
        assert {answer.status_code for answer in answers} in ({403}, {404})
        assert len({answer.text.replace(other, nobody) for answer in answers}) == 1
        assert [name for name in answers[0].headers if name not in answers[1].headers] == []
    assert house.get(f"Patient/{tokens['patient']}", token).status_code == 200


def test_scopes_hold_for_each_way_to_a_record(house: House, app: App, signed_in: Browser) -> None:
    narrow = house.tokens(app, "launch/patient patient/Patient.r", browser=signed_in)
    whole = house.tokens(app, browser=signed_in)
    own = house.dispenses(whole).json()["entry"]
    (fill, *_) = [one["resource"] for one in own if one["resource"]["resourceType"] == "MedicationDispense"]
    token, patient = narrow["access_token"], narrow["patient"]
    for path in (
        f"MedicationDispense?patient={patient}",
        f"MedicationDispense?_id={fill['id']}",
        f"MedicationDispense/{fill['id']}",
        f"MedicationDispense/{fill['id']}/_history/{fill['meta']['versionId']}",
        f"MedicationRequest/{fill['id']}",
    ):
        nothing_of_theirs(house.get(path, token))
    ours = bodies.practitioner(NPI)
    assert history(house, token, bodies.fenwick(), authorized_practitioner=ours).status_code == 403
    assert house.get(f"Patient/{patient}", token).status_code == 200
    assert house.get(f"MedicationDispense/{fill['id']}", whole["access_token"]).status_code == 200


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ("launch/patient patient/*.cruds", "launch/patient"),
        ("launch/patient patient/Patient.r system/*.rs", None),
        ("launch/patient patient/Patient.r system/MedicationDispense.rs", None),
        (
            "launch/patient patient/Patient.r patient/MedicationDispense.cud",
            "launch/patient patient/Patient.r",
        ),
        (
            "launch/patient patient/Patient.r __introspect __launch __match",
            "launch/patient patient/Patient.r",
        ),
        ("launch/patient patient/Patient.r patient/Observation.rs", "launch/patient patient/Patient.r"),
        ("launch/patient patient/Patient.r launch/encounter", "launch/patient patient/Patient.r"),
        ("launch/patient patient/Patient.rs", "launch/patient patient/Patient.rs"),
    ],
)
def test_an_app_gets_no_more_than_is_registered_and_served_for_users(
    house: House, app: App, signed_in: Browser, asked: str, granted: str | None
) -> None:
    answer = signed_in.authorize(app, asked, patient=PATIENT)
    if "error" in answer:
        assert answer["error"] == "invalid_scope"
        return
    tokens = app.exchange(answer["code"])
    scopes = tokens["scope"].split()
    assert set(scopes) <= set(asked.split()) | {"patient/*.rs"}
    told = house.introspected(app, tokens["access_token"])
    assert told["scope"] == tokens["scope"]
    assert not any(one.startswith(("system/", "__")) for one in scopes)
    assert not any(set("cud") & set(one.partition(".")[2]) for one in scopes if "." in one)
    if granted is not None and "*" not in asked:
        assert tokens["scope"] == granted
    # What was left out is not to be had by writing, either.
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        sent = requests.request(
            method,
            f"{house.fhir}/Patient/{tokens['patient']}",
            data="{}",
            headers={"Authorization": f"Bearer {tokens['access_token']}"},
            timeout=30,
        )
        assert sent.status_code == 405


def test_an_app_that_registered_less_gets_less(house: House, signed_in: Browser) -> None:
    app = house.app(scope="launch/patient patient/Patient.rs openid")
    answer = signed_in.authorize(app, SCOPE, patient=PATIENT)
    tokens = app.exchange(answer["code"])
    assert set(tokens["scope"].split()) == {"launch/patient", "openid", "patient/Patient.rs"}
    assert "refresh_token" not in tokens
    assert house.dispenses(tokens).status_code == 403
    assert house.get(f"Patient/{tokens['patient']}", tokens["access_token"]).status_code == 200


def test_a_users_choice_is_what_the_token_opens(house: House, signed_in: Browser) -> None:
    app = house.app()
    code = house.code(app, browser=signed_in, grant=["patient/Patient.rs", "offline_access"])
    tokens = app.exchange(code)
    assert house.dispenses(tokens).status_code == 403
    for more in (SCOPE, "patient/*.rs", "patient/MedicationDispense.rs", "openid", "user/*.rs"):
        refused(
            app.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"], scope=more),
            "invalid_scope",
        )
    again = app.refresh(tokens["refresh_token"])
    assert again["scope"] == tokens["scope"]
    assert house.get(f"Patient/{again['patient']}", again["access_token"]).status_code == 200


def test_patients_are_not_found_by_trying_names(house: House, browser: Browser) -> None:
    app, user = house.app(), house.account()
    browser.start(app, SCOPE)
    browser.sign_in(user)
    # A part of a name, another day, a pattern: one text for all, whether somebody is near or not.
    for wrong in (
        {**PATIENT, "birthdate": "1968-04-12"},
        {**PATIENT, "given": "L"},
        {**PATIENT, "given": "Lor*"},
        {**PATIENT, "family": "Fenwic"},
        {**PATIENT, "family": "%"},
        {**PATIENT, "given": "Someone", "family": "Atall", "identifier": "999-70-8888"},
    ):
        page = browser.submit(browser.form("birthdate"), **wrong)
        assert "Nobody is known here" in page.text
        assert not page.is_redirect
    # Name and birth date without the number that settles it: nobody is chosen, and nothing more is shown.
    page = browser.submit(
        browser.form("birthdate"), **{**PATIENT, "identifier": "999-70-9999", "postal_code": ""}
    )
    assert browser.form("birthdate")
    assert not any(word in page.text for word in ("Quarry", "Lexington", "40503", "0101", "female"))
    for n in range(40):
        page = browser.submit(browser.form("birthdate"), **{**PATIENT, "birthdate": f"19{n + 10}-01-01"})
        if "Too many" in page.text:
            break
    else:
        raise AssertionError("forty questions, and no end")
    # The right one is not looked at now, nor in another request of the same user.
    page = browser.submit(browser.form("birthdate"), **PATIENT)
    assert "Too many" in page.text
    browser.start(house.app(), SCOPE)
    assert "Too many" in browser.submit(browser.form("birthdate"), **PATIENT).text
    # Each that was looked at is on record; somebody else is not kept from asking.
    looked = [outcome for outcome, _ in house.audited(app.client_id)]
    assert sum(outcome in ("no-data", "unresolved") for outcome in looked) >= 15
    assert "disclosed" not in looked
    assert "code" in house.browser().authorize(app, SCOPE, user=house.account(), patient=PATIENT)
