"""Attacks by who acts for whom: for a prescriber who is none, as nobody's delegate, in an emergency."""

from __future__ import annotations

import json

import requests

from tests.fhir_api import bodies
from tests.security.house import SCOPE, House, refused
from tests.security.seen import history, nothing_of_theirs
from tests.support.smart_browser import Browser
from tests.support.smart_program import NPI, PATIENT


def test_nobody_gets_a_history_for_a_prescriber_who_is_none(house: House) -> None:
    backend = house.backend()
    token = requests.post(f"{house.base}/auth/token", data=backend.form(), timeout=30).json()["access_token"]
    gone = house.account(npi="1999100872")
    house.as_owner("UPDATE account SET disabled_at = now() WHERE username = %(name)s", name=gone["username"])
    steward = {"npi": "1999100864", "license": None}
    house.account("steward", **steward)
    for npi in ("1999500006", "1999100872", "1999100864", "1234567893"):
        answer = history(house, token, bodies.fenwick(), authorized_practitioner=bodies.practitioner(npi))
        assert answer.status_code == 200
        assert "pdmp-history-data" not in answer.text
        assert '"disallowed"' in answer.text.lower() or '"Disallowed"' in answer.text
        assert not any(word in answer.text for word in ("Fenwick", "Loretta", "1968"))
    # There is no glass to break: a purpose or a header that claims an emergency opens nothing.
    emergency = {"X-Break-Glass": "true", "X-Purpose-Of-Use": "BTG"}
    answer = requests.post(
        f"{house.fhir}/Patient/$pdmp-history",
        data=json.dumps(
            bodies.parameters(
                bodies.fenwick(),
                authorized_practitioner=bodies.practitioner("1999500006"),
                purpose={"valueCode": "BTG"},
            )
        ),
        headers={
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/fhir+json",
            **emergency,
        },
        timeout=30,
    )
    assert "pdmp-history-data" not in answer.text
    reasons = [reason for outcome, reason in house.audited(backend.client_id) if outcome == "refused"]
    assert {
        "authorized practitioner has no account",
        "account of the authorized practitioner is not active",
    } <= {*reasons}
    good = history(house, token, bodies.fenwick(), authorized_practitioner=bodies.practitioner(NPI))
    assert "pdmp-history-data" in good.text


def test_a_delegate_acts_for_a_supervisor_of_now_and_for_nobody_else(house: House, browser: Browser) -> None:
    boss, stranger = house.account(npi="1999100880"), house.account()
    helper = house.account("delegate", supervisors=[boss["username"]])
    app = house.app()
    ((stranger_id,),) = house.as_owner(
        "SELECT account_id::text FROM account WHERE username = %(name)s", name=stranger["username"]
    )
    browser.start(app, SCOPE)
    browser.sign_in(helper)
    browser.submit(browser.form("birthdate"), **PATIENT)
    form = browser.form("decision")
    (own,) = form.offered("supervisor")
    for wrong in (None, "", stranger_id, "x", own.upper() + "0"):
        answer = browser.post("/auth/consent", form.filled({"decision": "allow", "supervisor": wrong}))
        assert (answer.status_code, answer.is_redirect) == (400, False)
    answer = browser.post("/auth/consent", form.filled({"decision": "allow", "supervisor": own}))
    tokens = app.exchange(app.received(answer.headers["Location"])["code"])
    assert house.dispenses(tokens).json()["total"] > 0
    # Nor in the name of another prescriber afterwards.
    other = history(
        house, tokens["access_token"], bodies.fenwick(), authorized_practitioner=bodies.practitioner(NPI)
    )
    assert "pdmp-history-data" not in other.text
    # Both are on record.
    rows = house.as_owner(
        "SELECT count(*) FROM audit WHERE client_id = %(id)s AND outcome = 'disclosed'"
        " AND account_id = %(boss)s AND delegate_id IS NOT NULL",
        id=app.client_id,
        boss=own,
    )
    assert rows[0][0] >= 1
    house.as_owner("UPDATE delegation SET ended_at = now() WHERE supervisor_id = %(boss)s", boss=own)
    assert house.dispenses(tokens).status_code in (401, 403)
    refused(app.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"]), "invalid_grant")
    assert browser.authorize(app, SCOPE)["error"] == "access_denied"
    # The supervisor is a user like any other, before and after.
    assert "code" in house.browser().authorize(app, SCOPE, user=boss, patient=PATIENT)


def test_a_role_that_receives_no_histories_gets_none_by_an_app(house: House, browser: Browser) -> None:
    app = house.app()
    steward = house.account("steward", license=None)
    assert browser.authorize(app, SCOPE, user=steward, patient=PATIENT)["error"] == "access_denied"
    apart = house.account(organizations=["1999000130"])
    answer = house.browser().authorize(app, "openid fhirUser", user=apart)
    if "code" in answer:
        tokens = app.exchange(answer["code"])
        nothing_of_theirs(
            house.get(f"MedicationDispense?patient={house.someone_else}", tokens["access_token"])
        )
    pharmacist = house.account("pharmacist")
    assert "code" in house.browser().authorize(app, SCOPE, user=pharmacist, patient=PATIENT)
