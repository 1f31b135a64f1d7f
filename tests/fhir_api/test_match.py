"""Patient/$match: who may ask, what is told, what is kept of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from werkzeug.test import TestResponse

from tests.fhir_api import bodies
from tests.fhir_api.conftest import SCOPE, Caller, Gateway

MATCH = "__match system/Patient.rs"
GRADE = "http://hl7.org/fhir/StructureDefinition/match-grade"


@pytest.fixture(scope="module")
def matching(reported: Gateway) -> Gateway:
    reported.register("registry", scope=f"{MATCH} system/MedicationDispense.rs")
    return reported


@pytest.fixture
def caller(matching: Gateway, servers: Any) -> Caller:
    import redis

    with redis.Redis.from_url(str(matching.services.settings.redis_url)) as cache:
        for key in cache.scan_iter("gateway:rate:match:*"):
            cache.delete(key)
    return matching.caller("registry", MATCH)


def ask(caller: Caller, patient: dict[str, Any], **inputs: Any) -> TestResponse:
    parts: list[dict[str, Any]] = [{"name": "resource", "resource": patient}]
    for name, value in inputs.items():
        kind = "valueBoolean" if isinstance(value, bool) else "valueInteger"
        parts.append({"name": name, kind: value})
    body = {"resourceType": "Parameters", "parameter": parts}
    return caller.history(body, path="/fhir/Patient/$match")


def grades(answer: TestResponse) -> list[str]:
    assert answer.status_code == 200, answer.text
    bundle = answer.get_json()
    Bundle.model_validate(bundle)
    assert bundle["type"] == "searchset"
    assert bundle["total"] == len(bundle.get("entry", []))
    return [
        extension["valueCode"]
        for entry in bundle.get("entry", [])
        for extension in entry["search"]["extension"]
        if extension["url"] == GRADE
    ]


def rows(gateway: Gateway) -> list[tuple[Any, ...]]:
    with gateway.services.database.connection() as connection:
        return connection.execute(
            "SELECT outcome, reason, client_id, person_id, other_resources FROM audit"
            " WHERE interaction = 'Patient/$match' ORDER BY at, audit_id"
        ).fetchall()


def test_whom_a_history_would_be_about_is_certain(caller: Caller, matching: Gateway) -> None:
    answer = ask(caller, bodies.fenwick())
    assert grades(answer) == ["certain"]
    [entry] = answer.get_json()["entry"]
    history = matching.caller().history(bodies.parameters(bodies.fenwick())).get_json()
    patient = history["parameter"][0]["resource"]["entry"][0]["resource"]
    assert entry["resource"]["id"] == patient["id"]
    assert entry["search"]["mode"] == "match"
    assert 0 < entry["search"]["score"] <= 1


def test_nothing_of_a_person_is_told_but_our_identifier(caller: Caller) -> None:
    [entry] = ask(caller, bodies.fenwick()).get_json()["entry"]
    resource = entry["resource"]
    assert set(resource) == {"resourceType", "id", "meta", "identifier"}
    assert [tag["code"] for tag in resource["meta"]["tag"]] == ["SUBSETTED"]
    assert [one["value"] for one in resource["identifier"]] == [resource["id"]]


def test_two_who_may_be_meant_are_both_told_and_none_of_them_as_certain(caller: Caller) -> None:
    found = grades(ask(caller, bodies.bell()))
    assert len(found) == 2
    assert "certain" not in found
    assert len(grades(ask(caller, bodies.bell(), count=1))) == 1


def test_only_certain_matches_are_at_most_one(caller: Caller) -> None:
    assert grades(ask(caller, bodies.bell(), onlyCertainMatches=True)) == []
    one = bodies.bell(**bodies.ssn("999-70-0202"))
    assert grades(ask(caller, one, onlyCertainMatches=True)) == ["certain"]


def test_more_that_agrees_scores_higher_and_stands_first(caller: Caller) -> None:
    asked = bodies.bell(address=[{"line": ["4 Mill Street"], "city": "Paris", "postalCode": "40361"}])
    answer = ask(caller, asked)
    assert grades(answer) == ["certain", "possible"]
    scores = [entry["search"]["score"] for entry in answer.get_json()["entry"]]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > scores[1]


def test_what_was_told_can_be_asked_for_by_its_identifier(caller: Caller, matching: Gateway) -> None:
    [entry] = ask(caller, bodies.fenwick()).get_json()["entry"]
    known = bodies.patient("Fenwick", "Loretta", "1968-04-11", identifier=entry["resource"]["identifier"])
    history = matching.caller().history(bodies.parameters(known)).get_json()
    assert history["parameter"][0]["name"] == "pdmp-history-data"


def test_nobody_is_an_empty_bundle_with_an_audit_row(caller: Caller, matching: Gateway) -> None:
    answer = ask(caller, bodies.patient("Nobody", "Ever", "1950-01-01"))
    assert answer.get_json() == {"resourceType": "Bundle", "type": "searchset", "total": 0}
    assert rows(matching)[-1][:3] == ("no-data", "", "registry")


def test_each_person_that_is_told_has_its_audit_row(caller: Caller, matching: Gateway) -> None:
    before = len(rows(matching))
    told = {entry["resource"]["id"] for entry in ask(caller, bodies.bell()).get_json()["entry"]}
    new = rows(matching)[before:]
    assert {row[0] for row in new} == {"disclosed"}
    assert {str(row[3]) for row in new} == told
    assert {name for row in new for name in row[4]} == {f"Patient/{one}" for one in told}


@pytest.mark.parametrize(
    "patient",
    [
        {"resourceType": "Patient"},
        {"resourceType": "Patient", "name": [{"family": "Fenwick"}]},
        {"resourceType": "Patient", "name": [{"family": "Fenwick"}], "birthDate": "1968"},
        {"resourceType": "Patient", "identifier": [{"system": bodies.SSN, "value": "999-70-0101"}]},
    ],
    ids=["nothing", "no birth date", "a year only", "an SSN only"],
)
def test_too_little_to_match_by_is_refused_and_audited(
    caller: Caller, matching: Gateway, patient: dict[str, Any]
) -> None:
    answer = ask(caller, patient)
    assert answer.status_code == 400
    assert answer.get_json()["resourceType"] == "OperationOutcome"
    assert rows(matching)[-1][:2] == ("failed", "too little to match by")


@pytest.mark.parametrize(
    ("client", "scope", "wanted"),
    [
        ("ehr", SCOPE, SCOPE),
        ("wildcard", "system/*.rs", "system/*.rs"),
        ("reads", f"{MATCH} system/Patient.r", "__match system/Patient.r"),
        ("registry-narrow", MATCH, "system/Patient.rs"),
    ],
)
def test_a_client_without_the_registered_scope_is_refused_and_audited(
    matching: Gateway, client: str, scope: str, wanted: str
) -> None:
    if client != "ehr":
        matching.register(client, scope=scope)
    answer = ask(matching.caller(client, wanted), bodies.fenwick())
    assert answer.status_code == 403
    assert "Fenwick" not in answer.text
    outcome, reason, who, person, _ = rows(matching)[-1]
    assert (outcome, reason, who, person) == (
        "refused",
        "scope does not permit this interaction",
        client,
        None,
    )


def test_without_a_token_nothing_is_answered(matching: Gateway) -> None:
    assert ask(Caller(matching.http, "none"), bodies.fenwick()).status_code == 401


def test_too_many_questions_are_refused_and_audited(caller: Caller, matching: Gateway) -> None:
    # Two windows' worth and one: wherever the minute turns, one of the windows is full.
    answers = []
    for _ in range(121):
        answers.append(ask(caller, {"resourceType": "Patient"}))
        if answers[-1].status_code == 429:
            break
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert len(answers) > 60
    assert rows(matching)[-1][:2] == ("refused", "rate limit")


@pytest.mark.parametrize("inputs", [{"count": 0}, {"count": True}, {"onlyCertainMatches": 1}])
def test_malformed_inputs_are_bad_requests(caller: Caller, inputs: dict[str, Any]) -> None:
    assert ask(caller, bodies.fenwick(), **inputs).status_code == 400


def test_the_statement_names_fhirs_own_definition(matching: Gateway) -> None:
    statement = matching.http.get("/fhir/metadata").get_json()
    [patient] = [one for one in statement["rest"][0]["resource"] if one["type"] == "Patient"]
    found = {one["name"]: one["definition"] for one in patient["operation"]}
    assert found["match"] == "http://hl7.org/fhir/OperationDefinition/Patient-match"


def test_nothing_of_the_question_is_logged(
    caller: Caller, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    ask(caller, bodies.fenwick())
    written = capfd.readouterr()
    text = written.out + written.err + caplog.text + json.dumps([str(one.__dict__) for one in caplog.records])
    assert not any(word in text for word in ("Fenwick", "Loretta", "1968-04-11", "999-70-0101"))
