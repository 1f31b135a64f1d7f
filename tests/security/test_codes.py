"""Attacks on authorization codes: played again, carried elsewhere, too late, without the proof."""

from __future__ import annotations

import pytest

from tests.security.house import CALLBACK, SCOPE, WHO, House, refused
from tests.support.smart_browser import App, Browser
from tests.support.smart_program import USER


@pytest.fixture(params=["none", "client_secret_basic"])
def app(house: House, request: pytest.FixtureRequest) -> App:
    return house.app(request.param)


def test_a_code_that_is_played_again_ends_all_that_came_of_it(house: House, app: App) -> None:
    browser = house.browser()
    code = house.code(app, browser=browser)
    tokens = app.exchange(code)
    untouched = house.tokens(app, browser=browser)
    newer = app.refresh(tokens["refresh_token"])
    assert house.dispenses(tokens).status_code == house.dispenses(newer).status_code == 200
    refused(app.token(**app.code_form(code)), "invalid_grant")
    for ended in (tokens, newer):
        assert house.dispenses(ended).status_code == 401
        assert house.introspected(app, ended["access_token"]) == {"active": False}
        assert house.introspected(app, ended["refresh_token"]) == {"active": False}
        refused(app.token(grant_type="refresh_token", refresh_token=ended["refresh_token"]), "invalid_grant")
    # It is on record and in the log, and what else the user granted stands.
    (_, because), (_, still) = house.consents(app)
    assert (because, still) == ("code used twice", "")
    assert '"code_replayed"' in house.log()
    assert house.dispenses(untouched).status_code == 200


def test_a_thief_who_plays_a_code_again_gets_nothing_and_ends_it(house: House, app: App) -> None:
    code = house.code(app, WHO)
    tokens = app.exchange(code)
    thief = house.app()
    refused(thief.token(**app.code_form(code)), "invalid_grant")
    assert house.introspected(app, tokens["access_token"]) == {"active": False}
    assert house.introspected(app, house.tokens(app, WHO)["access_token"])["active"] is True


def test_a_code_is_of_no_use_to_another_client_or_at_another_address(house: House, app: App) -> None:
    code = house.code(app, WHO)
    for thief in (house.app(), house.app("client_secret_basic")):
        refused(thief.token(**app.code_form(code)), "invalid_grant")
    for uri in (f"{CALLBACK}/", "https://app.example/other", "https://evil.example", f"{CALLBACK}?x"):
        refused(app.token(**app.code_form(code, redirect_uri=uri)), "invalid_grant")
    refused(app.token(**app.code_form(code, redirect_uri=None)), "invalid_request")
    # A wrong attempt spends nothing: nobody can spoil a user's code by guessing.
    assert app.exchange(code)["scope"] == WHO


def test_a_code_of_a_confidential_client_takes_its_secret(house: House) -> None:
    app = house.app("client_secret_basic")
    code = house.code(app, WHO)
    public = App(app.base, app.client_id, app.redirect_uri, verifier=app.verifier)
    refused(public.token(**app.code_form(code)), "invalid_client")
    wrong = App(app.base, app.client_id, app.redirect_uri, secret="x" * 43, verifier=app.verifier)
    refused(wrong.token(**app.code_form(code)), "invalid_client", 401)
    refused(public.token(**app.code_form(code, client_secret=app.secret)), "invalid_client", 401)
    assert app.exchange(code)["scope"] == WHO


def test_a_code_is_worth_nothing_after_its_minute(house: House, app: App) -> None:
    browser = house.browser()
    code = house.code(app, WHO, browser=browser)
    ((lives,),) = house.as_owner(
        "SELECT extract(epoch FROM a.expires_at - k.created_at)::int FROM authorization_code a"
        " JOIN consent k USING (consent_id) WHERE k.client_id = %(client_id)s",
        client_id=app.client_id,
    )
    assert lives <= 60
    later = house.code(app, WHO, browser=browser)
    house.as_owner(
        "UPDATE authorization_code SET expires_at = now() - interval '1 ms' WHERE consent_id ="
        " (SELECT consent_id FROM consent WHERE client_id = %(client_id)s ORDER BY created_at LIMIT 1)",
        client_id=app.client_id,
    )
    refused(app.token(**app.code_form(code)), "invalid_grant")
    assert app.exchange(later)["scope"] == WHO


@pytest.mark.parametrize(
    "verifier",
    [None, "", "a" * 43, "short", "x" * 129, "challenge", "ä" * 43, "verifier\0", "verifier ", "VERIFIER"],
)
def test_a_code_takes_the_verifier_of_its_challenge(
    house: House, signed_in: Browser, verifier: str | None
) -> None:
    app = house.app()
    code = house.code(app, WHO, browser=signed_in)
    named = {
        "challenge": app.challenge,
        "verifier\0": f"{app.verifier}\0",
        "verifier ": f"{app.verifier} ",
        "VERIFIER": app.verifier.swapcase(),
    }
    wrong = named.get(verifier, verifier) if verifier else verifier
    refused(app.token(**app.code_form(code, code_verifier=wrong)), "invalid_grant")
    assert app.exchange(code)["scope"] == WHO


def test_a_code_that_was_cut_changed_or_invented_is_none(house: House, app: App) -> None:
    code = house.code(app, WHO)
    for wrong in (code[:-1], f"{code}A", code.swapcase(), f" {code}", "' OR '1'='1", "\0", "%00", "ü" * 50):
        refused(app.token(**app.code_form(wrong)), "invalid_grant")
    refused(app.token(**{**app.code_form(code), "code": None}), "invalid_request")
    # Nor is a code a refresh token, a handle or an access token.
    refused(app.token(grant_type="refresh_token", refresh_token=code), "invalid_grant")
    assert house.introspected(app, code) == {"active": False}
    assert app.exchange(code)["scope"] == WHO


def test_a_request_is_answered_by_one_code_however_often_the_user_says_yes(
    house: House, browser: Browser
) -> None:
    app = house.app()
    browser.start(app, WHO)
    browser.sign_in(USER)
    form = browser.form("decision").filled({"decision": "allow"})
    assert "code" in app.received(browser.post("/auth/consent", form).headers["Location"])
    again = browser.post("/auth/consent", form)
    assert (again.status_code, again.is_redirect) == (400, False)
    assert len(house.consents(app)) == 1


def test_scopes_of_users_are_not_to_be_had_without_one(house: House) -> None:
    app = house.app("client_secret_basic")
    refused(app.token(grant_type="client_credentials", scope=SCOPE), "unauthorized_client")
    for grant_type in ("password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer", "x"):
        answer = app.token(grant_type=grant_type, username=USER["username"], password=USER["password"])
        refused(answer, "unsupported_grant_type")
    assert app.exchange(house.code(app, WHO))["scope"] == WHO
