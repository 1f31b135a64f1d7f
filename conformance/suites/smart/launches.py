"""A launch by each kind of app, standalone and from the EHR: redirect, code, tokens, form and headers."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from conformance.run.exchanges import Answer
from conformance.run.outcomes import Omit, Skip, Test, expect
from conformance.suites.smart.flow import STARTS, Flow, Start, shared
from conformance.suites.smart.session import KINDS, SmartSession

Step = Callable[[SmartSession, Flow], None]


def of(kind: str, start: Start, step: Step) -> Callable[[SmartSession], None]:
    """Return the test that does `step` with the shared launch of a kind."""

    def test(session: SmartSession) -> None:
        step(session, shared(session, kind, start))

    return test


def opened(_session: SmartSession, flow: Flow) -> None:
    """The EHR opens the launch with our FHIR base as iss."""
    flow.opened()


def redirected(_session: SmartSession, flow: Flow) -> None:
    """The user's way leads back to the app."""
    found = flow.returned()
    expect(found.get("state") == flow.state, "state did not come back as it was")


def code_received(session: SmartSession, flow: Flow) -> None:
    """With a code, without an error; RFC 9207's iss is the issuer."""
    try:
        found = flow.returned()
    except Exception as error:
        raise Skip("the user did not come back") from error
    expect("error" not in found, f"error={found.get('error')}")
    expect(found.get("code"), "no code")
    if "iss" in found:
        expect(found["iss"] == session.configuration.get("issuer"), "iss is not the issuer")


def exchanged(_session: SmartSession, flow: Flow) -> None:
    """The code is exchanged for tokens."""
    answer = flow.answer()
    expect(answer.status == 200, f"status {answer.status}")
    expect(isinstance(answer.json(), dict), "no JSON object")


def body(session: SmartSession, flow: Flow) -> None:
    """The members of a token response."""
    found = flow.body()
    check_token_response(found)
    asked, granted = flow.request()["scope"].split(), found["scope"].split()
    expect(len(set(granted)) == len(granted), "a scope is granted twice")
    expect(
        not {one for one in granted if one not in asked and "/" not in one}, "more is granted than was asked"
    )
    for part in found.get("fhirContext", []):
        check_context(part)
    if any(one.startswith("patient/") for one in granted):
        expect(isinstance(found.get("patient"), str) and found["patient"], "patient scopes without a patient")
        expect("/" not in found["patient"], "patient is no bare id")
    del session


def headers(_session: SmartSession, flow: Flow) -> None:
    """Nobody keeps the answer."""
    flow.body()
    check_not_kept(flow.answer())


def cors(_session: SmartSession, flow: Flow) -> None:
    """A public app's page may read the answer."""
    if flow.client.method != "none" or not flow.client.origin:
        raise Omit("for public apps with an origin")
    flow.body()
    expect(
        flow.answer().headers.get("access-control-allow-origin") in ("*", flow.client.origin),
        "the app's page may not read it",
    )


def access_token_form(_session: SmartSession, flow: Flow) -> None:
    """The access token fits unescaped into a form, is short lived and not too long."""
    token, found = flow.token(), flow.body()
    expect(all(one.isalnum() or one in "._~-" for one in token), "the access token needs escaping")
    expect(len(token) < 8000, "the access token is too long for a header")
    expires = found.get("expires_in")
    expect(isinstance(expires, int) and expires <= 3600, "the access token lives longer than an hour")


def context_members(session: SmartSession, flow: Flow) -> None:
    """What the EHR's launch gave comes with the tokens, of the right type."""
    found = flow.body()
    for name, kind in (
        ("need_patient_banner", bool),
        ("smart_style_url", str),
        ("intent", str),
        ("tenant", str),
    ):
        if name in found:
            expect(isinstance(found[name], kind), f"{name} is of another type")
    if "context-banner" in session.capabilities:
        expect("need_patient_banner" in found, "no need_patient_banner")
    if "context-style" in session.capabilities:
        expect(found.get("smart_style_url"), "no smart_style_url")
        answer = session.http.get(found["smart_style_url"])
        expect(
            answer.status == 200 and isinstance(answer.json(), dict), "smart_style_url is no JSON document"
        )


def launch_context(session: SmartSession, flow: Flow) -> None:
    """intent and appContext of the launch come back as they were."""
    given = session.config.get("launch", {}).get("body", {})
    found = flow.body()
    told = [name for name in ("intent", "appContext") if name in given]
    if not told:
        raise Omit("the config's launch has neither intent nor appContext")
    for name in told:
        expect(found.get(name) == given[name], f"{name} is not what the launch was opened with")


def check_token_response(found: dict[str, Any]) -> None:
    """Return when the members that every token response needs are well formed. Raises Fail."""
    for name in ("access_token", "token_type", "scope"):
        expect(
            isinstance(found.get(name), str) and found[name].strip(), f"{name} is missing, empty or no text"
        )
    expect(found["token_type"].lower() == "bearer", "token_type is not Bearer")
    expires = found.get("expires_in")
    expect(isinstance(expires, int | float) and not isinstance(expires, bool), "expires_in is no number")
    for name in ("refresh_token", "id_token", "patient", "encounter"):
        if name in found:
            expect(isinstance(found[name], str) and found[name], f"{name} is empty or no text")


def check_context(part: Any) -> None:
    """Return when one object of fhirContext is well formed (SMART 2.2, "fhirContext"). Raises Fail."""
    expect(isinstance(part, dict), "fhirContext holds something that is no object")
    expect({"reference", "canonical", "identifier"} & part.keys(), "fhirContext names nothing")
    reference = part.get("reference")
    if reference is not None:
        expect(
            isinstance(reference, str) and "://" not in reference and "/" in reference,
            "no relative reference",
        )
        kind = reference.partition("/")[0]
        role = part.get("role", "launch")
        expect(
            kind not in ("Patient", "Encounter") or role != "launch", "Patient or Encounter with role launch"
        )
    expect(part.get("role") != "", "an empty role")


def check_not_kept(answer: Answer) -> None:
    """Return when no cache may keep the answer. Raises Fail."""
    expect("no-store" in answer.headers.get("cache-control", ""), "Cache-Control is not no-store")
    expect("no-cache" in answer.headers.get("pragma", ""), "Pragma is not no-cache")


def verifier() -> str:
    """Return a PKCE verifier that belongs to no challenge."""
    return secrets.token_urlsafe(48)


_STEPS: tuple[tuple[str, str, tuple[str, ...], Step], ...] = (
    (
        "smart_app_redirect_stu2",
        "The user comes back to the app",
        ("authz-1", "authz-2", "authz-6"),
        redirected,
    ),
    ("smart_code_received", "The app gets a code", ("authz-6", "own-1"), code_received),
    ("smart_token_exchange_stu2_2", "The code becomes tokens", ("token-1", "token-2"), exchanged),
    ("smart_token_response_body_stu2_2", "The token response is well formed", ("token-4", "ctx-4"), body),
    ("smart_token_response_headers", "Nobody keeps the token response", ("token-5",), headers),
    ("smart_cors_token_exchange", "A public app's page may read it", ("cors-2",), cors),
    ("own_access_token_form", "The access token is short and short-lived", ("token-6",), access_token_form),
)
_OF_EHR: tuple[tuple[str, str, tuple[str, ...], Step], ...] = (
    (
        "smart_style_url_and_need_patient_banner",
        "Banner and style come along",
        ("ctx-1", "ctx-3"),
        context_members,
    ),
    ("own_launch_context", "intent and appContext come along", ("ctx-5",), launch_context),
)


def _tests() -> tuple[Test, ...]:
    made = []
    for start in STARTS:
        for kind in KINDS:
            steps = _STEPS
            if start == "ehr":
                first = (
                    "smart_app_launch_and_launch_received",
                    "The EHR opens a launch with iss and launch",
                    ("ehr-1", "ehr-2"),
                    opened,
                )
                steps = (first, *_STEPS, *_OF_EHR)
            proof = {"public": "auth-1", "symmetric": "auth-2"}.get(kind, "auth-3")
            for name, title, requirements, step in steps:
                extra = (proof,) if step is exchanged else ()
                if step is redirected and start == "standalone":
                    extra = ("alone-1",)
                made.append(
                    Test(
                        f"{name}.{start}.{kind}",
                        f"{title} ({start}, {kind})",
                        (*requirements, *extra),
                        of(kind, start, step),
                    )
                )
    return tuple(made)


TESTS = _tests()
