"""The whole way of a user: from the app to sign-in, patient, consent, code, tokens and data, and its end."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterator
from typing import Any

import jwt
import psycopg
import pytest
import requests

from gateway.core.settings import Settings
from tests.support.smart_browser import App, Browser
from tests.support.smart_program import CLINIC, PATIENT, USER, Program, run_program

CALLBACK = "https://app.example/redirect"
SCOPE = "launch/patient openid fhirUser offline_access patient/MedicationDispense.rs patient/Patient.rs"


@pytest.fixture(scope="module")
def program(module_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with run_program(module_settings, tmp_path_factory.mktemp("program"), workers=2) as running:
        yield running


@pytest.fixture(scope="module")
def app(program: Program) -> App:
    return app_of(program)


@pytest.fixture
def browser(program: Program) -> Browser:
    return Browser(program.gateway.base)


def app_of(program: Program, method: str = "none", **more: Any) -> App:
    made = program.app(method, CALLBACK, **more)
    return App(program.gateway.base, made["client_id"], CALLBACK, secret=made.get("client_secret"))


def granted(browser: Browser, app: App, scope: str = SCOPE, **more: Any) -> str:
    """Return a code that the user has granted."""
    answer = browser.authorize(app, scope, user=USER, patient=PATIENT, **more)
    assert "error" not in answer, answer
    assert answer["state"] == app.state
    assert answer["iss"] == app.base
    return answer["code"]


def tokens_of(browser: Browser, app: App, scope: str = SCOPE, **more: Any) -> dict[str, Any]:
    return app.exchange(granted(browser, app, scope, **more))


def search(app: App, tokens: dict[str, Any], **more: str) -> requests.Response:
    return requests.get(
        f"{app.base}/fhir/MedicationDispense",
        params={"patient": tokens["patient"], **more},
        headers={"Authorization": f"Bearer {tokens['access_token']}"},
        timeout=30,
    )


def refused(answer: requests.Response, error: str, status: int = 400) -> None:
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Pragma"] == "no-cache"


def test_a_public_app_gets_the_patients_dispensations(browser: Browser, app: App) -> None:
    tokens = tokens_of(browser, app)
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 900
    assert tokens["scope"] == SCOPE
    assert tokens["need_patient_banner"] is True
    assert tokens["tenant"] == "KY"
    assert requests.get(tokens["smart_style_url"], timeout=30).headers["Content-Type"] == "application/json"
    found = search(app, tokens).json()
    assert found["resourceType"] == "Bundle"
    kinds = {entry["resource"]["resourceType"] for entry in found["entry"]}
    assert "MedicationDispense" in kinds


@pytest.mark.parametrize("post", [False, True])
def test_a_confidential_app_does_too(browser: Browser, program: Program, post: bool) -> None:
    app = app_of(program, "client_secret_basic")
    tokens = tokens_of(browser, app, post=post)
    assert search(app, tokens).status_code == 200


def test_the_id_token_says_who_signed_in(browser: Browser, app: App) -> None:
    tokens = tokens_of(browser, app, nonce="n-0S6_WzA2Mj")
    configuration = requests.get(f"{app.base}/.well-known/openid-configuration", timeout=30).json()
    below = requests.get(f"{app.base}/fhir/.well-known/openid-configuration", timeout=30).json()
    assert below == configuration
    keys = jwt.PyJWKSet.from_dict(requests.get(configuration["jwks_uri"], timeout=30).json())
    header = jwt.get_unverified_header(tokens["id_token"])
    assert header["alg"] == "RS256"
    claims = jwt.decode(
        tokens["id_token"],
        keys[header["kid"]],
        algorithms=["RS256"],
        audience=app.client_id,
        issuer=configuration["issuer"],
        leeway=5,
    )
    assert claims["nonce"] == "n-0S6_WzA2Mj"
    assert claims["amr"] == ["pwd"]
    assert claims["auth_time"] <= claims["iat"] < claims["exp"]
    assert claims["fhirUser"] == f"{app.base}/fhir/Practitioner/{claims['sub']}"
    user = requests.get(
        claims["fhirUser"], headers={"Authorization": f"Bearer {tokens['access_token']}"}, timeout=30
    )
    assert (user.status_code, user.json()["resourceType"]) == (200, "Practitioner")


def test_a_state_of_three_thousand_characters_comes_through(browser: Browser, program: Program) -> None:
    app = app_of(program)
    app.state = "a1_~-.+&= " * 300
    assert len(app.state) == 3000
    granted(browser, app)
    app.state = 'é%20"<' * 1000
    granted(browser, app, post=True)


def test_a_second_app_needs_no_second_sign_in_unless_it_asks(
    browser: Browser, app: App, program: Program
) -> None:
    granted(browser, app)
    other = app_of(program)
    # The pages of sign-in would fail here: nobody is given to sign in.
    assert "code" in browser.authorize(other, SCOPE, patient=PATIENT)
    assert "code" in browser.authorize(other, SCOPE, patient=PATIENT, max_age="600")
    for changes in ({"prompt": "login"}, {"max_age": "0"}):
        page = browser.start(other, SCOPE, **changes)
        browser.form("username", "password")
        assert page.status_code == 200
        assert "code" in browser.authorize(other, SCOPE, user=USER, patient=PATIENT, **changes)


def test_without_a_page_the_app_is_told_what_is_missing(browser: Browser, app: App) -> None:
    assert browser.authorize(app, SCOPE, prompt="none")["error"] == "login_required"
    granted(browser, app)
    assert browser.authorize(app, SCOPE, prompt="none")["error"] == "interaction_required"
    who = browser.authorize(app, "openid fhirUser", prompt="none")
    assert who["error"] == "consent_required"
    assert who["state"] == app.state


def test_without_a_page_the_app_gets_what_was_granted_before(browser: Browser, program: Program) -> None:
    app = app_of(program, scope="openid fhirUser profile offline_access")
    other = app_of(program)
    assert "code" in browser.authorize(app, "openid fhirUser", user=USER)
    assert app.exchange(browser.authorize(app, "openid fhirUser", prompt="none")["code"])["id_token"]
    assert browser.authorize(app, "openid fhirUser profile", prompt="none")["error"] == "consent_required"
    assert browser.authorize(other, "openid fhirUser", prompt="none")["error"] == "consent_required"
    # For what lasts when the user is away, the user is asked.
    lasting = "openid fhirUser offline_access"
    assert "code" in browser.authorize(app, lasting)
    assert browser.authorize(app, lasting, prompt="none")["error"] == "consent_required"


def test_a_no_is_told_and_gives_nothing(browser: Browser, app: App) -> None:
    answer = browser.authorize(app, SCOPE, user=USER, patient=PATIENT, decision="deny")
    assert answer["error"] == "access_denied"
    assert "code" not in answer
    assert browser.authorize(app, SCOPE, patient=PATIENT, grant=[])["error"] == "access_denied"


def test_a_user_grants_less_than_was_asked(browser: Browser, app: App) -> None:
    tokens = tokens_of(browser, app, grant=["patient/Patient.rs"])
    assert tokens["scope"] == "launch/patient patient/Patient.rs"
    assert "id_token" not in tokens
    assert "refresh_token" not in tokens
    assert search(app, tokens).status_code == 403
    patient = requests.get(
        f"{app.base}/fhir/Patient/{tokens['patient']}",
        headers={"Authorization": f"Bearer {tokens['access_token']}"},
        timeout=30,
    )
    assert patient.status_code == 200


def test_a_user_grants_a_part_of_a_type(browser: Browser, app: App) -> None:
    part = "patient/MedicationDispense.rs?type=RFC,RFP"
    whole = tokens_of(browser, app)

    def refills(form: Any) -> list[str]:
        assert part in form.offered("scope")
        return [part, "patient/Patient.rs"]

    tokens = tokens_of(browser, app, grant=refills)
    assert tokens["scope"] == f"launch/patient {part} patient/Patient.rs"
    assert 0 <= search(app, tokens).json()["total"] < search(app, whole).json()["total"]


def test_a_user_grants_types_of_a_wildcard(browser: Browser, app: App) -> None:
    tokens = tokens_of(browser, app, "launch/patient patient/*.rs", grant=["patient/Patient.rs"])
    assert tokens["scope"] == "launch/patient patient/Patient.rs"
    assert search(app, tokens).status_code == 403


def test_a_form_can_add_nothing_to_what_was_asked(browser: Browser, app: App) -> None:
    browser.start(app, SCOPE)
    browser.sign_in(USER)
    browser.submit(browser.form("birthdate"), **PATIENT)
    for forged in ("patient/*.rs", "user/MedicationDispense.rs", "patient/MedicationRequest.rs"):
        form = browser.form("decision")
        kept = browser.page
        answer = browser.submit(form, decision="allow", scope=["patient/Patient.rs", forged])
        assert (answer.status_code, answer.is_redirect) == (400, False)
        browser.page = kept
    answer = browser.submit(browser.form("decision"), decision="allow", scope=["patient/Patient.rs"])
    assert "code" in app.received(answer.headers["Location"])


def test_a_request_is_answered_once(browser: Browser, app: App) -> None:
    browser.start(app, "openid fhirUser")
    browser.sign_in(USER)
    form, kept = browser.form("decision"), browser.page
    assert "code" in app.received(browser.submit(form, decision="allow").headers["Location"])
    browser.page = kept
    again = browser.submit(form, decision="allow")
    assert (again.status_code, again.is_redirect) == (400, False)


def test_a_forged_consent_is_refused(browser: Browser, app: App, program: Program) -> None:
    browser.start(app, "openid fhirUser")
    browser.sign_in(USER)
    form = browser.form("decision")
    good = form.filled({"decision": "allow"})
    without = [(name, value) for name, value in good if name != "csrf"]
    assert browser.post("/auth/consent", without).status_code == 403
    assert browser.post("/auth/consent", [*without, ("csrf", "x" * 43)]).status_code == 403
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert browser.post("/auth/consent", good, **foreign).status_code == 403
    # Another browser, signed in as the same user, with the first one's form.
    other = Browser(program.gateway.base)
    other.start(app, "openid fhirUser")
    other.sign_in(USER)
    assert "code=" not in other.post("/auth/consent", good).headers.get("Location", "")
    # Nobody signed in.
    stranger = Browser(program.gateway.base).post("/auth/consent", good)
    assert "/auth/continue" in stranger.headers["Location"]
    assert "code" in app.received(browser.post("/auth/consent", good).headers["Location"])


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": None},
        {"code_verifier": ""},
        {"code_verifier": "a" * 43},
        {"code_verifier": "too-short"},
        {"code_verifier": "challenge"},
        {"redirect_uri": "https://app.example/other"},
        {"redirect_uri": f"{CALLBACK}/"},
        {"redirect_uri": f"{CALLBACK}\0"},
        {"code": "BAD_CODE"},
        {"code": "BAD\0CODE"},
    ],
)
def test_a_wrong_redemption_fails_and_spends_nothing(
    browser: Browser, program: Program, changes: dict[str, str | None]
) -> None:
    app = app_of(program)
    if changes.get("code_verifier") == "challenge":
        changes = {"code_verifier": app.challenge}
    code = granted(browser, app)
    refused(app.token(**{**app.code_form(code), **changes}), "invalid_grant")
    assert "access_token" in app.exchange(code)


def test_a_code_is_of_no_use_to_another_client(browser: Browser, program: Program) -> None:
    app, thief = app_of(program), app_of(program)
    code = granted(browser, app)
    refused(thief.token(**app.code_form(code)), "invalid_grant")
    assert "access_token" in app.exchange(code)


def test_a_code_lives_for_a_minute(browser: Browser, program: Program, module_settings: Settings) -> None:
    app = app_of(program)
    code = granted(browser, app)
    assert module_settings.database_url
    with psycopg.connect(module_settings.migration_database_url or "", autocommit=True) as owner:
        found = owner.execute(
            "SELECT extract(epoch FROM a.expires_at - c.created_at) FROM pdmp.authorization_code a"
            " JOIN pdmp.consent c USING (consent_id) WHERE c.client_id = %s",
            (app.client_id,),
        ).fetchone()
        assert found is not None
        assert found[0] == 60
        owner.execute(
            "UPDATE pdmp.authorization_code a SET expires_at = now() FROM pdmp.consent c"
            " WHERE c.consent_id = a.consent_id AND c.client_id = %s",
            (app.client_id,),
        )
    refused(app.token(**app.code_form(code)), "invalid_grant")


def test_a_code_that_comes_twice_ends_everything(browser: Browser, app: App) -> None:
    code = granted(browser, app)
    tokens = app.exchange(code)
    untouched = tokens_of(browser, app)
    assert search(app, tokens).status_code == 200
    refused(app.token(**app.code_form(code)), "invalid_grant")
    assert search(app, tokens).status_code == 401
    refused(app.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"]), "invalid_grant")
    assert search(app, untouched).status_code == 200


def test_of_parallel_redemptions_one_gets_tokens(browser: Browser, app: App) -> None:
    code = granted(browser, app)
    form = app.code_form(code)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: app.token(**form), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 7


def test_a_refresh_token_is_good_once_and_brings_the_next(browser: Browser, app: App) -> None:
    first = tokens_of(browser, app)
    second = app.refresh(first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"]
    assert second["scope"] == first["scope"]
    for member in ("patient", "need_patient_banner", "smart_style_url", "tenant"):
        assert second[member] == first[member]
    assert search(app, second).status_code == 200
    assert search(app, first).status_code == 200
    third = app.refresh(second["refresh_token"])
    # The first comes again: whoever brings it, all of it ends.
    refused(app.token(grant_type="refresh_token", refresh_token=first["refresh_token"]), "invalid_grant")
    refused(app.token(grant_type="refresh_token", refresh_token=third["refresh_token"]), "invalid_grant")
    assert search(app, third).status_code == 401


def test_a_refresh_may_ask_for_less_and_never_for_more(browser: Browser, app: App) -> None:
    tokens = tokens_of(browser, app)
    refresh = tokens["refresh_token"]
    for wrong in (
        f"{SCOPE} patient/MedicationRequest.rs",
        "patient/Patient.r",
        "patient/*.rs",
        "PATIENT/Patient.rs",
        " ",
    ):
        refused(app.token(grant_type="refresh_token", refresh_token=refresh, scope=wrong), "invalid_scope")
    less = app.refresh(refresh, scope="patient/Patient.rs launch/patient")
    assert less["scope"] == "patient/Patient.rs launch/patient"
    assert search(app, less).status_code == 403
    # RFC 6749 section 6: the new refresh token has the scope of the old one.
    assert app.refresh(less["refresh_token"])["scope"] == SCOPE


def test_a_refresh_token_is_of_no_use_to_another_client(browser: Browser, program: Program, app: App) -> None:
    tokens = tokens_of(browser, app)
    thief, confidential = app_of(program), app_of(program, "client_secret_basic")
    for other in (thief, confidential):
        refused(
            other.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"]), "invalid_grant"
        )
    assert "access_token" in app.refresh(tokens["refresh_token"])


def test_a_public_app_need_not_name_itself_to_refresh(browser: Browser, program: Program, app: App) -> None:
    def bare(token: str) -> requests.Response:
        form = {"grant_type": "refresh_token", "refresh_token": token}
        return requests.post(f"{app.base}/auth/token", data=form, timeout=10)

    answer = bare(tokens_of(browser, app)["refresh_token"])
    assert answer.status_code == 200, answer.text
    refused(bare("unknown"), "invalid_client", 401)
    confidential = app_of(program, "client_secret_basic")
    token = tokens_of(browser, confidential)["refresh_token"]
    refused(bare(token), "invalid_client")
    assert "access_token" in confidential.refresh(token)
    # A token that was used is no less stolen for coming without a name.
    used = answer.json()["refresh_token"]
    assert bare(used).status_code == 200
    refused(bare(used), "invalid_grant")


def test_a_confidential_app_shows_who_it_is_at_each_refresh(browser: Browser, program: Program) -> None:
    app = app_of(program, "client_secret_basic")
    tokens = tokens_of(browser, app)
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    bare = requests.post(f"{app.base}/auth/token", data={**form, "client_id": app.client_id}, timeout=30)
    assert bare.json()["error"] == "invalid_client"
    assert "access_token" in app.refresh(tokens["refresh_token"])


def test_of_parallel_refreshes_one_gets_tokens(browser: Browser, app: App) -> None:
    refresh = tokens_of(browser, app)["refresh_token"]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: app.token(grant_type="refresh_token", refresh_token=refresh), range(8))
        )
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 7


def test_without_a_scope_for_it_there_is_no_refresh_token(browser: Browser, app: App) -> None:
    tokens = tokens_of(browser, app, "launch/patient patient/Patient.rs")
    assert "refresh_token" not in tokens
    assert "id_token" not in tokens


def test_scopes_keep_the_apps_spelling_and_lose_repeats(browser: Browser, app: App) -> None:
    asked = "patient/MedicationDispense.read launch/patient patient/Patient.rs launch/patient"
    assert tokens_of(browser, app, asked)["scope"] == " ".join(dict.fromkeys(asked.split()))


def test_a_client_that_is_disabled_loses_its_codes_and_refresh_tokens(
    browser: Browser, program: Program
) -> None:
    app = app_of(program)
    tokens, code = tokens_of(browser, app), granted(browser, app)
    assert program.cli("clients", "disable", app.client_id).returncode == 0
    assert search(app, tokens).status_code == 401
    for form in (
        app.code_form(code),
        {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]},
    ):
        assert app.token(**form).json()["error"] == "invalid_client"


def test_an_account_that_is_disabled_gets_nothing_more(browser: Browser, program: Program) -> None:
    app = app_of(program)
    leaver = {"username": "leaver", "password": "correct horse battery 13"}
    words = ["--username", "leaver", "--role", "pharmacist", "--name", "Ina Gone", "--npi", "1999100864"]
    added = program.cli(
        "accounts", "add", *words, "--organization", CLINIC, "--password-stdin", stdin=leaver["password"]
    )
    assert added.returncode == 0, added.stderr
    answer = browser.authorize(app, SCOPE, user=leaver, patient=PATIENT)
    tokens = app.exchange(answer["code"])
    assert search(app, tokens).status_code == 200
    assert program.cli("accounts", "disable", "leaver").returncode == 0
    assert search(app, tokens).status_code in (401, 403)
    refused(app.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"]), "invalid_grant")
