"""XML beside JSON on every FHIR address, in and out: the same answer in either."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from gateway.fhir.xml import to_json, to_xml
from tests.fhir_api import bodies
from tests.fhir_api.bodies import parameters
from tests.fhir_api.conftest import Gateway

XML = "application/fhir+xml"


def test_a_history_in_xml_is_the_history_in_json(reported: Gateway) -> None:
    caller = reported.caller()
    in_json = caller.history(parameters(bodies.fenwick()))
    in_xml = reported.http.post(
        "/fhir/Patient/$pdmp-history",
        data=to_xml(json.dumps(parameters(bodies.fenwick())).encode()),
        headers={"Authorization": f"Bearer {caller.token}", "Content-Type": XML, "Accept": XML},
    )
    assert in_xml.status_code == 200
    assert in_xml.content_type == f"{XML}; charset=utf-8"
    told = json.loads(to_json(in_xml.data))
    assert told["resourceType"] == "Parameters"

    def settled(document: dict[str, Any]) -> list[str]:
        # The Bundle and what is computed for one answer are made anew each time.
        entries = document["parameter"][0]["resource"].pop("entry")
        texts = [json.dumps(each, sort_keys=True) for each in (document, *entries)]
        texts = [re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "id", text) for text in texts]
        return sorted(re.sub(r"2026-\d\d-\d\dT[0-9:.+Z-]+", "instant", text) for text in texts)

    assert settled(told) == settled(in_json.get_json())


def test_a_search_and_a_read_answer_in_xml(reported: Gateway) -> None:
    caller = reported.caller()
    answer = caller.history(parameters(bodies.fenwick()))
    entries = answer.get_json()["parameter"][0]["resource"]["entry"]
    person = entries[0]["resource"]["id"]
    grant = answer.headers["PDMP-Grant"]
    path = f"/fhir/MedicationDispense?patient={person}"
    in_json = caller.get(path, PDMP_Grant=grant).get_json()
    in_xml = caller.get(f"{path}&_format=xml", PDMP_Grant=grant)
    assert in_xml.content_type.startswith(XML)
    told = json.loads(to_json(in_xml.data))
    assert told["entry"] == in_json["entry"]
    assert told["total"] == in_json["total"]
    read = caller.get(f"/fhir/Patient/{person}", PDMP_Grant=grant, Accept=XML)
    assert json.loads(to_json(read.data)) == entries[0]["resource"]


@pytest.mark.parametrize("path", ["/fhir/metadata", "/fhir/CodeSystem/alert-rule"])
def test_public_documents_are_served_in_xml_too(gateway: Gateway, path: str) -> None:
    in_xml = gateway.http.get(path, headers={"Accept": XML})
    assert in_xml.status_code == 200
    assert json.loads(to_json(in_xml.data)) == gateway.http.get(path).get_json()


def test_errors_come_in_the_format_that_was_asked_for(gateway: Gateway) -> None:
    answer = gateway.http.get("/fhir/Patient/p1", headers={"Accept": XML})
    assert answer.status_code == 401
    assert answer.content_type.startswith(XML)
    assert json.loads(to_json(answer.data))["issue"][0]["code"] == "login"
    nowhere = gateway.http.get("/fhir/Nothing", headers={"Accept": XML})
    assert json.loads(to_json(nowhere.data))["resourceType"] == "OperationOutcome"


def test_a_malformed_xml_body_is_a_bad_request(gateway: Gateway) -> None:
    answer = gateway.http.post(
        "/fhir/Patient/$pdmp-history",
        data=b"<!DOCTYPE Parameters><Parameters xmlns='http://hl7.org/fhir'/>",
        headers={"Authorization": f"Bearer {gateway.caller().token}", "Content-Type": XML},
    )
    assert answer.status_code == 400
    assert "document type" in answer.get_json()["issue"][0]["diagnostics"]
