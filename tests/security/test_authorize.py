"""Attacks on the authorization request: where the answer goes, and what it may ask for."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests

from gateway.auth.registration import disable_client
from tests.security.house import CALLBACK, WHO, House
from tests.support.smart_browser import App, Browser
from tests.support.smart_program import USER


@pytest.fixture
def app(house: House) -> App:
    return house.app()


def shown(answer: requests.Response) -> str:
    """Return the page that an answer is: no redirect, and nothing that runs or can be framed."""
    assert answer.status_code == 400, answer.text
    assert not answer.is_redirect
    assert "Location" not in answer.headers
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    return answer.text


def told(app: App, answer: requests.Response, error: str) -> dict[str, str]:
    """Return what the app was told, which is this error and no code."""
    assert answer.status_code == 303, answer.text
    members = app.received(answer.headers["Location"])
    assert members["error"] == error, members
    assert "code" not in members
    assert members["iss"] == app.base
    return members


@pytest.mark.parametrize(
    "evil",
    [
        "https://evil.example/redirect",
        f"{CALLBACK}/evil",
        f"{CALLBACK}.evil.example",
        f"{CALLBACK}/../evil",
        f"{CALLBACK}%2f..%2fevil",
        "https://app.example@evil.example/redirect",
        "https://app.example:8443/redirect",
        "https://APP.example/redirect",
        "HTTPS://app.example/redirect",
        "https://app.example/Redirect",
        f"{CALLBACK}/",
        f"{CALLBACK}?next=https://evil.example",
        f"{CALLBACK}#evil",
        f"{CALLBACK}\\@evil.example",
        f"{CALLBACK}\r\nSet-Cookie: x=y",
        f"\t{CALLBACK}",
        "https://app.example//redirect",
        "javascript:alert(1)",
        "//evil.example/redirect",
        "",
    ],
)
def test_a_redirect_uri_that_is_not_the_registered_text_gets_a_page(
    browser: Browser, app: App, evil: str
) -> None:
    for post in (False, True):
        page = shown(browser.start(app, WHO, post=post, redirect_uri=evil))
        assert "evil.example" not in page
    assert browser.start(app, WHO).status_code == 200


def test_a_loopback_address_takes_any_port_and_nothing_else(browser: Browser, house: House) -> None:
    app = house.app(redirect_uris=["http://127.0.0.1/callback"])
    for evil in (
        "http://127.0.0.1:8000/callback/",
        "http://127.0.0.1:8000@evil.example/callback",
        "http://127.0.0.1.evil.example/callback",
        "http://localhost:8000/callback",
        "http://127.0.0.2:8000/callback",
        "http://127.1:8000/callback",
        "https://127.0.0.1:8000/callback",
        "http://127.0.0.1:/callback",
    ):
        shown(browser.start(app, WHO, redirect_uri=evil))
    anywhere = "http://127.0.0.1:50123/callback"
    answer = browser.authorize(App(app.base, app.client_id, anywhere), WHO, user=USER, redirect_uri=anywhere)
    assert "code" in answer


def test_a_client_that_is_unknown_or_disabled_gets_one_and_the_same_page(
    browser: Browser, house: House, app: App
) -> None:
    gone = house.app()
    disable_client(house.services.database, gone.client_id)
    pages = [
        shown(browser.start(app, WHO, client_id=client_id))
        for client_id in ("nobody", gone.client_id, "' OR 1=1 --", "x" * 5000, "\0", "<script>alert(1)")
    ]
    # A wrong redirect URI of a known client too: which ids exist is nobody's business.
    pages.append(shown(browser.start(app, WHO, redirect_uri="https://evil.example/")))
    assert len(set(pages)) == 1
    assert browser.start(app, WHO).status_code == 200


def test_what_was_sent_comes_back_encoded_and_on_no_page(browser: Browser, app: App) -> None:
    evil = "\"><script>alert(1)</script>&code=stolen&iss=https://evil.example#'\r\nX: y"
    answer = browser.start(app, WHO, state=evil, response_type="token")
    location = answer.headers["Location"]
    assert told(app, answer, "unsupported_response_type")["state"] == evil
    assert "<" not in location
    assert "\n" not in location
    assert [name for name, _ in parse_qsl(urlsplit(location).query)] == [
        "error",
        "error_description",
        "state",
        "iss",
    ]
    assert answer.text == ""
    # On pages the app's texts stand as text.
    for changes in ({"login_hint": evil}, {"client_id": evil}, {"redirect_uri": evil}):
        assert "<script>" not in browser.start(app, WHO, **changes).text
    page = browser.get(f"/auth/continue?{urlencode({'request': evil})}")
    assert "<script>" not in shown(page)
    # The same state with nothing wrong: it comes back whole, with a code.
    app.state = evil
    good = browser.authorize(app, WHO, user=USER)
    assert (good["state"], "code" in good) == (evil, True)


def test_an_apps_own_name_can_not_write_on_our_pages(browser: Browser, house: House) -> None:
    named = house.app(client_name="<img src=x onerror=alert(1)>Evil & Co")
    page = browser.start(named, WHO)
    assert page.status_code == 200
    assert "<img" not in page.text
    assert "Evil &amp; Co" in page.text


@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": None},
        {"code_challenge": ""},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": None},
        {"code_challenge_method": "s256"},
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge": "short"},
        {"code_challenge": "=" * 43},
        {"code_challenge": "a" * 44},
    ],
)
def test_a_request_without_a_proof_of_possession_is_refused(
    browser: Browser, house: House, changes: dict[str, str | None]
) -> None:
    for method in ("none", "client_secret_basic"):
        app = house.app(method)
        told(app, browser.start(app, WHO, **changes), "invalid_request")
        assert browser.start(app, WHO).status_code == 200


def test_every_answer_says_which_server_it_is_from(browser: Browser, house: House, app: App) -> None:
    known = requests.get(f"{house.base}/.well-known/smart-configuration", timeout=30).json()
    assert known["authorization_response_iss_parameter_supported"] is True
    good = browser.authorize(app, WHO, user=USER)
    bad = told(app, browser.start(app, WHO, response_type="token"), "unsupported_response_type")
    denied = browser.authorize(app, WHO, decision="deny")
    assert denied["error"] == "access_denied"
    assert {good["iss"], bad["iss"], denied["iss"]} == {known["issuer"]}
    # Of two values a mixed-up app could read the wrong one.
    asked = urlencode({**app.request(WHO), "iss": "https://evil.example"})
    browser.follow(browser.get(f"/auth/authorize?{asked}"))
    answer = browser.submit(browser.form("decision"), decision="allow")
    issuers = [
        value for name, value in parse_qsl(urlsplit(answer.headers["Location"]).query) if name == "iss"
    ]
    assert issuers == [known["issuer"]]


@pytest.mark.parametrize("name", ["aud", "resource"])
def test_a_request_for_another_servers_data_is_refused(
    browser: Browser, house: House, app: App, name: str
) -> None:
    good = house.fhir
    for evil in (
        None,
        "",
        "https://evil.example/fhir",
        house.base,
        f"{good}//",
        f"{good}/Patient",
        f"{good}?x",
        f"{good}#x",
        good.upper(),
        good.replace("http:", "https:"),
        f"{good} https://evil.example/fhir",
        good.replace("localhost", "localhost."),
        good.replace("localhost", "127.0.0.1"),
    ):
        changes = {"aud": None, name: evil}
        told(app, browser.start(app, WHO, **changes), "invalid_request")
    told(app, browser.start(app, WHO, aud=good, resource="https://evil.example/fhir"), "invalid_request")
    for fine in (good, f"{good}/"):
        assert browser.start(app, WHO, **{"aud": None, name: fine}).status_code == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "id_token"}, "unsupported_response_type"),
        ({"response_type": "code token"}, "unsupported_response_type"),
        ({"response_type": "code id_token token"}, "unsupported_response_type"),
        ({"response_type": "none"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"response_mode": "web_message"}, "invalid_request"),
        ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
        ({"request_uri": "http://169.254.169.254/latest"}, "request_uri_not_supported"),
        ({"registration": "{}"}, "registration_not_supported"),
    ],
)
def test_only_a_code_in_the_query_is_to_be_had(
    browser: Browser, app: App, changes: dict[str, str | None], error: str
) -> None:
    answer = browser.start(app, WHO, **changes)
    told(app, answer, error)
    assert urlsplit(answer.headers["Location"]).fragment == ""
    assert browser.start(app, WHO, response_mode="query").status_code == 200


def test_a_parameter_that_comes_twice_is_refused(browser: Browser, app: App) -> None:
    asked = list(app.request(WHO).items())
    ours = {"redirect_uri": CALLBACK, "client_id": app.client_id}
    for name, first in asked:
        for pairs in ([*asked, (name, "evil")], [(name, "evil"), *asked], [*asked, (name, first)]):
            for answer in (
                browser.get(f"/auth/authorize?{urlencode(pairs)}"),
                browser.post("/auth/authorize", pairs),
            ):
                if name in ours:
                    shown(answer)
                else:
                    told(app, answer, "invalid_request")
    # A post whose address holds parameters too has them twice in another way.
    shown(browser.post(f"/auth/authorize?{urlencode(asked)}", asked))
    assert browser.start(app, WHO).status_code == 200


def test_a_token_request_with_a_parameter_twice_is_refused(house: House, app: App) -> None:
    code = house.code(app, WHO)
    form = [(name, value) for name, value in app.code_form(code).items() if value]
    form.append(("client_id", app.client_id))
    for name, _ in form:
        answer = requests.post(f"{house.base}/auth/token", data=[*form, (name, "evil")], timeout=30)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert "access_token" in app.exchange(code)
