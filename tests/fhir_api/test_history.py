"""$pdmp-history from the request to the answer, on what pharmacies have reported."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from fhir.resources.R4B.parameters import Parameters
from werkzeug.test import TestResponse

from tests.fhir_api import bodies
from tests.fhir_api.bodies import parameters
from tests.fhir_api.conftest import CLINIC, Gateway
from tests.fhir_api.test_edge import logged

PERIOD = "http://hl7.org/fhir/us/pdmp/StructureDefinition/pdmp-activity-period-extension"
PMIX = "http://terminology.hl7.org/CodeSystem/PMIXStatusCode"


def answered(answer: TestResponse) -> dict[str, dict[str, Any]]:
    """Return the parts of a 200 answer by name, after checking its shape."""
    assert answer.status_code == 200, answer.text
    assert answer.content_type.startswith("application/fhir+json")
    Parameters.model_validate_json(answer.data)
    return {part["name"]: part for part in answer.get_json()["parameter"]}


def outcome(answer: TestResponse) -> tuple[str, str, str, str]:
    """Return severity, code, details code and diagnostics of the one outcome in the answer."""
    parts = answered(answer)
    assert set(parts) == {"outcome"}
    (issue,) = parts["outcome"]["resource"]["issue"]
    (coding,) = issue["details"]["coding"]
    assert coding["system"] == PMIX
    return issue["severity"], issue["code"], coding["code"], issue["diagnostics"]


@pytest.mark.parametrize(
    "path", ["/fhir/$pdmp-history", "/fhir/Patient/$pdmp-history", "/fhir/%24pdmp-history"]
)
def test_a_history_holds_the_fills_of_the_look_back_newest_first(reported: Gateway, path: str) -> None:
    answer = reported.caller().history(parameters(bodies.fenwick()), path=path)
    parts = answered(answer)
    assert set(parts) == {"pdmp-history-data"}
    bundle = parts["pdmp-history-data"]["resource"]
    assert bundle["type"] == "collection"
    assert "total" not in bundle
    resources = [entry["resource"] for entry in bundle["entry"]]
    assert resources[0]["resourceType"] == "Patient"
    dispenses = [r for r in resources if r["resourceType"] == "MedicationDispense"]
    assert [d["whenPrepared"] for d in dispenses] == [
        "2026-11-17",
        "2026-11-04",
        "2026-11-04",
        "2026-10-20",
        "2026-10-05",
        "2026-09-05",
    ]
    assert all(d["status"] == "completed" for d in dispenses)


def test_every_reference_of_a_history_resolves_inside_it(reported: Gateway) -> None:
    base = reported.services.settings.fhir_base
    bundle = answered(reported.caller().history(parameters(bodies.fenwick())))["pdmp-history-data"][
        "resource"
    ]
    urls = [entry["fullUrl"] for entry in bundle["entry"]]
    assert len(set(urls)) == len(urls)
    for entry in bundle["entry"]:
        resource = entry["resource"]
        assert entry["fullUrl"] == f"{base}/{resource['resourceType']}/{resource['id']}"
        assert resource["meta"]["source"]
    for reference in references(bundle["entry"]):
        assert f"{base}/{reference}" in urls


def references(value: Any) -> list[str]:
    if isinstance(value, list):
        return [found for item in value for found in references(item)]
    if isinstance(value, dict):
        own = [value["reference"]] if isinstance(value.get("reference"), str) else []
        return own + [found for item in value.values() for found in references(item)]
    return []


def test_the_answer_names_the_period_looked_at_and_leaves_a_grant(reported: Gateway) -> None:
    answer = reported.caller().history(parameters(bodies.fenwick()))
    extensions = answered(answer)["pdmp-history-data"]["extension"]
    (period,) = [e["valuePeriod"] for e in extensions if e["url"] == PERIOD]
    assert period == {"start": "2025-11-20", "end": "2026-11-20"}
    assert len(answer.headers["PDMP-Grant"]) >= 32
    assert answer.headers["Cache-Control"] == "no-store"


def test_plain_json_is_taken_and_given_as_fhir_json(reported: Gateway) -> None:
    answer = reported.caller().history(
        parameters(bodies.fenwick()), Content_Type="application/json", Accept="application/json"
    )
    assert set(answered(answer)) == {"pdmp-history-data"}


def test_nobody_of_that_name_and_birth_date_is_no_data(reported: Gateway) -> None:
    answer = reported.caller().history(parameters(bodies.patient("Nobody", "Nora", "1990-01-01")))
    assert outcome(answer)[:3] == ("information", "informational", "no-data")
    assert "PDMP-Grant" not in answer.headers


def test_nothing_in_the_look_back_reads_the_same_and_lets_an_earlier_period_be_asked(
    reported: Gateway,
) -> None:
    caller = reported.caller()
    unknown = caller.history(parameters(bodies.patient("Nobody", "Nora", "1990-01-01")))
    body = parameters(bodies.patient("Quill", "Ada", "1955-01-02", **bodies.ssn("999700301")))
    known = caller.history(body)
    assert known.data == unknown.data
    assert known.headers["PDMP-Grant"]


@pytest.mark.parametrize("evidence", [{}, bodies.ssn("999-70-0999"), bodies.ssn("XXX-XX-0201")])
def test_candidates_without_a_deciding_identifier_are_an_error_and_never_no_data(
    reported: Gateway, evidence: dict[str, Any]
) -> None:
    severity, code, status, text = outcome(reported.caller().history(parameters(bodies.bell(**evidence))))
    assert (severity, code, status) == ("error", "multiple-matches", "error")
    assert "settle" in text
    assert "Bell" not in text


def test_a_deciding_identifier_tells_two_namesakes_apart(reported: Gateway) -> None:
    caller = reported.caller()
    found = []
    for number in ("999-70-0201", "999700202"):
        parts = answered(caller.history(parameters(bodies.bell(**bodies.ssn(number)))))
        found.append(parts["pdmp-history-data"]["resource"]["entry"][0]["resource"]["id"])
    assert len(set(found)) == 2


def test_our_own_person_id_decides_when_name_and_birth_date_agree(reported: Gateway) -> None:
    caller = reported.caller()
    first = answered(caller.history(parameters(bodies.bell(**bodies.ssn("999700201")))))
    patient = first["pdmp-history-data"]["resource"]["entry"][0]["resource"]
    again = caller.history(parameters(bodies.bell(identifier=patient["identifier"])))
    assert answered(again)["pdmp-history-data"]["resource"]["entry"][0]["resource"]["id"] == patient["id"]
    other = bodies.patient("Nobody", "Nora", "1990-01-01", identifier=patient["identifier"])
    assert outcome(caller.history(parameters(other)))[2] == "no-data"


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({"authorized_practitioner": bodies.practitioner("1999100872")}, "no account"),
        (
            {"authorized_practitioner_organization": bodies.organization("1999000130")},
            "not one that the client",
        ),
        ({"authorized_practitioner": {"resourceType": "Practitioner"}}, "no identifier"),
    ],
)
def test_a_refusal_says_why_and_looks_the_same_whoever_is_asked_for(
    reported: Gateway, inputs: dict[str, Any], reason: str
) -> None:
    caller = reported.caller()
    known = caller.history(parameters(bodies.fenwick(), **inputs))
    unknown = caller.history(parameters(bodies.patient("Nobody", "Nora", "1990-01-01"), **inputs))
    severity, code, status, text = outcome(known)
    assert (severity, code, status) == ("error", "forbidden", "disallowed")
    assert reason in text
    assert known.data == unknown.data


def test_the_organisation_of_client_and_account_is_accepted_named_or_not(reported: Gateway) -> None:
    caller = reported.caller()
    for more in ({}, {"authorized_practitioner_organization": bodies.organization(CLINIC)}):
        assert set(answered(caller.history(parameters(bodies.fenwick(), **more)))) == {"pdmp-history-data"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (parameters({**bodies.fenwick(), "birthDate": "1968"}), "required"),
        (parameters(bodies.fenwick(), pre_stage_only={"valueBoolean": True}), "not-supported"),
        (parameters(bodies.fenwick(), delegate_practitioner=bodies.practitioner()), "not-supported"),
    ],
)
def test_what_cannot_be_answered_is_an_outcome_with_status_200(
    reported: Gateway, body: dict[str, Any], code: str
) -> None:
    severity, issue, status, _ = outcome(reported.caller().history(body))
    assert (severity, issue, status) == ("error", code, "error")


def test_no_ssn_is_ever_in_an_answer(reported: Gateway) -> None:
    text = reported.caller().history(parameters(bodies.fenwick())).text
    assert "999700101" not in text.replace("-", "")


def test_the_log_tells_nothing_of_whom_was_asked_for(
    reported: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        caller = reported.caller()
        answer = caller.history(parameters(bodies.fenwick()))
        person = answered(answer)["pdmp-history-data"]["resource"]["entry"][0]["resource"]["id"]
        caller.get(f"/fhir/Patient/{person}")
        caller.get(f"/fhir/MedicationDispense?patient={person}&code=10702005601")
        caller.history(parameters(bodies.bell()))
    lines = logged(caplog)
    assert "request" in lines
    for secret in (
        "Fenwick",
        "Loretta",
        "Bell",
        "1968-04-11",
        "999700101",
        "10702005601",
        person,
        caller.token,
    ):
        assert secret not in lines


def test_a_disabled_account_is_refused_though_the_same_call_was_answered(reported: Gateway) -> None:
    from gateway.auth.accounts import disable_account

    inputs = {"authorized_practitioner": bodies.practitioner("1999100864")}
    caller = reported.caller()
    assert set(answered(caller.history(parameters(bodies.fenwick(), **inputs)))) == {"pdmp-history-data"}
    disable_account(reported.services.database, "disabled")
    assert outcome(caller.history(parameters(bodies.fenwick(), **inputs)))[2] == "disallowed"


def test_json_of_the_whole_answer_is_what_the_guide_shows(reported: Gateway) -> None:
    document = json.loads(reported.caller().history(parameters(bodies.fenwick())).data)
    assert document["meta"]["profile"] == [
        "http://hl7.org/fhir/us/pdmp/StructureDefinition/pdmp-parameters-response"
    ]
