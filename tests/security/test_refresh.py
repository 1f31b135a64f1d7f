"""Attacks on refresh tokens: used again after rotation, by another client, after what they stood on ended."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from gateway.auth.registration import disable_client
from tests.oauth.test_launched_flow import sign_out
from tests.security.house import SCOPE, WHO, House, refused
from tests.support.smart_browser import App, Browser
from tests.support.smart_program import USER


@pytest.fixture(params=["none", "client_secret_basic"])
def app(house: House, request: pytest.FixtureRequest) -> App:
    return house.app(request.param)


def no_more(house: House, app: App, tokens: dict[str, Any]) -> None:
    """Assert that neither the refresh token nor the access token of an answer is worth anything."""
    refused(app.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"]), "invalid_grant")
    assert house.introspected(app, tokens["refresh_token"]) == {"active": False}
    assert house.introspected(app, tokens["access_token"]) == {"active": False}
    user = house.get(f"Practitioner/{tokens.get('patient', 'x')}", tokens["access_token"])
    # 403 where the token is ours still, and its user is nobody's.
    assert user.status_code in (401, 403)


def test_a_refresh_token_that_comes_again_ends_the_whole_family(
    house: House, app: App, signed_in: Browser
) -> None:
    first = house.tokens(app, browser=signed_in)
    untouched = house.tokens(app, WHO, browser=signed_in)
    second = app.refresh(first["refresh_token"])
    third = app.refresh(second["refresh_token"])
    assert len({one["refresh_token"] for one in (first, second, third)}) == 3
    assert house.dispenses(third).status_code == 200
    refused(app.token(grant_type="refresh_token", refresh_token=first["refresh_token"]), "invalid_grant")
    for ended in (first, second, third):
        no_more(house, app, ended)
    assert house.consents(app)[0][1] == "refresh token used twice"
    assert '"refresh_token_replayed"' in house.log()
    assert app.refresh(untouched["refresh_token"])["scope"] == WHO


def test_a_reuse_by_a_thief_ends_the_family_too(house: House, app: App, signed_in: Browser) -> None:
    first = house.tokens(app, WHO, browser=signed_in)
    second = app.refresh(first["refresh_token"])
    thief = house.app()
    refused(thief.token(grant_type="refresh_token", refresh_token=first["refresh_token"]), "invalid_grant")
    no_more(house, app, second)
    assert app.refresh(house.tokens(app, WHO, browser=signed_in)["refresh_token"])["access_token"]


def test_a_fresh_refresh_token_is_of_no_use_to_another_client(
    house: House, app: App, signed_in: Browser
) -> None:
    tokens = house.tokens(app, WHO, browser=signed_in)
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    for thief in (house.app(), house.app("client_secret_basic")):
        refused(thief.token(**form), "invalid_grant")
        assert house.introspected(thief, tokens["refresh_token"]) == {"active": False}
    if app.secret:
        # Nor to somebody who says to be this client.
        bare = App(app.base, app.client_id, app.redirect_uri)
        refused(bare.token(**form), "invalid_client")
        # Nor to somebody who does not say who it is.
        refused(requests.post(f"{app.base}/auth/token", data=form, timeout=30), "invalid_client")
    # It was neither spent nor ended by that.
    assert app.refresh(tokens["refresh_token"])["scope"] == WHO


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE consent SET revoked_at = now() WHERE consent_id = %(consent)s",
        "UPDATE consent SET expires_at = now() WHERE consent_id = %(consent)s",
        "UPDATE account SET disabled_at = now()"
        " WHERE account_id = (SELECT account_id FROM consent WHERE consent_id = %(consent)s)",
    ],
)
def test_a_refresh_token_ends_with_what_it_stands_on(house: House, statement: str) -> None:
    app, user = house.app(), house.account()
    other = house.tokens(house.app(), WHO)
    tokens = app.refresh(house.tokens(app, WHO, user=user)["refresh_token"])
    ((consent, _),) = house.consents(app)
    house.as_owner(statement, consent=consent)
    no_more(house, app, tokens)
    assert house.get("metadata", other["access_token"]).status_code == 200


def test_a_refresh_token_ends_with_its_client(house: House, signed_in: Browser) -> None:
    app, other = house.app("client_secret_basic"), house.app()
    tokens = house.tokens(app, SCOPE, browser=signed_in)
    kept = house.tokens(other, SCOPE, browser=signed_in)
    disable_client(house.services.database, app.client_id)
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    refused(app.token(**form), "invalid_client", 401)
    refused(other.token(**form), "invalid_grant")
    assert house.dispenses(tokens).status_code == 401
    assert house.dispenses(other.refresh(kept["refresh_token"])).status_code == 200


def test_sign_out_ends_online_access_at_once_and_offline_access_not(house: House, browser: Browser) -> None:
    app = house.app()
    online = house.tokens(app, WHO.replace("offline", "online"), browser=browser)
    offline = house.tokens(app, WHO, browser=browser)
    online = app.refresh(online["refresh_token"])
    browser.start(app, WHO)
    browser.submit(sign_out(browser))
    no_more(house, app, online)
    assert app.refresh(offline["refresh_token"])["scope"] == WHO


def test_a_refresh_token_given_back_ends_the_family_and_an_access_token_itself_alone(
    house: House, signed_in: Browser
) -> None:
    app = house.app()
    tokens = house.tokens(app, SCOPE, browser=signed_in)
    url = f"{house.base}/auth/revoke"
    given = {"client_id": app.client_id, "token": tokens["access_token"]}
    assert requests.post(url, data=given, timeout=30).status_code == 200
    assert house.dispenses(tokens).status_code == 401
    tokens = app.refresh(tokens["refresh_token"])
    assert house.dispenses(tokens).status_code == 200
    given["token"] = tokens["refresh_token"]
    assert requests.post(url, data=given, timeout=30).status_code == 200
    no_more(house, app, tokens)


def test_a_refresh_asks_for_no_more_than_was_granted(house: House, signed_in: Browser) -> None:
    app = house.app()
    tokens = house.tokens(app, f"{WHO} launch/patient patient/Patient.r", browser=signed_in)
    for more in (
        f"{tokens['scope']} patient/MedicationDispense.rs",
        "patient/Patient.rs",
        "patient/*.r",
        "patient/*.cruds",
        "user/Patient.r",
        "system/Patient.r",
        "online_access",
        "__introspect",
        "patient/Patient.r?x=y",
        "\0",
    ):
        answer = app.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"], scope=more)
        refused(answer, "invalid_scope")
    # The attempts spent nothing; what is narrowed once is narrowed for that token only.
    less = app.refresh(tokens["refresh_token"], scope="patient/Patient.r")
    assert less["scope"] == "patient/Patient.r"
    assert "id_token" not in less
    told = house.introspected(app, less["access_token"])
    assert told["scope"] == "patient/Patient.r"
    assert app.refresh(less["refresh_token"])["scope"] == tokens["scope"]


def test_what_is_no_refresh_token_refreshes_nothing(house: House, app: App, signed_in: Browser) -> None:
    tokens = house.tokens(app, WHO, browser=signed_in)
    refresh = tokens["refresh_token"]
    for wrong in (
        tokens["access_token"],
        tokens["id_token"],
        refresh[:-1],
        f"{refresh}A",
        refresh.swapcase(),
        f"{refresh} ",
        "' OR '1'='1",
        "\0",
        "x" * 20_000,
    ):
        refused(app.token(grant_type="refresh_token", refresh_token=wrong), "invalid_grant")
    refused(app.token(grant_type="refresh_token"), "invalid_request")
    assert app.refresh(refresh)["scope"] == WHO
    assert USER["password"] not in house.log()
