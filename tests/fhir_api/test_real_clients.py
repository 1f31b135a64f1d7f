"""Clients that others wrote, against the gateway under gunicorn: fhirpy, and requests with PyJWT."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
import requests
from fhirpy import SyncFHIRClient

from tests.fhir_api import asap, bodies
from tests.fhir_api.bodies import parameters
from tests.fhir_api.conftest import SCOPE, Gateway, open_gateway
from tests.support.processes import LiveGateway


@pytest.fixture(scope="module")
def live(module_gateway: LiveGateway) -> Iterator[tuple[LiveGateway, Gateway]]:
    with open_gateway(module_gateway.settings) as beside:
        asap.load(beside.services)
        yield module_gateway, beside


@pytest.fixture(scope="module")
def token(live: tuple[LiveGateway, Gateway]) -> str:
    """A token as SMART Backend Services has it, from discovery on."""
    gateway, beside = live
    found = requests.get(f"{gateway.fhir}/.well-known/smart-configuration", timeout=10).json()
    now = int(dt.datetime.now(dt.UTC).timestamp())
    claims = {
        "iss": "ehr",
        "sub": "ehr",
        "aud": found["token_endpoint"],
        "jti": str(uuid.uuid4()),
        "exp": now + 240,
    }
    form = {
        "grant_type": "client_credentials",
        "scope": SCOPE,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode(claims, beside.key, algorithm="ES384", headers={"kid": "k1"}),
    }
    answer = requests.post(found["token_endpoint"], data=form, timeout=10)
    assert answer.status_code == 200, answer.text
    granted: str = answer.json()["access_token"]
    return granted


def test_requests_gets_a_history_and_what_belongs_to_it(
    live: tuple[LiveGateway, Gateway], token: str
) -> None:
    gateway, _ = live
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    answer = session.post(
        f"{gateway.fhir}/Patient/$pdmp-history",
        data=json.dumps(parameters(bodies.fenwick())),
        headers={"Content-Type": "application/fhir+json"},
        timeout=10,
    )
    assert answer.status_code == 200
    session.headers["PDMP-Grant"] = answer.headers["PDMP-Grant"]
    entries = answer.json()["parameter"][0]["resource"]["entry"]
    for entry in entries:
        # A Practitioner needs a scope of its own here; an alert is computed for its answer and kept nowhere.
        if entry["resource"]["resourceType"] not in ("Practitioner", "DetectedIssue"):
            read = session.get(entry["fullUrl"], timeout=10)
            assert read.json() == entry["resource"]


def test_fhirpy_calls_the_operation_and_pages_through_a_search(
    live: tuple[LiveGateway, Gateway], token: str
) -> None:
    gateway, _ = live
    first = SyncFHIRClient(gateway.fhir, authorization=f"Bearer {token}")
    answer: dict[str, Any] = first.execute(
        "$pdmp-history", method="POST", data=parameters(bodies.bell(**bodies.ssn("999700201")))
    )
    patient = answer["parameter"][0]["resource"]["entry"][0]["resource"]
    # The only live grant for this person: no header is needed.
    assert first.reference("Patient", patient["id"]).to_resource()["birthDate"] == "1971-08-05"
    found = first.resources("MedicationDispense").search(patient=patient["id"]).limit(1)
    assert [fill["whenPrepared"] for fill in found.fetch_all()] == ["2026-10-01"]


def test_fhirpy_follows_page_links_as_they_are(live: tuple[LiveGateway, Gateway], token: str) -> None:
    gateway, beside = live
    # A client of its own, so that it has one live grant for this person.
    beside.register("pager")
    client = SyncFHIRClient(gateway.fhir, authorization=f"Bearer {beside.caller('pager').token}")
    answer = client.execute("$pdmp-history", method="POST", data=parameters(bodies.fenwick()))
    person = answer["parameter"][0]["resource"]["entry"][0]["resource"]["id"]
    search = client.resources("MedicationDispense").search(patient=person, whenprepared="ge2026").limit(2)
    assert [fill["whenPrepared"] for fill in search.fetch_all()] == [
        "2026-11-17",
        "2026-11-04",
        "2026-11-04",
        "2026-10-20",
        "2026-10-05",
        "2026-09-05",
    ]
    assert search.count() == 6
