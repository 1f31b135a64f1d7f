"""Attacks on an EHR's launch: played again, stolen, for somebody else, opened by whom nobody trusts."""

from __future__ import annotations

import json

import pytest
import requests

from tests.oauth.backend import Backend
from tests.security.house import LAUNCHED, PASSWORD, House, refused
from tests.support.smart_browser import App, Browser
from tests.support.smart_program import LAUNCH, USER


@pytest.fixture(scope="module")
def ehr(house: House) -> Backend:
    return house.ehr()


@pytest.fixture
def app(house: House) -> App:
    return house.app()


def test_a_launch_is_used_once(house: House, ehr: Backend, app: App, browser: Browser) -> None:
    handle = house.launch(ehr, app)
    tokens = app.exchange(browser.authorize(app, LAUNCHED, user=USER, launch=handle)["code"])
    for again in (browser, house.browser()):
        answer = again.authorize(app, LAUNCHED, launch=handle)
        assert (answer["error"], "code" in answer) == ("invalid_request", False)
    # What the first one gave stands: a replay by a stranger ends nothing.
    assert house.dispenses(tokens).status_code == 200


def test_of_two_requests_that_wait_with_one_launch_one_gets_a_code(
    house: House, ehr: Backend, app: App
) -> None:
    handle = house.launch(ehr, app)
    answers = []
    for browser in (house.browser(), house.browser()):
        browser.start(app, LAUNCHED, launch=handle)
        browser.sign_in(USER)
        answers.append((browser, browser.form("decision").filled({"decision": "allow"})))
    sent = [
        app.received(browser.post("/auth/consent", form).headers["Location"]) for browser, form in answers
    ]
    assert ["code" in members for members in sent] == [True, False]
    assert sent[1]["error"] == "access_denied"
    assert len(house.consents(app)) == 1


def test_a_stolen_handle_signs_nobody_in_and_is_no_use_to_another_user(
    house: House, ehr: Backend, app: App, browser: Browser
) -> None:
    handle = house.launch(ehr, app)
    page = browser.start(app, LAUNCHED, launch=handle)
    # A stranger sees a sign-in page, and nothing of the patient or the user.
    assert "password" in browser.form("password").names()
    assert not any(word in page.text for word in ("Fenwick", "Creech", "creech"))
    assert browser.authorize(app, LAUNCHED, launch=handle, prompt="none")["error"] == "login_required"
    browser.start(app, LAUNCHED, launch=handle)
    page = browser.sign_in(house.account())
    assert (page.status_code, page.is_redirect) == (403, False)
    assert "Fenwick" not in page.text
    assert house.consents(app) == []
    # Nothing was spent: the user whom it was opened for goes on with it.
    answer = house.browser().authorize(app, LAUNCHED, user=USER, launch=handle)
    assert app.exchange(answer["code"])["patient"]


def test_a_handle_is_of_no_use_to_another_app(house: House, ehr: Backend, app: App, browser: Browser) -> None:
    handle = house.launch(ehr, app)
    thief = house.app()
    assert browser.authorize(thief, LAUNCHED, launch=handle)["error"] == "invalid_request"
    for wrong in (handle[:-1], f"{handle}x", handle.swapcase(), "x", "\0", "' OR 1=1 --", "x" * 5000):
        assert browser.authorize(app, LAUNCHED, launch=wrong)["error"] == "invalid_request"
    # Nor does the scope come without the handle, or the handle without the scope.
    assert browser.authorize(app, LAUNCHED)["error"] == "invalid_request"
    without = LAUNCHED.partition(" ")[2]
    assert browser.authorize(app, without, launch=handle)["error"] == "invalid_request"
    assert "code" in browser.authorize(app, LAUNCHED, user=USER, launch=handle)


def test_a_handle_ends_within_five_minutes(house: House, ehr: Backend, app: App, browser: Browser) -> None:
    opened = house.open_launch(ehr, app).json()
    assert opened["expires_in"] <= 300
    waiting = house.launch(ehr, app)
    browser.start(app, LAUNCHED, launch=waiting)
    house.as_owner(
        "UPDATE launch SET expires_at = now() - interval '1 ms' WHERE client_id = %(id)s", id=app.client_id
    )
    fresh = house.browser().authorize(app, LAUNCHED, launch=opened["launch"])
    assert fresh["error"] == "invalid_request"
    # Also when it was found good before, and the user took too long.
    answer = browser.sign_in(USER)
    assert app.received(answer.headers["Location"])["error"] == "access_denied"
    assert house.consents(app) == []
    assert "code" in browser.authorize(app, LAUNCHED, launch=house.launch(ehr, app))


def test_the_patient_of_a_launch_can_not_be_swapped_on_the_way(
    house: House, ehr: Backend, app: App, browser: Browser
) -> None:
    handle = house.launch(ehr, app)
    other = house.someone_else
    browser.start(app, f"{LAUNCHED} launch/patient", launch=handle, patient=other)
    browser.sign_in(USER)
    form = browser.form("decision").filled({"decision": "allow"})
    # The patient page's form, though none was shown: the launch's patient stands.
    wrong = {"given": "Marcus", "family": "Bell", "birthdate": "1971-08-05", "identifier": "999-70-0201"}
    kept = [(name, value) for name, value in form if name in ("request", "csrf")]
    browser.post("/auth/patient", [*kept, *wrong.items()])
    answer = browser.post("/auth/consent", [*form, ("patient", other)])
    tokens = app.exchange(app.received(answer.headers["Location"])["code"])
    assert tokens["patient"] != other
    assert house.get(f"Patient/{other}", tokens["access_token"]).status_code in (403, 404)
    assert house.dispenses(tokens).json()["total"] > 0


def test_only_a_trusted_ehr_opens_launches(house: House, ehr: Backend, app: App, browser: Browser) -> None:
    url = f"{house.base}/auth/launch"
    body = {**LAUNCH, "client_id": app.client_id}

    def opened(token: str | None) -> requests.Response:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return requests.post(url, json=body, headers=headers, timeout=30)

    user = app.exchange(browser.authorize(app, "openid fhirUser", user=USER)["code"])
    service = requests.post(f"{house.base}/auth/token", data=house.backend().form(), timeout=30).json()
    refused(
        requests.post(f"{house.base}/auth/token", data=house.backend().form(scope="__launch"), timeout=30),
        "invalid_scope",
    )
    # One that was trusted when its token was made, and is no more.
    gone = house.ehr()
    outdated = requests.post(f"{house.base}/auth/token", data=gone.form(scope="__launch"), timeout=30).json()
    assert opened(outdated["access_token"]).status_code == 200
    house.as_owner("UPDATE client SET trusted_ehr = false WHERE client_id = %(id)s", id=gone.client_id)
    for token, status in (
        (None, 401),
        ("x.y.z", 401),
        (user["access_token"], 403),
        (user["id_token"], 401),
        (service["access_token"], 403),
        (outdated["access_token"], 403),
    ):
        answer = opened(token)
        assert answer.status_code == status, answer.text
        assert "launch" not in answer.json()
    # An app can't give itself the scope, whatever it asks for.
    assert browser.authorize(app, "__launch")["error"] == "invalid_scope"
    assert "code" in browser.authorize(app, LAUNCHED, launch=house.launch(ehr, app))


@pytest.mark.parametrize(
    "changes",
    [
        {"user": {"username": "nobody"}},
        {"user": {"npi": "1999100856' OR '1'='1"}},
        {"user": {"username": "creech", "npi": "1"}},
        {"user": None},
        {"patient": {"id": "00000000-0000-0000-0000-000000000000"}},
        {"patient": {"id": "../Patient"}},
        {"patient": {"resourceType": "Patient", "name": [{"family": "Bell"}], "birthDate": "1971-08-05"}},
        {"patient": {"resourceType": "Practitioner"}},
        {"client_id": "nobody"},
        {"client_id": ["x"]},
        {"intent": "x" * 5000},
        {"redirect_uri": "https://evil.example"},
    ],
)
def test_a_launch_for_nobody_in_particular_is_a_plain_error(
    house: House, ehr: Backend, app: App, changes: dict[str, object]
) -> None:
    answer = house.open_launch(ehr, app, **changes)
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json().keys() == {"error", "error_description"}
    assert not any(word in answer.text for word in ("Fenwick", "Bell", "Loretta", "1968"))


def test_launches_of_a_disabled_account_open_nothing(
    house: House, ehr: Backend, app: App, browser: Browser
) -> None:
    user = house.account()
    handle = house.launch(ehr, app, user={"username": user["username"]})
    browser.start(app, LAUNCHED, launch=handle)
    browser.sign_in(user)
    form = browser.form("decision").filled({"decision": "allow"})
    disable = "UPDATE account SET disabled_at = %(at)s WHERE username = %(name)s"
    house.as_owner(disable, at="2026-01-01", name=user["username"])
    answer = browser.post("/auth/consent", form)
    assert "code=" not in answer.headers.get("Location", "")
    answer = house.open_launch(ehr, app, user={"username": user["username"]})
    assert answer.status_code == 400
    house.as_owner(disable, at=None, name=user["username"])
    again = house.launch(ehr, app, user={"username": user["username"]})
    answer2 = house.browser().authorize(app, LAUNCHED, user=user, launch=again)
    assert "code" in answer2
    assert PASSWORD not in json.dumps(answer2)
