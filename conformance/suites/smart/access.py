"""What the tokens open: the patient and encounter in context, what scopes say, and nothing else."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import parse_qsl, urlencode

from conformance.run.outcomes import Omit, Skip, Test, expect
from conformance.suites.smart.flow import Flow, Start, any_kind, shared
from conformance.suites.smart.session import SmartSession

_REFUSED = (401, 403)
_SPECIAL = {
    "standalone": ("openid", "fhirUser", "launch/patient", "offline_access"),
    "ehr": ("openid", "fhirUser", "launch", "offline_access"),
}


def no_token(session: SmartSession) -> None:
    """401, with a challenge and an OperationOutcome."""
    flow = _flow(session)
    for token in (None, secrets.token_urlsafe(32), flow.token()[:-4] + "AAAA"):
        answer = session.read(f"Patient/{flow.patient()}", token)
        expect(answer.status == 401, f"status {answer.status}")
        challenge = answer.headers.get("www-authenticate", "")
        expect(challenge.lower().startswith("bearer"), "no WWW-Authenticate: Bearer")
        expect(answer.json().get("resourceType") == "OperationOutcome", "no OperationOutcome")


def other_tokens(session: SmartSession) -> None:
    """Neither an id_token nor a refresh token opens anything."""
    flow = _flow(session)
    for name in ("id_token", "refresh_token"):
        if name in flow.body():
            answer = session.read(f"Patient/{flow.patient()}", flow.body()[name])
            expect(answer.status == 401, f"{name}: status {answer.status}")


def patient_context(start: Start) -> Any:
    """Return the test that the patient in context can be read."""

    def test(session: SmartSession) -> None:
        flow = _flow(session, start)
        answer = session.read(f"Patient/{flow.patient()}", flow.token())
        expect(answer.status == 200, f"status {answer.status}")
        expect(answer.json().get("resourceType") == "Patient", "no Patient")
        expect(answer.json().get("id") == flow.patient(), "another patient")

    return test


def encounter_context(session: SmartSession) -> None:
    """The encounter of an EHR's launch comes with the tokens and can be read."""
    session.need("context-ehr-encounter")
    flow = _flow(session, "ehr")
    if "encounter" not in session.config.get("launch", {}).get("body", {"encounter": {}}):
        raise Omit("the config's launch has no encounter")
    found = flow.body().get("encounter")
    expect(isinstance(found, str) and found, "no encounter")
    answer = session.read(f"Encounter/{found}", flow.token())
    expect(answer.status == 200, f"status {answer.status}")
    expect(answer.json().get("resourceType") == "Encounter", "no Encounter")


def special_scopes(start: Start) -> Any:
    """Return the test that what a launch needs is asked and granted."""

    def test(session: SmartSession) -> None:
        flow = _flow(session, start)
        asked, granted = flow.request()["scope"].split(), flow.body()["scope"].split()
        for one in _SPECIAL[start]:
            if one not in asked:
                raise Omit(f"the config does not ask for {one}")
            expect(one in granted, f"{one} was not granted")
        resources = [one for one in granted if one.partition("/")[0] in ("patient", "user")]
        expect(resources, "no resource scope was granted")

    return test


def patient_scopes(session: SmartSession) -> None:
    """An EHR's launch with patient scopes: they are granted, and there is a patient."""
    session.need("launch-ehr")
    kind = any_kind(session)
    flow = Flow(session, session.client(kind), start="ehr", scope="launch openid fhirUser patient/Patient.rs")
    granted = flow.body()["scope"].split()
    expect(
        "patient/Patient.rs" in granted or {"patient/Patient.r", "patient/Patient.s"} <= set(granted),
        "not granted",
    )
    expect(session.read(f"Patient/{flow.patient()}", flow.token()).status == 200, "the patient can't be read")


def v1_scopes(session: SmartSession) -> None:
    """Scopes of SMART 1 are granted as they were spelt, and work."""
    session.need("permission-v1")
    scope = session.scopes("v1")
    flow = Flow(session, session.client(any_kind(session)), scope=scope)
    granted = flow.body()["scope"].split()
    wanted = [one for one in scope.split() if one.endswith((".read", ".*"))]
    expect(any(one in granted for one in wanted), "no scope came back in its spelling")
    answer = session.read(f"Patient/{flow.patient()}", flow.token())
    expect(answer.status == 200, f"status {answer.status}")


def limited_grant(session: SmartSession) -> None:
    """The user takes away one scope; the rest is granted."""
    flow, denied = _narrow(session)
    granted = flow.body()["scope"].split()
    expect(denied not in granted, f"{denied} was granted although the user took it away")
    kept = [one for one in session.scopes("narrow").split() if one.startswith("patient/") and one != denied]
    expect(any(one in granted for one in kept), "nothing else was granted")


def restricted(session: SmartSession) -> None:
    """What was granted is found, what was taken away is refused: no empty answer."""
    flow, denied = _narrow(session)
    granted = [one for one in flow.body()["scope"].split() if one.startswith("patient/")]
    for scope in granted:
        if _type(scope) == "Patient":
            answer = session.read(f"Patient/{flow.patient()}", flow.token())
            expect(answer.status == 200, f"{scope}: status {answer.status}")
        elif session.searchable(_type(scope)):
            answer = session.search(scope, flow.patient(), flow.token())
            expect(answer.status == 200, f"{scope}: status {answer.status}")
    # The same search is answered where the scope was granted.
    whole = _flow(session)
    for one, wanted in ((whole, (200,)), (flow, _REFUSED)):
        answer = session.search(denied, one.patient(), one.token())
        expect(answer.status in wanted, f"{denied}: status {answer.status}")


def other_patient(session: SmartSession) -> None:
    """Another patient's record and one that does not exist answer alike, never with an empty 200."""
    other = session.config.get("other_patient")
    if not other:
        raise Skip("the config names no other_patient")
    flow = _flow(session)
    expect(other != flow.patient(), "other_patient is the patient in context")
    nobody = f"{secrets.token_hex(4)}-0000-7000-8000-{secrets.token_hex(6)}"
    for path in ("Patient/{}", "MedicationDispense?patient={}"):
        if "?" in path and not session.searchable("MedicationDispense"):
            continue
        answers = [session.read(path.format(one), flow.token()) for one in (other, nobody)]
        for answer in answers:
            expect(answer.status in (403, 404), f"{path}: status {answer.status}")
        expect(answers[0].status == answers[1].status, f"{path}: the two differ")


def granular(session: SmartSession) -> None:
    """A scope with search parameters opens exactly what such a search finds."""
    wanted = [one for one in session.scopes("granular").split() if "?" in one]
    client = session.client(any_kind(session))
    whole = _flow(session)
    flow = Flow(session, client, scope=session.scopes("granular"))
    expect(flow.patient() == whole.patient(), "another patient was chosen")
    granted = flow.body()["scope"].split()
    for scope in wanted:
        expect(scope in granted, f"{scope} was not granted")
    kind = _type(wanted[0])
    expected: set[str] = set()
    for scope in (one for one in wanted if _type(one) == kind):
        pairs = [("patient", whole.patient()), *parse_qsl(scope.partition("?")[2])]
        expected |= _found(session, f"{kind}?{urlencode(pairs)}", whole.token())
    every = _found(session, f"{kind}?patient={whole.patient()}", whole.token())
    if not expected or expected == every:
        raise Skip("the patient's record does not tell the scopes apart")
    expect(
        _found(session, f"{kind}?patient={flow.patient()}", flow.token()) == expected,
        "not what the scopes say",
    )
    hidden = session.read(f"{kind}/{min(every - expected)}", flow.token())
    expect(hidden.status in (403, 404), f"a record outside the scopes: status {hidden.status}")
    shown = session.read(f"{kind}/{min(expected)}", flow.token())
    expect(shown.status == 200, f"a record inside the scopes: status {shown.status}")


def _found(session: SmartSession, path: str, token: str) -> set[str]:
    answer = session.read(path, token)
    expect(answer.status == 200, f"{path.partition('?')[0]}: status {answer.status}")
    entries = answer.json().get("entry", [])
    return {one["resource"]["id"] for one in entries if one.get("search", {}).get("mode") != "include"}


def _flow(session: SmartSession, start: Start = "standalone") -> Flow:
    return shared(session, any_kind(session), start)


def _narrow(session: SmartSession) -> tuple[Flow, str]:
    """Return a launch whose user took away one resource scope, and that scope. Raises Skip."""
    scopes = [one for one in session.scopes("narrow").split() if one.startswith("patient/")]
    searchable = [one for one in scopes if session.searchable(_type(one))]
    if len(scopes) < 2 or not searchable:
        raise Skip("scopes.narrow does not name two types of which one can be searched")
    denied = searchable[-1]

    def choice(name: str, value: str) -> bool:
        return not (name == "scope" and value.partition("?")[0] == denied)

    made = Flow(session, session.client(any_kind(session)), scope=session.scopes("narrow"), choice=choice)
    flow: Flow = session.kept.setdefault("narrow", made)
    return flow, denied


def _type(scope: str) -> str:
    return scope.partition("/")[2].partition(".")[0]


TESTS = (
    Test("g10_unauthorized_access", "Without a good token: 401", ("access-1",), no_token),
    Test("own_other_tokens", "Only access tokens open something", ("access-2",), other_tokens),
    Test(
        "g10_patient_context.standalone",
        "The patient in context can be read",
        ("ctx-4", "alone-1"),
        patient_context("standalone"),
    ),
    Test(
        "g10_patient_context.ehr",
        "The patient of the launch can be read",
        ("ctx-4", "ehr-3"),
        patient_context("ehr"),
    ),
    Test("g10_encounter_context", "The encounter of the launch can be read", ("ctx-2",), encounter_context),
    Test(
        "g10_smart_scopes.standalone",
        "What a standalone launch needs is granted",
        ("scope-1",),
        special_scopes("standalone"),
    ),
    Test("g10_smart_scopes.ehr", "What an EHR launch needs is granted", ("scope-1",), special_scopes("ehr")),
    Test("g10_ehr_patient_launch", "An EHR launch with patient scopes", ("scope-2", "ehr-3"), patient_scopes),
    Test("g10_smart_v1_scopes", "Scopes of SMART 1", ("scope-3", "scope-4"), v1_scopes),
    Test("g10_limited_scope_grant", "The user grants less than was asked", ("authz-9",), limited_grant),
    Test(
        "g10_restricted_access_test", "What was not granted is refused", ("scope-6", "access-3"), restricted
    ),
    Test("own_other_patient", "Other patients can't be told from nobody", ("scope-7",), other_patient),
    Test("g10_granular_scopes", "Scopes with search parameters", ("scope-5",), granular),
)
