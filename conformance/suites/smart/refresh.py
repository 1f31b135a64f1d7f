"""Refresh tokens: what they give, how they turn over, and to whom they are of use."""

from __future__ import annotations

import uuid
from typing import Any, cast

from conformance.run.exchanges import Answer
from conformance.run.outcomes import Omit, Skip, Test, expect
from conformance.suites.smart.flow import STARTS, Flow, any_kind
from conformance.suites.smart.launches import Step, check_not_kept, check_token_response, of
from conformance.suites.smart.session import KINDS, SmartSession

_BAD = (400, 401)


def _token(flow: Flow) -> str:
    if not {"offline_access", "online_access"} & set(flow.request()["scope"].split()):
        raise Omit("no refresh token is asked for")
    found = flow.body().get("refresh_token")
    if not isinstance(found, str):
        raise Skip("no refresh token")
    return found


def _refreshed(session: SmartSession, flow: Flow, *, scopes: bool) -> Answer:
    """Return the answer to the shared launch's refresh, without or with its scopes; each is done once."""
    first = _token(flow)
    place = ("refresh", flow.client.name, flow.start, scopes)
    if place not in session.kept:
        newest = session.kept.get(("newest", flow.client.name, flow.start), first)
        fields = {"scope": flow.body()["scope"]} if scopes else {}
        answer = session.kept[place] = flow.refresh(newest, **fields)
        if answer.status == 200 and answer.json().get("refresh_token"):
            session.kept["newest", flow.client.name, flow.start] = answer.json()["refresh_token"]
    return cast("Answer", session.kept[place])


def refreshed(*, scopes: bool) -> Step:
    """Return the step that a refresh succeeds."""

    def step(session: SmartSession, flow: Flow) -> None:
        answer = _refreshed(session, flow, scopes=scopes)
        expect(answer.status == 200, f"status {answer.status}")
        expect(isinstance(answer.json(), dict), "no JSON object")

    return step


def body(*, scopes: bool) -> Step:
    """Return the step that its answer is well formed, with scopes out of those granted before."""

    def step(session: SmartSession, flow: Flow) -> None:
        found = _good(_refreshed(session, flow, scopes=scopes))
        check_token_response(found)
        extra = set(found["scope"].split()) - set(flow.body()["scope"].split())
        expect(not extra, "scopes that were not granted before, as text")
        if "patient" in found:
            expect(found["patient"] == flow.body().get("patient"), "another patient")

    return step


def headers(*, scopes: bool) -> Step:
    """Return the step that nobody keeps its answer."""

    def step(session: SmartSession, flow: Flow) -> None:
        answer = _refreshed(session, flow, scopes=scopes)
        _good(answer)
        check_not_kept(answer)

    return step


def invalid(session: SmartSession) -> None:
    """A made-up refresh token is refused."""
    flow = _own(session, "refresh-invalid")
    answer = flow.refresh(str(uuid.uuid4()))
    expect(answer.status in _BAD, f"status {answer.status}")
    expect(answer.json().get("error") in ("invalid_grant", "invalid_client"), "no OAuth error")


def new_token_works(session: SmartSession) -> None:
    """The new access token opens what the first did."""
    flow = _own(session, "refresh-works")
    found = _good(flow.refresh(_token(flow)))
    answer = session.read(f"Patient/{flow.patient()}", found["access_token"])
    expect(answer.status == 200, f"status {answer.status}")


def narrower(session: SmartSession) -> None:
    """A refresh may ask for less, never for more."""
    flow = _own(session, "refresh-narrow")
    granted = flow.body()["scope"].split()
    less = [one for one in granted if one != granted[-1]]
    found = _good(flow.refresh(_token(flow), scope=" ".join(less)))
    expect(set(found["scope"].split()) <= set(less), "more than was asked")
    latest = found.get("refresh_token", _token(flow))
    answer = flow.refresh(latest, scope=f"{flow.body()['scope']} system/Patient.cruds")
    if answer.status == 200:
        expect("system/Patient.cruds" not in answer.json()["scope"].split(), "more than was granted")
    else:
        expect(answer.json().get("error") == "invalid_scope", "the error is not invalid_scope")


def reuse(session: SmartSession) -> None:
    """A refresh token that was used comes again: the whole family ends."""
    flow = _own(session, "refresh-reuse")
    first = _token(flow)
    found = _good(flow.refresh(first))
    if found.get("refresh_token") in (None, first):
        raise Omit("refresh tokens are not rotated")
    expect(
        session.read(f"Patient/{flow.patient()}", found["access_token"]).status == 200, "the new token fails"
    )
    again = flow.refresh(first)
    expect(
        again.status == 400 and again.json().get("error") == "invalid_grant", f"reuse: status {again.status}"
    )
    expect(flow.refresh(found["refresh_token"]).status == 400, "the newest refresh token lives on")
    status = session.read(f"Patient/{flow.patient()}", found["access_token"]).status
    expect(status == 401, f"the access token lives on: status {status}")


def other_client(session: SmartSession) -> None:
    """Another client can't use it, and does not break it by trying."""
    flow = _own(session, "refresh-other")
    token = _token(flow)
    other = next((one for name, one in session.clients.items() if name in KINDS and one != flow.client), None)
    if other is None:
        raise Skip("the config has one app only")
    answer = session.token(other, {"grant_type": "refresh_token", "refresh_token": token})
    expect(answer.status in _BAD, f"another client: status {answer.status}")
    _good(flow.refresh(token))


def unauthenticated(session: SmartSession) -> None:
    """A confidential client authenticates again."""
    flow = _own(session, "refresh-unauthenticated")
    if flow.client.method == "none":
        raise Omit("for confidential clients")
    token = _token(flow)
    fields = {"grant_type": "refresh_token", "refresh_token": token, "client_id": flow.client.client_id}
    answer = session.http.form(session.endpoint("token"), fields)
    expect(answer.status in _BAD, f"without credentials: status {answer.status}")
    _good(flow.refresh(token))


def online(session: SmartSession) -> None:
    """online_access gives a refresh token for as long as the user's session lives."""
    session.need("permission-online")
    scope = session.scopes("ehr").replace("offline_access", "online_access")
    flow = Flow(session, session.client(any_kind(session)), start="ehr", scope=scope)
    expect("online_access" in flow.body()["scope"].split(), "online_access was not granted")
    _good(flow.refresh(_token(flow)))


def _own(session: SmartSession, name: str) -> Flow:
    """Return a launch that only one test uses, because it ends it."""
    session.need("permission-offline")
    made = Flow(session, session.client(any_kind(session)))
    return cast("Flow", session.kept.setdefault(name, made))


def _good(answer: Answer) -> dict[str, Any]:
    if answer.status != 200:
        raise Skip(f"the refresh failed: status {answer.status}")
    return cast("dict[str, Any]", answer.json())


def _steps() -> tuple[tuple[str, str, tuple[str, ...], Step], ...]:
    made = []
    for scopes, word in ((False, "without_scopes"), (True, "with_scopes")):
        told = word.replace("_", " ")
        made += [
            (
                f"smart_token_refresh_stu2.{word}",
                f"A refresh {told}",
                ("refresh-1", "refresh-3"),
                refreshed(scopes=scopes),
            ),
            (
                f"smart_token_refresh_body.{word}",
                f"Its answer {told}",
                ("refresh-2", "refresh-4"),
                body(scopes=scopes),
            ),
            (
                f"smart_token_response_headers.{word}",
                f"Nobody keeps it {told}",
                ("token-5",),
                headers(scopes=scopes),
            ),
        ]
    return tuple(made)


TESTS = (
    *(
        Test(f"{name}.{start}.{kind}", f"{title} ({start}, {kind})", requirements, of(kind, start, step))
        for start in STARTS
        for kind in KINDS
        for name, title, requirements, step in _steps()
    ),
    Test("g10_invalid_token_refresh", "A made-up refresh token is refused", ("refresh-3",), invalid),
    Test("g10_token_refresh_stu2", "The refreshed token opens the same", ("refresh-1",), new_token_works),
    Test("own_refresh_scopes", "Less may be asked, not more", ("refresh-2",), narrower),
    Test("own_refresh_reuse", "A used refresh token ends the family", ("refresh-6",), reuse),
    Test("own_refresh_other_client", "Bound to its client", ("refresh-5",), other_client),
    Test("own_refresh_unauthenticated", "Confidential clients authenticate", ("refresh-5",), unauthenticated),
    Test("own_online_access", "Online access", ("refresh-7",), online),
)
