"""Requests that are not what the specification says: refused with 4xx, and without a stack trace."""

from __future__ import annotations

from conformance.run.outcomes import Omit, Test, expect
from conformance.suites.cds_hooks.session import ROOT, HookSession

_TRACES = ("Traceback", "Exception in", '.py", line', "at java.", "Stack trace")


def _any_hook(session: HookSession) -> str:
    for service in session.services():
        if service.get("hook") in ("patient-view", "order-sign", "order-select"):
            return str(service["hook"])
    raise Omit("no service for a hook that the suite knows")


def malformed(session: HookSession) -> None:
    """A request without hook, hookInstance or context is refused."""
    hook = _any_hook(session)
    path = session.path(hook)
    for name in ("hook", "hookInstance", "context"):
        answer = session.call(hook, **{name: None})
        expect(400 <= answer.status < 500, f"without {name}: status {answer.status}")
    for body in (b"{", b"[]", b'"x"', b"\xff"):
        headers = {**session.bearer(path), "Content-Type": "application/json"}
        answer = session.http.request("POST", path, headers, body)
        expect(400 <= answer.status < 500, f"a body that is no JSON object: status {answer.status}")
        text = answer.body.decode("utf-8", "replace")
        expect(not any(trace in text for trace in _TRACES), "the answer shows a stack trace")


def server_without_token(session: HookSession) -> None:
    """A FHIR authorization without a FHIR server is refused."""
    authorization = {
        "access_token": "t",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "x",
        "subject": "x",
    }
    answer = session.call(_any_hook(session), fhirAuthorization=authorization)
    expect(400 <= answer.status < 500, f"status {answer.status}")


def unknown_service(session: HookSession) -> None:
    """An id that discovery does not tell is not there."""
    path = f"{ROOT}/there-is-no-such-service"
    answer = session.http.post(path, session.body("patient-view"), session.bearer(path))
    expect(answer.status == 404, f"status {answer.status}")


def preflight(session: HookSession) -> None:
    """A browser of a registered origin may call."""
    origin = session.config.get("origin")
    if not origin:
        raise Omit("the config names no browser origin")
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    for path in (ROOT, session.path(_any_hook(session))):
        answer = session.http.request("OPTIONS", path, headers)
        expect(200 <= answer.status < 300, f"preflight: status {answer.status}")
        allowed = answer.headers.get("access-control-allow-origin")
        expect(allowed in ("*", origin), "the preflight's answer does not allow the origin")
        told = answer.headers.get("access-control-allow-headers", "").lower()
        expect(
            "authorization" in told and "content-type" in told, "authorization or content-type is not allowed"
        )


TESTS = (
    Test("request-malformed", "Malformed requests are refused", ("call-4",), malformed),
    Test("request-authorization", "fhirAuthorization needs fhirServer", ("call-5",), server_without_token),
    Test("request-unknown-service", "Unknown ids are not there", ("disc-5",), unknown_service),
    Test("request-preflight", "Registered browsers may call", ("cors-1",), preflight),
)
