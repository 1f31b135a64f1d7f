"""Whatever is sent, the answer is FHIR, never a fault of the server's."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from tests.fhir_api import bodies
from tests.fhir_api.bodies import parameters
from tests.fhir_api.conftest import Caller, Gateway

PARAMETERS = ("subject", "_id", "status", "code", "whenprepared", "_lastUpdated", "_include", "_count")
names = st.sampled_from(["patient", "whenhandedover", "_page", "_sort", "x", *PARAMETERS])
values = st.one_of(
    st.text(max_size=20),
    st.binary(max_size=8).map(quote),
    st.sampled_from(
        [
            "\x00",
            "a,b",
            "|",
            "http://hl7.org/fhir/sid/ndc|\x00",
            "ge2026",
            "\\,",
            "MedicationDispense:patient",
        ]
    ),
)
texts = st.one_of(
    st.text(max_size=12), st.sampled_from(["\x00", "Fenwick\x00", "\u202e", "😀", " ", "'; --", "%s"])
)


@pytest.fixture(scope="module")
def granted(reported: Gateway) -> tuple[Caller, str]:
    caller = reported.caller()
    return caller, caller.history(parameters(bodies.fenwick())).headers["PDMP-Grant"]


def check(answer: TestResponse) -> None:
    assert answer.status_code < 500, answer.text
    assert answer.get_json()["resourceType"] in ("OperationOutcome", "Bundle", "Parameters")
    if answer.status_code >= 400:
        assert answer.get_json()["issue"][0]["severity"] == "error"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(names, values), max_size=4))
def test_any_search_is_answered_or_refused(granted: tuple[Caller, str], pairs: list[tuple[str, str]]) -> None:
    caller, grant = granted
    query = "&".join(f"{name}={quote(value)}" for name, value in pairs)
    check(caller.get(f"/fhir/MedicationDispense?patient=x&{query}", PDMP_Grant=grant))
    check(caller.get(f"/fhir/MedicationDispense?_id=x&{query}", PDMP_Grant=grant))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts, texts, texts, texts, texts)
def test_any_text_in_a_request_is_answered_or_refused(
    granted: tuple[Caller, str], family: str, given_name: str, number: str, line: str, phone: str
) -> None:
    caller, _ = granted
    patient: dict[str, Any] = bodies.patient(family, given_name, "1968-04-11")
    licence = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "DL"}]}
    patient["identifier"] = [{"type": licence, "value": number}, {"system": bodies.SSN, "value": number}]
    patient["address"] = [{"line": [line], "city": line, "postalCode": number}]
    patient["telecom"] = [{"system": "phone", "value": phone}]
    sent = bodies.practitioner()
    profession = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MD"}]}
    sent["identifier"] += [{"type": profession, "system": "urn:x:KY", "value": number}]
    body = parameters(patient, authorized_practitioner=sent)
    try:
        json.dumps(body).encode()
    except UnicodeEncodeError:
        return
    check(caller.history(body))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["Patient", "MedicationDispense", "Organization", "Basic"]),
    st.text(min_size=1, max_size=70),
)
def test_any_id_is_read_or_refused(granted: tuple[Caller, str], kind: str, resource_id: str) -> None:
    caller, grant = granted
    if resource_id in (".", ".."):
        return
    answer = caller.get(f"/fhir/{kind}/{quote(resource_id, safe='')}", PDMP_Grant=grant)
    if answer.status_code != 308:
        check(answer)
