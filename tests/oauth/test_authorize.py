"""The authorization endpoint: which requests a user is asked about, and what becomes of the others."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from gateway.auth.registration import disable_client, register_client
from gateway.oauth.authorize import registered
from gateway.services import Services
from tests.support.smart_browser import App

BASE = "http://localhost:8000"
CALLBACK = "https://app.example/callback"
SCOPE = "launch/patient patient/MedicationDispense.rs"
REGISTERED = (
    "launch launch/patient openid fhirUser profile offline_access online_access "
    "patient/*.cruds user/MedicationDispense.rs patient/*.read"
)


def app_of(services: Services, **changes: Any) -> App:
    metadata = {
        "client_name": "An app",
        "redirect_uris": [CALLBACK],
        "scope": REGISTERED,
        "token_endpoint_auth_method": "none",
        **changes,
    }
    made = register_client(services.database, metadata)
    return App(BASE, made["client_id"], metadata["redirect_uris"][0])


@pytest.fixture(scope="module")
def app(services: Services) -> App:
    return app_of(services)


def ask(http: FlaskClient, parameters: dict[str, str] | list[tuple[str, str]]) -> TestResponse:
    return http.get(f"/auth/authorize?{urlencode(parameters)}")


def accepted(answer: TestResponse) -> bool:
    location = answer.headers.get("Location", "")
    return answer.status_code == 303 and location.startswith(f"{BASE}/auth/continue?request=")


def told(answer: TestResponse, redirect_uri: str = CALLBACK) -> dict[str, str]:
    """Return what the app is told; the answer must be a redirect to it, of which nobody keeps a copy."""
    assert answer.status_code == 303, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    location = answer.headers["Location"]
    assert location.split("?")[0] == redirect_uri.split("?")[0]
    pairs = parse_qsl(urlsplit(location).query, keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def refused(http: FlaskClient, app: App, error: str, **changes: str | None) -> None:
    """The app is told this error, with its state and our issuer, and gets no code; unharmed it works."""
    assert accepted(ask(http, app.request(SCOPE)))
    asked = app.request(changes.pop("scope", SCOPE) or "", **changes)
    members = told(ask(http, asked))
    assert members["error"] == error
    assert members["error_description"].isascii()
    assert members["iss"] == BASE
    assert "code" not in members
    if "state" in asked:
        assert members["state"] == asked["state"]


def shown(answer: TestResponse) -> None:
    """The answer is a page of ours, and leads nowhere."""
    assert (answer.status_code, answer.mimetype) == (400, "text/html")
    assert "Location" not in answer.headers
    assert "code=" not in answer.text


def test_get_and_post_are_the_same(http: FlaskClient, app: App) -> None:
    assert accepted(ask(http, app.request(SCOPE)))
    assert accepted(http.post("/auth/authorize", data=app.request(SCOPE)))
    # An app on another site posts from its own pages.
    headers = {"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"}
    assert accepted(http.post("/auth/authorize", data=app.request(SCOPE), headers=headers))


def test_nothing_of_a_request_lies_in_a_cookie(http: FlaskClient, app: App) -> None:
    answer = ask(http, app.request(SCOPE, state="s" * 3000))
    assert accepted(answer)
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("method", ["get", "post"])
def test_an_unknown_client_gets_a_page_and_no_redirect(http: FlaskClient, app: App, method: str) -> None:
    asked = app.request(SCOPE, client_id="nobody")
    answer = ask(http, asked) if method == "get" else http.post("/auth/authorize", data=asked)
    shown(answer)


def test_a_client_that_is_disabled_is_like_one_that_never_was(http: FlaskClient, services: Services) -> None:
    gone = app_of(services)
    assert accepted(ask(http, gone.request(SCOPE)))
    disable_client(services.database, gone.client_id)
    disabled = ask(http, gone.request(SCOPE))
    shown(disabled)
    assert disabled.text == ask(http, gone.request(SCOPE, client_id="nobody")).text


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/callback",
        f"{CALLBACK}/",
        f"{CALLBACK}/more",
        f"{CALLBACK}?more=1",
        f"{CALLBACK}#fragment",
        "https://app.example/x/../callback",
        "https://app.example/Callback",
        "https://APP.example/callback",
        "https://app.example:443/callback",
        "https://app.example@evil.example/callback",
        "http://app.example/callback",
        "https://app.example/callback%00",
        "//app.example/callback",
        "javascript:alert(1)",
        " https://app.example/callback",
    ],
)
def test_a_redirect_uri_is_the_registered_string_or_nothing(http: FlaskClient, app: App, uri: str) -> None:
    assert accepted(ask(http, app.request(SCOPE)))
    shown(ask(http, app.request(SCOPE, redirect_uri=uri)))


def test_client_and_redirect_uri_come_once_each_and_are_needed(http: FlaskClient, app: App) -> None:
    for name in ("client_id", "redirect_uri"):
        shown(ask(http, app.request(SCOPE, **{name: None})))
        shown(ask(http, [*app.request(SCOPE).items(), (name, app.request(SCOPE)[name])]))


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_a_loopback_address_takes_any_port_and_nothing_else(
    http: FlaskClient, services: Services, host: str
) -> None:
    native = app_of(services, redirect_uris=[f"http://{host}:4000/cb"])
    for good in (f"http://{host}:51234/cb", f"http://{host}/cb", f"http://{host}:4000/cb"):
        assert accepted(ask(http, native.request(SCOPE, redirect_uri=good)))
    for bad in (
        f"http://{host}:51234/cb/",
        f"http://{host}:51234/other",
        f"http://{host}:51234/cb?x=1",
        f"http://{host}:x/cb",
        f"http://{host}:1@evil.example/cb",
        f"https://{host}:51234/cb",
        "http://localhost:51234/cb",
        "http://127.0.0.2:51234/cb",
    ):
        shown(ask(http, native.request(SCOPE, redirect_uri=bad)))


def test_a_name_of_loopback_takes_its_own_port_only() -> None:
    assert registered("http://localhost:4000/cb", ["http://localhost:4000/cb"])
    assert not registered("http://localhost:4001/cb", ["http://localhost:4000/cb"])


@pytest.mark.parametrize("name", ["response_type", "scope", "state", "aud", "code_challenge"])
def test_what_is_required_is_missed(http: FlaskClient, app: App, name: str) -> None:
    changes: dict[str, Any] = {name: None}
    if name == "scope":
        asked = app.request(SCOPE)
        del asked["scope"]
        assert told(ask(http, asked))["error"] == "invalid_request"
        return
    refused(http, app, "invalid_request", **changes)


@pytest.mark.parametrize(
    ("error", "changes"),
    [
        ("unsupported_response_type", {"response_type": "token"}),
        ("unsupported_response_type", {"response_type": "code id_token"}),
        ("invalid_request", {"response_mode": "fragment"}),
        ("invalid_request", {"response_mode": "form_post"}),
        ("request_not_supported", {"request": "e30.e30."}),
        ("request_uri_not_supported", {"request_uri": "http://169.254.169.254/latest"}),
        ("registration_not_supported", {"registration": "{}"}),
        ("invalid_request", {"code_challenge_method": "plain"}),
        ("invalid_request", {"code_challenge_method": None}),
        ("invalid_request", {"code_challenge_method": "s256"}),
        ("invalid_request", {"code_challenge": "short"}),
        ("invalid_request", {"code_challenge": "=" * 43}),
        ("invalid_request", {"prompt": "none login"}),
        ("invalid_request", {"prompt": "dance"}),
        ("invalid_request", {"max_age": "-1"}),
        ("invalid_request", {"max_age": "1e3"}),
        ("invalid_request", {"nonce": "n" * 501}),
        ("invalid_request", {"aud": "https://inferno.healthit.gov/invalid_aud"}),
        ("invalid_request", {"aud": BASE}),
        ("invalid_request", {"aud": f"{BASE}/fhir//"}),
        ("invalid_request", {"aud": f"{BASE}/FHIR"}),
        ("invalid_request", {"resource": "https://evil.example/fhir"}),
        ("invalid_request", {"launch": "anything"}),
        ("invalid_request", {"scope": f"launch {SCOPE}"}),
        ("invalid_request", {"scope": f"launch {SCOPE}", "launch": "unknown"}),
        ("invalid_request", {"scope": f"launch {SCOPE}", "launch": "x" * 5000}),
        ("invalid_scope", {"scope": "patient/Patient.dus"}),
        ("invalid_scope", {"scope": "system/MedicationDispense.rs"}),
        ("invalid_scope", {"scope": "launch/patient user/Patient.rs"}),
        ("invalid_scope", {"scope": "patient/MedicationDispense.rs?subject=x"}),
        ("invalid_scope", {"scope": "patient/MedicationDispense.rs?status:not=x"}),
        ("invalid_scope", {"scope": "launch/encounter"}),
        ("invalid_scope", {"scope": "patient/Patient.cud"}),
        ("invalid_scope", {"scope": f"{SCOPE} x{'y' * 4000}"}),
    ],
)
def test_what_is_wrong_is_told_to_the_app(
    http: FlaskClient, app: App, error: str, changes: dict[str, str | None]
) -> None:
    refused(http, app, error, **changes)


def test_the_audience_may_end_in_a_slash_and_be_called_resource(http: FlaskClient, app: App) -> None:
    for changes in (
        {"aud": f"{BASE}/fhir/"},
        {"aud": None, "resource": f"{BASE}/fhir"},
        {"resource": f"{BASE}/fhir/"},
    ):
        assert accepted(ask(http, app.request(SCOPE, **changes)))


@pytest.mark.parametrize("name", ["state", "scope", "aud", "code_challenge", "response_type", "unheard_of"])
def test_a_parameter_that_comes_twice_is_refused(http: FlaskClient, app: App, name: str) -> None:
    asked = [*app.request(SCOPE).items(), (name, "x")]
    if name == "unheard_of":
        asked.append((name, "y"))
    members = told(ask(http, asked))
    assert members["error"] == "invalid_request"
    # Of two states neither is the app's.
    assert ("state" in members) == (name != "state")


def test_what_is_not_known_is_ignored_and_an_empty_value_is_none(http: FlaskClient, app: App) -> None:
    assert accepted(ask(http, app.request(SCOPE, unheard_of="x", display="page", ui_locales="en")))
    assert accepted(ask(http, app.request(SCOPE, launch="", request="", nonce="")))
    assert told(ask(http, app.request(SCOPE, aud="")))["error"] == "invalid_request"


def test_a_client_that_is_not_registered_for_codes_gets_none(http: FlaskClient, services: Services) -> None:
    made = app_of(services)
    with services.database.connection() as connection:
        connection.execute(
            "UPDATE client SET metadata = metadata || '{\"grant_types\": []}' WHERE client_id = %s",
            (made.client_id,),
        )
    assert told(ask(http, made.request(SCOPE)))["error"] == "unauthorized_client"


def test_a_redirect_uri_keeps_its_own_query(http: FlaskClient, services: Services) -> None:
    made = app_of(services, redirect_uris=[f"{CALLBACK}?tenant=a%20b&x="])
    location = ask(http, made.request(SCOPE, aud="wrong")).headers["Location"]
    assert location.startswith(f"{CALLBACK}?tenant=a%20b&x=&error=invalid_request&")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    state=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=300)
)
def test_a_state_comes_back_as_it_was(http: FlaskClient, app: App, state: str) -> None:
    assert told(ask(http, app.request(SCOPE, state=state, aud="wrong")))["state"] == state


def test_a_long_state_comes_back_whole(http: FlaskClient, app: App) -> None:
    state = secrets.token_urlsafe(3000)[:3000] + "<script>&=+%20\"'é"
    for answer in (
        ask(http, app.request(SCOPE, state=state, aud="wrong")),
        http.post("/auth/authorize", data=app.request(SCOPE, state=state, aud="wrong")),
    ):
        assert told(answer)["state"] == state
        assert "<script>" not in answer.headers["Location"]


def test_what_no_utf_8_is_gets_a_page(http: FlaskClient, app: App) -> None:
    asked = urlencode(app.request(SCOPE))
    shown(http.get(f"/auth/authorize?{asked}&extra=%ff%fe"))
    shown(http.post(f"/auth/authorize?{asked}", data=app.request(SCOPE)))
    shown(http.post("/auth/authorize", json=app.request(SCOPE)))


def test_a_nul_is_no_server_error(http: FlaskClient, app: App) -> None:
    for name in ("state", "nonce", "login_hint", "launch", "scope", "aud", "unheard_of"):
        asked = app.request(SCOPE)
        asked[name] = asked.get(name, "") + "\0"
        assert ask(http, asked).status_code == 303
    for name in ("client_id", "redirect_uri"):
        asked = app.request(SCOPE)
        shown(ask(http, {**asked, name: asked[name] + "\0"}))


def test_a_request_that_is_unknown_gets_a_page(http: FlaskClient) -> None:
    for handle in ("", "unknown", quote("\0"), "x" * 3000):
        shown(http.get(f"/auth/continue?request={handle}"))
