"""Scripts of registered origins: preflight, answers and errors of the token endpoint and the FHIR API."""

from __future__ import annotations

from collections.abc import Callable

from conformance.run.outcomes import Omit, Test, expect
from conformance.suites.smart.flow import shared
from conformance.suites.smart.session import FOREIGN_ORIGIN, SmartSession


def preflight(where: str) -> Callable[[SmartSession], None]:
    """Return the test that a browser is told what the app's page may send."""

    def test(session: SmartSession) -> None:
        client = session.client("public")
        if not client.origin:
            raise Omit("the public app has no origin")
        url = session.endpoint("token") if where == "token" else f"{session.fhir}/MedicationDispense"
        asked = {
            "Origin": client.origin,
            "Access-Control-Request-Method": "POST" if where == "token" else "GET",
            "Access-Control-Request-Headers": "content-type" if where == "token" else "authorization",
        }
        answer = session.http.request("OPTIONS", url, asked)
        expect(answer.status in (200, 204), f"status {answer.status}")
        out = answer.headers
        expect(out.get("access-control-allow-origin") in ("*", client.origin), "the origin is not allowed")
        methods = out.get("access-control-allow-methods", "").upper()
        expect(
            asked["Access-Control-Request-Method"] in methods or methods == "*", "the method is not allowed"
        )
        headers = out.get("access-control-allow-headers", "").lower()
        expect(asked["Access-Control-Request-Headers"] in headers, "the header is not allowed")

    return test


def credentials(session: SmartSession) -> None:
    """Never any origin together with credentials, and nothing for an origin that is not registered."""
    client = session.client("public")
    flow = shared(session, "public")
    for origin in (client.origin or FOREIGN_ORIGIN, FOREIGN_ORIGIN, "null"):
        answer = session.read(f"Patient/{flow.patient()}", flow.token(), Origin=origin)
        allowed = answer.headers.get("access-control-allow-origin", "")
        expect(not answer.headers.get("access-control-allow-credentials"), "credentials are allowed")
        if origin != client.origin:
            expect(allowed != origin, f"{origin} is echoed")


def errors(session: SmartSession) -> None:
    """The app's page may read a 401 too."""
    client = session.client("public")
    if not client.origin:
        raise Omit("the public app has no origin")
    answer = session.read("Patient/1", "no-token", Origin=client.origin)
    expect(answer.status == 401, f"status {answer.status}")
    expect(
        answer.headers.get("access-control-allow-origin") in ("*", client.origin), "the page may not read it"
    )


TESTS = (
    Test("own_preflight.token", "Preflight of the token endpoint", ("cors-2",), preflight("token")),
    Test("own_preflight.fhir", "Preflight of the FHIR API", ("cors-3",), preflight("fhir")),
    Test("own_cors_credentials", "No origin with credentials", ("cors-4",), credentials),
    Test("own_cors_errors", "Errors can be read too", ("cors-3",), errors),
)
