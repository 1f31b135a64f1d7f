"""Introspection and revocation: what is told of a token, and to whom; an ended one is of no use at once."""

from __future__ import annotations

from typing import Any

from conformance.run.exchanges import Answer
from conformance.run.outcomes import Omit, Skip, Test, expect
from conformance.suites.smart.client import Client
from conformance.suites.smart.flow import Flow, any_kind, claims_of, shared
from conformance.suites.smart.session import KINDS, SmartSession


def _introspect(session: SmartSession, client: Client, token: str) -> Answer:
    endpoint = session.endpoint("introspection")
    credentials, headers = client.credentials(endpoint)
    return session.http.form(endpoint, {"token": token, **credentials}, headers)


def _active(session: SmartSession) -> tuple[Flow, dict[str, Any]]:
    flow = shared(session, any_kind(session))
    answer = _introspect(session, flow.client, flow.token())
    expect(answer.status == 200, f"status {answer.status}")
    found = answer.json()
    expect(found.get("active") is True, "an active token is told not to be")
    return flow, found


def request(session: SmartSession) -> None:
    """An active token is told active."""
    _active(session)


def response(session: SmartSession) -> None:
    """client_id, the same scopes, exp, and every context parameter of the token response."""
    flow, found = _active(session)
    body = flow.body()
    expect(found.get("client_id") == flow.client.client_id, "client_id is another")
    scopes = str(found.get("scope", "")).split()
    expect(sorted(scopes) == sorted(body["scope"].split()), "the scopes are not those of the token response")
    expect(isinstance(found.get("exp"), int), "no exp")
    for name in (
        "patient",
        "encounter",
        "need_patient_banner",
        "smart_style_url",
        "intent",
        "tenant",
        "fhirContext",
    ):
        if name in body:
            expect(found.get(name) == body[name], f"{name} is not that of the token response")


def identity(session: SmartSession) -> None:
    """iss and sub are those of the id_token; fhirUser too."""
    flow, found = _active(session)
    if "id_token" not in flow.body():
        raise Omit("there is no id_token")
    _, claims = claims_of(flow.body()["id_token"])
    for name in ("iss", "sub", "fhirUser"):
        if name in claims:
            expect(found.get(name) == claims[name], f"{name} is not the id_token's")


def inactive(session: SmartSession) -> None:
    """Of an unknown token nothing is told but that it is not active."""
    client = session.client(any_kind(session))
    answer = _introspect(session, client, "invalid_token_value")
    expect(answer.status == 200, f"status {answer.status}")
    expect(answer.json() == {"active": False}, "more is told than active: false")


def by_bearer(session: SmartSession) -> None:
    """A caller may present an access token of its own."""
    flow = shared(session, any_kind(session))
    headers = {"Authorization": f"Bearer {flow.token()}"}
    answer = session.http.form(session.endpoint("introspection"), {"token": flow.token()}, headers)
    expect(answer.status == 200 and answer.json().get("active") is True, f"status {answer.status}")


def not_open(session: SmartSession) -> None:
    """A stranger learns nothing."""
    flow = shared(session, any_kind(session))
    answer = session.http.form(session.endpoint("introspection"), {"token": flow.token()})
    expect(answer.status in (400, 401) or answer.json() == {"active": False}, "told to a stranger")


def of_another(session: SmartSession) -> None:
    """Another client's token is told not active."""
    names = [name for name in KINDS if name in session.clients]
    if len(names) < 2:
        raise Skip("the config has one app only")
    flow = shared(session, any_kind(session))
    other = next(session.client(name) for name in names if session.clients[name] != flow.client)
    answer = _introspect(session, other, flow.token())
    expect(answer.status == 200 and answer.json() == {"active": False}, "another client's token is told")


def revoked(which: str) -> Any:
    """Return the test that a revoked token, and what it is of, is of no use from the next request on."""

    def test(session: SmartSession) -> None:
        flow = Flow(session, session.client(any_kind(session)))
        path = f"Patient/{flow.patient()}"
        before = session.read(path, flow.token()).status
        expect(before == 200, f"before: status {before}")
        token = flow.body().get(which)
        if token is None:
            raise Skip(f"no {which}")
        expect(_revoke(session, flow.client, token).status == 200, "revocation fails")
        after = session.read(path, flow.token())
        expect(after.status == 401, f"the access token afterwards: status {after.status}")
        told = _introspect(session, flow.client, flow.token())
        expect(told.json() == {"active": False}, "introspection tells it active")
        refresh = flow.body().get("refresh_token")
        if which == "refresh_token":
            answer = flow.refresh(str(refresh))
            expect(answer.status in (400, 401), f"the refresh token afterwards: status {answer.status}")

    return test


def unknown_token(session: SmartSession) -> None:
    """Revoking what nobody knows is 200 (RFC 7009 section 2.2)."""
    answer = _revoke(session, session.client(any_kind(session)), "unknown")
    expect(answer.status == 200, f"status {answer.status}")


def not_of_another(session: SmartSession) -> None:
    """Nobody revokes another client's token."""
    flow = shared(session, any_kind(session))
    other = next(
        (session.clients[name] for name in KINDS if session.clients.get(name, flow.client) != flow.client),
        None,
    )
    if other is None:
        raise Skip("the config has one app only")
    _revoke(session, other, flow.token())
    status = session.read(f"Patient/{flow.patient()}", flow.token()).status
    expect(status == 200, f"another client revoked it: status {status}")


def _revoke(session: SmartSession, client: Client, token: str) -> Answer:
    endpoint = session.endpoint("revocation")
    credentials, headers = client.credentials(endpoint)
    return session.http.form(endpoint, {"token": token, **credentials}, headers)


TESTS = (
    Test("smart_token_introspection_request_group.active", "An active token", ("intro-1",), request),
    Test(
        "smart_token_introspection_response_group.active",
        "What is told of it",
        ("intro-1", "intro-2"),
        response,
    ),
    Test("own_introspection_identity", "Who it speaks for", ("intro-3", "intro-4"), identity),
    Test("smart_token_introspection_response_group.invalid", "An unknown token", ("intro-5",), inactive),
    Test("own_introspection_bearer", "By an access token", ("intro-6",), by_bearer),
    Test("own_introspection_stranger", "Not for strangers", ("intro-7",), not_open),
    Test("own_introspection_other", "Not for other clients", ("intro-7",), of_another),
    Test("own_revoke_other", "Not by another client", ("revoke-1",), not_of_another),
    Test("own_revoke_unknown", "Unknown tokens are revoked gladly", ("revoke-1",), unknown_token),
    Test(
        "g10_token_revocation.access_token", "A revoked access token", ("revoke-2",), revoked("access_token")
    ),
    Test(
        "g10_token_revocation.refresh_token",
        "A revoked refresh token",
        ("revoke-2", "refresh-8"),
        revoked("refresh_token"),
    ),
)
