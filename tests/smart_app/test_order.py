"""A launch from an order screen's card: its context helps, and never decides whose history is shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from smart_app import order
from tests.smart_app.conftest import Browser, Stage
from tests.smart_app.test_page import words
from tests.support.cds_stub import Stub, card, serving

FENWICK = {
    "resourceType": "Patient",
    "id": "p1",
    "name": [{"family": "FENWICK", "given": ["Loretta"]}],
    "birthDate": "1968-04-11",
}
NPI = {"system": "http://hl7.org/fhir/sid/us-npi", "value": "1999500006"}
CREECH = {
    "resourceType": "Practitioner",
    "id": "creech",
    "identifier": [NPI],
}
ROLE = {"resourceType": "PractitionerRole", "id": "r9", "specialty": [{"text": "Pain medicine"}]}
CLINIC = {
    "resourceType": "Organization",
    "id": "o9",
    "name": "Order Clinic",
    "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": "1999900016"}],
}
USED = "Opened from a card in the EHR"
IGNORED = "was not used. This page is about the patient in this chart."


def parameters(*, role: Any = None, clinic: Any = None, patient: Any = FENWICK, user: Any = CREECH) -> str:
    named = {
        "patient": patient,
        "authorized-practitioner": user,
        "authorized-practitioner-role": role,
        "authorized-practitioner-organization": clinic,
    }
    parts = [{"name": name, "resource": resource} for name, resource in named.items() if resource]
    return json.dumps({"resourceType": "Parameters", "parameter": parts})


@pytest.fixture
def cds(stage: Stage, browser: Browser) -> Iterator[Stub]:
    hospital = stage.hospital
    keys = browser.get(f"{hospital.base}/.well-known/jwks.json").json()
    with serving(Stub(keys=keys)) as stub:
        hospital.write(cds={"services_url": stub.services_url})
        yield stub


def launch_from_order(stage: Stage, browser: Browser, cds: Stub, context: str | None) -> str:
    """Order oxycodone for p1, follow the card's link, and return the page in the frame."""
    base, own = stage.hospital.base, {"Origin": stage.hospital.base}
    link = {"label": "Open", "url": f"{stage.settings.base_url}/launch", "type": "smart"}
    cds.cards = [card(links=[link | ({"appContext": context} if context is not None else {})])]
    browser.send("POST", f"{base}/sign-in", data={"practitioner": "creech"}, headers=own)
    browser.send("POST", f"{base}/chart/p1/orders/add", data={"drug": "oxycodone"}, headers=own)
    page = browser.get(f"{base}/chart/p1/orders").text
    action = re.search(r'action="([^"]*/open/0)"', page)
    assert action
    browser.send("POST", base + action[1], headers=own)
    frame = browser.get(f"{base}/chart/p1/pdmp").text
    url = frame.split('<iframe title="PDMP" src="')[1].split('"')[0].replace("&amp;", "&")
    answer = browser.follow(url)
    assert answer.status_code == 200
    return answer.text


def asked(stage: Stage) -> dict[str, dict[str, Any]]:
    """Return what the gateway was asked last, by parameter name."""
    return {p["name"]: p["resource"] for p in stage.gateway.calls[-1][1]["parameter"] if "resource" in p}


def test_a_context_about_this_chart_says_where_the_page_was_opened_from(
    stage: Stage, browser: Browser, cds: Stub
) -> None:
    page = launch_from_order(stage, browser, cds, parameters())
    assert USED in words(page)
    assert 'id="rows"' in page
    assert IGNORED not in words(page)


def test_role_and_organisation_come_from_it_where_the_ehr_gives_none(
    stage: Stage, browser: Browser, cds: Stub
) -> None:
    launch_from_order(stage, browser, cds, parameters(role=ROLE, clinic=CLINIC))
    said = asked(stage)
    assert said["authorized-practitioner-role"]["specialty"] == [{"text": "Pain medicine"}]
    assert said["authorized-practitioner-role"]["practitioner"] == {"reference": "Practitioner/creech"}
    assert said["authorized-practitioner-organization"]["name"] == "Order Clinic"


def test_the_ehrs_own_role_and_organisation_go_before_the_contexts(
    stage: Stage, browser: Browser, cds: Stub
) -> None:
    own = {**CLINIC, "id": "bluegrass", "name": "Bluegrass Regional"}
    stage.hospital.write(organization=own)
    scope = stage.hospital.registration()["scope"] + " user/PractitionerRole.rs user/Organization.rs"
    stage.register(stage.hospital, scope=scope)
    launch_from_order(stage, browser, cds, parameters(role=ROLE, clinic=CLINIC))
    said = asked(stage)
    assert said["authorized-practitioner-organization"]["name"] == "Bluegrass Regional"
    assert "specialty" not in said["authorized-practitioner-role"]


@pytest.mark.parametrize(
    ("context", "reason"),
    [
        (parameters(patient={**FENWICK, "id": "p2"}, clinic=CLINIC), "named another patient"),
        (parameters(patient={**FENWICK, "birthDate": "1971-01-01"}, clinic=CLINIC), "named another patient"),
        (parameters(patient={**FENWICK, "name": [{"family": "Pruitt"}]}, clinic=CLINIC), "another patient"),
        (parameters(user={**CREECH, "id": "tackett"}, clinic=CLINIC), "named another user"),
        (
            parameters(
                user={**CREECH, "identifier": [{**NPI, "value": "1999500014"}]},
                clinic=CLINIC,
            ),
            "named another user",
        ),
        (parameters(user=None), "could not be read"),
        (parameters(patient=None), "could not be read"),
        (parameters(patient={**FENWICK, "resourceType": "Person"}), "could not be read"),
        (parameters()[:80], "could not be read"),
        ("[" * 5000, "could not be read"),
        ("42", "could not be read"),
        ('{"resourceType": "Bundle"}', "could not be read"),
        (
            json.dumps(
                {
                    "resourceType": "Parameters",
                    "parameter": [{"name": "patient", "resource": FENWICK}] * 2
                    + [{"name": "authorized-practitioner", "resource": CREECH}],
                }
            ),
            "could not be read",
        ),
    ],
)
def test_any_other_context_is_ignored_and_the_page_says_so(
    stage: Stage, browser: Browser, cds: Stub, context: str, reason: str
) -> None:
    text = words(launch_from_order(stage, browser, cds, context))
    assert reason in text
    assert IGNORED in text
    assert USED not in text
    said = asked(stage)
    assert said["patient"]["id"] == "p1"
    assert said["patient"]["birthDate"] == "1968-04-11"
    assert said["patient"]["name"][0]["family"] == "Fenwick"
    assert said["authorized-practitioner"]["id"] == "creech"
    assert said.get("authorized-practitioner-organization", {}).get("name") != "Order Clinic"
    assert "Every dispensation" in text


def test_a_fault_of_the_ehr_in_the_context_changes_nothing_but_the_notice(
    stage: Stage, browser: Browser, cds: Stub
) -> None:
    for fault, reason in {
        "app-context-other-patient": "named another patient",
        "app-context-broken": "could not be read",
    }.items():
        stage.hospital.write(faults=[fault])
        assert reason in words(launch_from_order(stage, browser, cds, parameters()))


def test_a_launch_without_context_says_nothing_about_one(stage: Stage, browser: Browser, cds: Stub) -> None:
    for page in (launch_from_order(stage, browser, cds, None), browser.open(stage.hospital).text):
        assert USED not in words(page)
        assert "not used" not in words(page)


def test_of_an_ignored_context_nothing_stays_in_the_cache_or_the_log(
    stage: Stage, browser: Browser, cds: Stub, caplog: pytest.LogCaptureFixture
) -> None:
    assert order.keep(parameters(patient={**FENWICK, "id": "p2"}), "p1") == "other-patient"
    with caplog.at_level("DEBUG", "smart_app"):
        launch_from_order(stage, browser, cds, parameters(patient={**FENWICK, "id": "p2"}))
    assert "FENWICK" not in caplog.text


def test_asking_again_weighs_the_context_again(stage: Stage, browser: Browser, cds: Stub) -> None:
    page = launch_from_order(stage, browser, cds, parameters())
    handle = page.split('name="page" value="')[1].split('"')[0]
    again = browser.send("POST", f"{stage.settings.base_url}/view", data={"page": handle})
    assert USED in words(again.text)
