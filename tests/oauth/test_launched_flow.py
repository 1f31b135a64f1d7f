"""An EHR's launch through to the data, delegates and their supervisors, and what ends with a session."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jwt
import psycopg
import pytest
import requests

from conformance.suites.smart.client import Client
from gateway.core.settings import Settings
from tests.support.smart_browser import App, Browser, forms
from tests.support.smart_program import CLINIC, LAUNCH, PATIENT, USER, Program, run_program

CALLBACK = "https://app.example/redirect"
SCOPE = "launch openid fhirUser patient/*.rs"
COLLEAGUE = {"username": "colleague", "password": "correct horse battery 14"}
HELPER = {"username": "helper", "password": "correct horse battery 15"}
STEWARD = {"username": "steward", "password": "correct horse battery 16"}


@pytest.fixture(scope="module")
def program(module_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with run_program(module_settings, tmp_path_factory.mktemp("program")) as running:
        account(running, COLLEAGUE, "practitioner", "--npi", "1999100864", "--organization", CLINIC)
        account(running, HELPER, "delegate", "--supervisor", USER["username"])
        account(running, STEWARD, "steward")
        yield running


@pytest.fixture(scope="module")
def ehr(program: Program) -> Client:
    return Client.of("ehr", {**program.ehr(program.ec), "private_jwk": program.ec})


@pytest.fixture
def browser(program: Program) -> Browser:
    return Browser(program.gateway.base)


@pytest.fixture(scope="module")
def app(program: Program) -> App:
    return app_of(program)


def account(program: Program, user: dict[str, str], role: str, *words: str) -> None:
    named = ["--username", user["username"], "--role", role, "--name", f"Ada {user['username'].title()}"]
    added = program.cli("accounts", "add", *named, *words, "--password-stdin", stdin=user["password"])
    assert added.returncode == 0, added.stderr


def app_of(program: Program) -> App:
    return App(program.gateway.base, program.app("none", CALLBACK)["client_id"], CALLBACK)


def launch(program: Program, ehr: Client, app: App, **changes: Any) -> str:
    """Return the handle of a new launch of the app."""
    token = program.post_token(ehr, {"grant_type": "client_credentials", "scope": "__launch"})
    answer = requests.post(
        f"{program.gateway.base}/auth/launch",
        json={**LAUNCH, "client_id": app.client_id, **changes},
        headers={"Authorization": f"Bearer {token['access_token']}"},
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    handle: str = answer.json()["launch"]
    return handle


def get(app: App, path: str, tokens: dict[str, Any]) -> requests.Response:
    return requests.get(
        f"{app.base}/fhir/{path}",
        headers={"Authorization": f"Bearer {tokens['access_token']}"},
        timeout=30,
    )


def test_a_launch_brings_patient_visit_and_intent(
    browser: Browser, app: App, program: Program, ehr: Client
) -> None:
    handle = launch(program, ehr, app)
    answer = browser.authorize(app, f"{SCOPE} offline_access", user=USER, launch=handle)
    tokens = app.exchange(answer["code"])
    assert tokens["intent"] == LAUNCH["intent"]
    assert tokens["appContext"] == LAUNCH["appContext"]
    found = get(app, f"MedicationDispense?patient={tokens['patient']}", tokens)
    assert found.json()["resourceType"] == "Bundle"
    visit = get(app, f"Encounter/{tokens['encounter']}", tokens)
    assert visit.json()["resourceType"] == "Encounter"
    again = app.refresh(tokens["refresh_token"])
    for member in ("patient", "encounter", "intent", "appContext", "need_patient_banner", "tenant"):
        assert again[member] == tokens[member]


def test_a_launch_is_used_once(browser: Browser, app: App, program: Program, ehr: Client) -> None:
    handle = launch(program, ehr, app)
    assert "code" in browser.authorize(app, SCOPE, user=USER, launch=handle)
    assert browser.authorize(app, SCOPE, launch=handle)["error"] == "invalid_request"


def test_of_two_requests_with_one_launch_one_gets_a_code(
    browser: Browser, app: App, program: Program, ehr: Client
) -> None:
    handle = launch(program, ehr, app)
    browser.start(app, SCOPE, launch=handle)
    browser.sign_in(USER)
    first, kept = browser.form("decision"), browser.page
    assert "code" in browser.authorize(app, SCOPE, launch=handle)
    browser.page = kept
    answer = browser.submit(first, decision="allow")
    members = app.received(answer.headers["Location"])
    assert members["error"] == "access_denied"
    assert "code" not in members


def test_a_launch_is_of_no_use_to_another_app(
    browser: Browser, app: App, program: Program, ehr: Client
) -> None:
    handle = launch(program, ehr, app)
    assert browser.authorize(app_of(program), SCOPE, launch=handle)["error"] == "invalid_request"
    assert "code" in browser.authorize(app, SCOPE, user=USER, launch=handle)


def test_a_launch_is_its_users_and_another_one_is_told_so(
    browser: Browser, app: App, program: Program, ehr: Client
) -> None:
    handle = launch(program, ehr, app)
    browser.start(app, SCOPE, launch=handle)
    page = browser.sign_in(COLLEAGUE)
    assert (page.status_code, page.is_redirect) == (403, False)
    assert "another user" in page.text
    # The one whom it was opened for goes on with it.
    other = Browser(program.gateway.base)
    assert "code" in other.authorize(app, SCOPE, user=USER, launch=handle)


def test_a_launch_that_has_ended_is_told(browser: Browser, app: App, program: Program, ehr: Client) -> None:
    handle = launch(program, ehr, app)
    browser.start(app, SCOPE, launch=handle)
    owner_url = program.gateway.settings.migration_database_url or ""
    with psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute("UPDATE pdmp.launch SET expires_at = now() WHERE used_at IS NULL")
    answer = browser.sign_in(USER)
    assert app.received(answer.headers["Location"])["error"] == "access_denied"
    assert browser.authorize(app, SCOPE, launch=handle)["error"] == "invalid_request"


def test_a_launch_is_opened_again_without_a_page_for_who_granted_it(
    browser: Browser, app: App, program: Program, ehr: Client
) -> None:
    granted = browser.authorize(app, SCOPE, user=USER, launch=launch(program, ehr, app))
    tokens = app.exchange(granted["code"])
    silent = browser.authorize(app, SCOPE, launch=launch(program, ehr, app), prompt="none")
    assert app.exchange(silent["code"])["patient"] == tokens["patient"]


def test_a_delegate_acts_for_a_supervisor_and_is_named(browser: Browser, app: App, program: Program) -> None:
    scope = "launch/patient openid fhirUser patient/*.rs"
    browser.start(app, scope)
    browser.sign_in(HELPER)
    browser.submit(browser.form("birthdate"), **PATIENT)
    form, kept = browser.form("decision"), browser.page
    (supervisor,) = form.offered("supervisor")
    for wrong in (None, "nobody", "00000000-0000-0000-0000-000000000000"):
        assert browser.submit(form, decision="allow", supervisor=wrong).status_code == 400
        browser.page = kept
    answer = browser.submit(form, decision="allow", supervisor=supervisor)
    tokens = app.exchange(app.received(answer.headers["Location"])["code"])
    claims = jwt.decode(tokens["id_token"], options={"verify_signature": False})
    assert supervisor not in claims["fhirUser"]
    (acting_for,) = tokens["fhirContext"]
    assert acting_for["identifier"]["value"] == "1999100856"
    assert acting_for["role"].endswith("/fhir/launch-role/supervisor")
    found = get(app, f"MedicationDispense?patient={tokens['patient']}", tokens)
    assert found.json()["resourceType"] == "Bundle"


def test_a_delegate_whose_supervisor_is_gone_is_denied(browser: Browser, app: App, program: Program) -> None:
    scope = "launch/patient openid fhirUser offline_access patient/*.rs"
    boss = {"username": "boss", "password": "correct horse battery 17"}
    aide = {"username": "aide", "password": "correct horse battery 18"}
    account(program, boss, "practitioner", "--npi", "1999100872", "--organization", CLINIC)
    account(program, aide, "delegate", "--supervisor", "boss")

    browser.start(app, scope)
    browser.sign_in(aide)
    browser.submit(browser.form("birthdate"), **PATIENT)
    form = browser.form("decision")
    answer = browser.submit(form, decision="allow", supervisor=form.offered("supervisor")[0])
    tokens = app.exchange(app.received(answer.headers["Location"])["code"])
    assert program.cli("accounts", "disable", "boss").returncode == 0
    assert get(app, f"MedicationDispense?patient={tokens['patient']}", tokens).status_code in (401, 403)
    refused = app.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert refused.json()["error"] == "invalid_grant"
    assert browser.authorize(app, scope)["error"] == "access_denied"


def test_an_account_that_receives_no_histories_is_denied(browser: Browser, app: App) -> None:
    answer = browser.authorize(app, "openid fhirUser", user=STEWARD)
    assert answer["error"] == "access_denied"


def test_online_access_ends_with_the_session(browser: Browser, app: App) -> None:
    answer = browser.authorize(app, "openid fhirUser online_access", user=USER)
    tokens = app.exchange(answer["code"])
    user = jwt.decode(tokens["id_token"], options={"verify_signature": False})["fhirUser"]
    path = user.partition("/fhir/")[2]
    tokens = app.refresh(tokens["refresh_token"])
    assert get(app, path, tokens).status_code == 200
    browser.start(app, "openid fhirUser")
    browser.submit(sign_out(browser))
    assert get(app, path, tokens).status_code == 401
    refused = app.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert refused.json()["error"] == "invalid_grant"


def test_offline_access_outlives_the_session(browser: Browser, app: App) -> None:
    answer = browser.authorize(app, "openid fhirUser offline_access", user=USER)
    tokens = app.exchange(answer["code"])
    browser.start(app, "openid fhirUser")
    browser.submit(sign_out(browser))
    assert app.refresh(tokens["refresh_token"])["expires_in"] == 900


def sign_out(browser: Browser) -> Any:
    """Return the sign-out form of the page, as every page of somebody who is signed in has one."""
    assert browser.page is not None
    return next(form for form in forms(browser.page.text) if form.action.endswith("sign-out"))
