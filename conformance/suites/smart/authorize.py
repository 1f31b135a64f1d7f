"""Authorization requests that must fail, and how: at a page, or back at the app with an error of RFC 6749."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable
from urllib.parse import urlencode

from conformance.run.outcomes import Omit, Skip, Test, expect
from conformance.suites.smart.browser import Landing
from conformance.suites.smart.flow import Flow, any_kind, challenge_of
from conformance.suites.smart.launches import verifier
from conformance.suites.smart.session import KINDS, SmartSession


def _app(session: SmartSession, **changes: str | None) -> Flow:
    return Flow(session, session.client(any_kind(session)), changes=changes)


def invalid_aud(session: SmartSession) -> None:
    """With another server as aud, or none, there is no code."""
    for aud in ("https://inferno.healthit.gov/invalid_aud", session.fhir + "x", None):
        expect_no_code(_app(session, aud=aud).landing(), f"aud {aud}")


def resource(session: SmartSession) -> None:
    """`resource` may stand for aud; the two may not differ."""
    flow = _app(session, aud=None, resource=session.fhir)
    found = flow.returned()
    if found.get("error") in ("invalid_request", "invalid_target"):
        raise Omit("resource is not taken as a synonym")
    expect(found.get("code"), "no code")
    expect_no_code(_app(session, resource="https://other.example/fhir").landing(), "another resource")


def unknown_client(session: SmartSession) -> None:
    """An unknown client is told to the user, not sent anywhere."""
    flow = _app(session, client_id=f"nobody-{secrets.token_hex(8)}")
    expect_page(flow.landing(), "an unknown client")


def redirect_uris(session: SmartSession) -> None:
    """Redirect URIs are compared as whole texts; an error is never sent to one that is not registered."""
    registered = session.client(any_kind(session)).redirect_uri
    for other in (
        f"{registered}/more",
        f"{registered}?x=1",
        f"{registered}#x",
        registered[:-1],
        registered.swapcase(),
        "https://attacker.invalid/callback",
        "javascript:alert(1)",
        "",
        None,
    ):
        landing = _strict(session, redirect_uri=other)
        expect_page(landing, f"redirect_uri {other!r}")


def pkce(session: SmartSession) -> None:
    """Every client needs a challenge by S256."""
    for changes in (
        {"code_challenge": None},
        {"code_challenge": ""},
        {"code_challenge_method": None},
        {"code_challenge_method": "plain"},
    ):
        landing = Flow(session, session.client(any_kind(session)), changes=dict(changes)).landing()
        expect_error(landing, ("invalid_request",), f"{changes}")


def wrong_request(*errors: str, **changes: str | None) -> Callable[[SmartSession], None]:
    """Return the test that such a request comes back with one of these errors and its state."""

    def test(session: SmartSession) -> None:
        flow = _app(session, **changes)
        expect_error(flow.landing(), errors, str(changes), flow.state)

    return test


def denied(session: SmartSession) -> None:
    """The user says no."""
    flow = Flow(session, session.client(any_kind(session)), values={"decision": "deny"})
    expect_error(flow.landing(), ("access_denied",), "denied", flow.state)


def long_state(session: SmartSession) -> None:
    """A state of 3,000 characters comes back as it was."""
    state = secrets.token_urlsafe(2250)[:3000]
    flow = _app(session, state=state)
    expect(flow.returned().get("state") == state, "a long state did not come back as it was")


def pages(session: SmartSession) -> None:
    """Pages are neither kept nor framed, and tell no other site where the user came from."""
    browser = session.browser()
    flow = _app(session)
    asked = urlencode(flow.request())
    browser.get(f"{session.endpoint('authorization')}?{asked}", flow.client.redirect_uri)
    if not browser.pages:
        raise Skip("no page was shown")
    for page in browser.pages:
        out = page.headers
        expect("no-store" in out.get("cache-control", ""), "a page may be kept")
        framed = "frame-ancestors 'none'" in out.get("content-security-policy", "")
        expect(framed or out.get("x-frame-options", "").upper() == "DENY", "a page may be framed")
        expect(out.get("referrer-policy") == "no-referrer", "a page tells where the user came from")


def launch_unknown(session: SmartSession) -> None:
    """A launch that was never opened, or none, gives no code."""
    session.need("launch-ehr")
    client = session.client(any_kind(session))
    for launch in (secrets.token_urlsafe(32), "", None):
        flow = Flow(session, client, scope=session.scopes("ehr"), changes={"launch": launch})
        expect_no_code(flow.landing(), "a launch that nobody opened")


def launch_of_another(session: SmartSession) -> None:
    """A launch is for the client that it was opened for."""
    session.need("launch-ehr")
    names = [name for name in KINDS if name in session.clients]
    if len(names) < 2:
        raise Skip("the config has one app only")
    one, other = (session.client(name) for name in names[:2])
    handle = session.open_launch(one)
    expect_no_code(Flow(session, other, start="ehr", launch=handle).landing(), "another client's launch")


def launch_again(session: SmartSession) -> None:
    """A launch counts once."""
    session.need("launch-ehr")
    client = session.client(any_kind(session))
    first = Flow(session, client, start="ehr")
    first.code()
    again = Flow(session, client, start="ehr", launch=first.launch)
    expect_no_code(again.landing(), "a launch that was used")


def bad_code(session: SmartSession) -> None:
    """A made-up code: exactly 400."""
    flow = _app(session)
    flow.code()
    answer = flow.exchange(code="BAD_CODE")
    expect(answer.status == 400, f"status {answer.status}")
    expect(answer.json().get("error") == "invalid_grant", f"error {answer.json().get('error')}")


def other_client(session: SmartSession) -> None:
    """A good code with another client's id."""
    flow = _app(session)
    fields = {
        "grant_type": "authorization_code",
        "code": flow.code(),
        "redirect_uri": flow.client.redirect_uri,
        "code_verifier": flow.verifier,
    }
    wrong = {**fields, "client_id": f"nobody-{uuid.uuid4()}"}
    answer = session.http.form(session.endpoint("token"), wrong)
    expect(answer.status in (400, 401), f"an unknown client: status {answer.status}")
    other = next(
        (session.clients[name] for name in KINDS if session.clients.get(name, flow.client) != flow.client),
        None,
    )
    if other is not None:
        answer = session.token(other, fields)
        expect(answer.status in (400, 401), f"another client: status {answer.status}")


def bad_verifier(title: str) -> Callable[[SmartSession], None]:
    """Return the test of one kind of bad code verifier, for a confidential and a public client."""
    kinds: dict[str, Callable[[Flow], str | None]] = {
        "missing": lambda _: None,
        "blank": lambda _: "",
        "wrong": lambda _: verifier(),
        "challenge": lambda flow: challenge_of(flow.verifier),
    }

    def test(session: SmartSession) -> None:
        for name in [kind for kind in ("symmetric", "public") if kind in session.clients]:
            flow = Flow(session, session.client(name))
            answer = flow.exchange(code_verifier=kinds[title](flow))
            expect(answer.status in (400, 401), f"{name}: status {answer.status}")

    return test


def code_again(session: SmartSession) -> None:
    """A code counts once; a second use ends what came of the first."""
    flow = _app(session)
    token = flow.token()
    before = session.read(f"Patient/{flow.patient()}", token)
    expect(before.status == 200, f"before: status {before.status}")
    again = flow.exchange()
    expect(
        again.status == 400 and again.json().get("error") == "invalid_grant", f"again: status {again.status}"
    )
    expect(session.read(f"Patient/{flow.patient()}", token).status == 401, "the first token lives on")


def other_redirect(session: SmartSession) -> None:
    """The token request names the same redirect URI."""
    for other in (None, "https://attacker.invalid/callback"):
        flow = _app(session)
        answer = flow.exchange(redirect_uri=other)
        expect(answer.status == 400, f"redirect_uri {other}: status {answer.status}")


def errors_not_kept(session: SmartSession) -> None:
    """Token errors are JSON of RFC 6749 that nobody keeps, readable for a public app's page."""
    client = session.client("public")
    answer = session.token(client, {"grant_type": "authorization_code", "code": "BAD_CODE"})
    expect(answer.status == 400, f"status {answer.status}")
    expect(answer.headers.get("content-type", "").startswith("application/json"), "no JSON")
    expect(isinstance(answer.json().get("error"), str), "no error")
    expect("no-store" in answer.headers.get("cache-control", ""), "it may be kept")
    if client.origin:
        allowed = answer.headers.get("access-control-allow-origin")
        expect(allowed in ("*", client.origin), "the app's page may not read it")


def expect_no_code(landing: Landing, what: str) -> None:
    """Return when there is no code. Raises Fail."""
    expect(not (landing.parameters or {}).get("code"), f"{what}: a code came")


def expect_page(landing: Landing, what: str) -> None:
    """Return when the user was shown an error page. Raises Fail."""
    expect(landing.parameters is None, f"{what}: sent on")
    expect(400 <= landing.answer.status < 500, f"{what}: status {landing.answer.status}")


def expect_error(landing: Landing, errors: tuple[str, ...], what: str, state: str = "") -> None:
    """Return when the app was told one of these errors. Raises Fail."""
    found = landing.parameters
    if found is None:
        expect(False, f"{what}: not sent back to the app")
        return
    expect(found.get("error") in errors, f"{what}: error={found.get('error')}")
    expect("code" not in found, f"{what}: a code beside the error")
    expect(not state or found.get("state") == state, f"{what}: state is not what it was")


def _strict(session: SmartSession, **changes: str | None) -> Landing:
    """Return where a request leads whose redirect URI is changed; wherever that is, it is not called."""
    flow = _app(session, **changes)
    asked = flow.request()
    stop = asked.get("redirect_uri") or flow.client.redirect_uri
    return session.browser().get(f"{session.endpoint('authorization')}?{urlencode(asked)}", stop)


_PKCE = {
    "missing": "No code verifier",
    "blank": "An empty code verifier",
    "wrong": "Another code verifier",
    "challenge": "The challenge as verifier",
}

TESTS = (
    Test("g10_smart_invalid_aud", "Another server as aud: no code", ("authz-3",), invalid_aud),
    Test("own_resource", "resource as a synonym of aud", ("authz-4",), resource),
    Test("own_unknown_client", "An unknown client ends at a page", ("authz-5",), unknown_client),
    Test(
        "own_redirect_uris",
        "Only registered redirect URIs, as whole texts",
        ("reg-1", "authz-5"),
        redirect_uris,
    ),
    Test("own_pkce_required", "No code without an S256 challenge", ("authz-8",), pkce),
    Test(
        "own_response_type",
        "Only codes are given",
        ("authz-5",),
        wrong_request("unsupported_response_type", "invalid_request", response_type="token"),
    ),
    Test(
        "own_unknown_scope",
        "Nothing to grant is invalid_scope",
        ("authz-5",),
        wrong_request("invalid_scope", scope="patient/.read made-up"),
    ),
    Test("own_denied", "The user says no", ("authz-5", "authz-9"), denied),
    Test("own_long_state", "A long state survives", ("authz-6",), long_state),
    Test("own_pages", "Pages are neither kept nor framed", ("own-2",), pages),
    Test("own_launch_unknown", "A made-up launch", ("ehr-2",), launch_unknown),
    Test("own_launch_of_another", "Another client's launch", ("ehr-2",), launch_of_another),
    Test("own_launch_again", "A launch counts once", ("ehr-2",), launch_again),
    Test("g10_smart_invalid_token_request.code", "A made-up code", ("token-7",), bad_code),
    Test("g10_smart_invalid_token_request.client", "A good code, another client", ("authz-7",), other_client),
    *(
        Test(f"g10_smart_invalid_pkce_code_verifier_group.{name}", title, ("authz-8",), bad_verifier(name))
        for name, title in _PKCE.items()
    ),
    Test("own_code_again", "A code counts once", ("authz-7",), code_again),
    Test("own_other_redirect", "The same redirect URI for the code", ("token-3",), other_redirect),
    Test("own_token_errors", "Errors in RFC form, not kept", ("token-7", "cors-2"), errors_not_kept),
)
