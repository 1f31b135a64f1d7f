"""The order screen over HTTP: which hooks are fired, what they carry, what becomes of the cards."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from flask.testing import FlaskClient

from conformance.ehr import service
from tests.support.cds_stub import Stub, card, context, serving
from tests.support.ehr_double import BASE, FHIR, Hospital, SmartClient, get, post

PATIENT = {"resourceType": "Patient", "id": "p1"}


@pytest.fixture
def cds(hospital: Hospital) -> Iterator[Stub]:
    with serving(Stub(keys=hospital.ehr.hook_key.jwks(), cards=[card()])) as stub:
        hospital.write(cds={"services_url": stub.services_url})
        yield stub


def pick(browser: FlaskClient, drug: str, patient: str = "p1", **more: str) -> str:
    """Pick a drug and return the screen that comes of it."""
    answer = post(browser, f"/chart/{patient}/orders/add", {"drug": drug, **more})
    assert answer.status_code == 303
    return get(browser, answer.location).text


def sign(browser: FlaskClient, patient: str = "p1", **more: str) -> str:
    post(browser, f"/chart/{patient}/orders/sign", more)
    return get(browser, f"/chart/{patient}/orders").text


def press(browser: FlaskClient, page: str, ending: str, **form: str) -> Any:
    """Press the first button whose form posts to an address with that ending."""
    action = re.search(rf'action="([^"]*/{ending})"', page)
    assert action, page
    return post(browser, action[1], form)


def test_a_picked_drug_fires_order_select_with_every_draft(hospital: Hospital, cds: Stub) -> None:
    browser = hospital.browser()
    pick(browser, "amoxicillin")
    page = pick(browser, "oxycodone")
    assert "Controlled substance: check the PDMP" in page
    hook, body, _ = cds.calls[-1]
    assert hook == body["hook"] == "order-select"
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", body["hookInstance"])
    assert cds.calls[0][1]["hookInstance"] == body["hookInstance"], "one ordering session"
    said = body["context"]
    assert said["userId"] == "Practitioner/creech"
    assert said["patientId"] == "p1"
    drafts = [entry["resource"] for entry in said["draftOrders"]["entry"]]
    assert [draft["medicationCodeableConcept"]["coding"][0]["code"] for draft in drafts] == [
        "308191",
        "1049621",
    ]
    assert all(draft["status"] == "draft" and draft["intent"] == "order" for draft in drafts)
    assert said["selections"] == [f"MedicationRequest/{drafts[-1]['id']}"]


def test_every_call_is_signed_for_its_own_address_once_and_for_minutes(hospital: Hospital, cds: Stub) -> None:
    browser = hospital.browser()
    pick(browser, "oxycodone")
    sign(browser)
    tokens = [token for _, _, token in cds.calls]
    claims = [jwt.decode(token, options={"verify_signature": False}) for token in tokens]
    assert [one["aud"] for one in claims] == [
        f"{cds.services_url}/pdmp-{hook}" for hook in ("order-select", "order-sign")
    ]
    assert {one["iss"] for one in claims} == {BASE}
    assert all(one["exp"] - one["iat"] <= 300 for one in claims)
    assert len({one["jti"] for one in claims}) == 2
    header = jwt.get_unverified_header(tokens[0])
    assert (header["alg"], header["typ"], "jku" in header) == ("ES384", "JWT", False)
    published = get(browser, "/.well-known/jwks.json").get_json()["keys"]
    assert header["kid"] in [key["kid"] for key in published if key["kty"] == "EC"]
    assert not any("d" in key for key in published)


def test_the_jwks_address_is_named_in_the_header_where_the_file_wants_it(
    hospital: Hospital, cds: Stub
) -> None:
    hospital.write(cds={"services_url": cds.services_url, "jku": True})
    pick(hospital.browser(), "oxycodone")
    assert jwt.get_unverified_header(cds.calls[0][2])["jku"] == f"{BASE}/.well-known/jwks.json"


def test_prefetch_and_a_token_for_this_patient_alone_travel_along(hospital: Hospital, cds: Stub) -> None:
    pick(hospital.browser(), "oxycodone")
    body = cds.calls[0][1]
    assert body["prefetch"]["patient"]["name"][0]["family"] == "Fenwick"
    assert body["prefetch"]["user"]["name"][0]["family"] == "Creech"
    assert body["fhirServer"] == FHIR
    access = body["fhirAuthorization"]
    assert (access["token_type"], access["patient"], access["subject"]) == ("Bearer", "p1", "cds-service")
    smart = SmartClient(hospital)
    assert smart.fhir(access["access_token"], "Patient/p1").status_code == 200
    assert smart.fhir(access["access_token"], "Practitioner/creech").status_code == 200
    assert smart.fhir(access["access_token"], "Patient/p2").status_code == 403
    assert smart.fhir(access["access_token"], "Encounter").status_code == 403
    hospital.clock = 301
    assert smart.fhir(access["access_token"], "Patient/p1").status_code == 401


@pytest.mark.parametrize(
    ("fault", "sent"),
    [
        ("prefetch-missing", None),
        ("prefetch-null", {"patient": None, "user": None}),
        ("prefetch-partial", {"user": "Practitioner"}),
        ("prefetch-outcome", {"patient": "OperationOutcome", "user": "OperationOutcome"}),
    ],
)
def test_prefetch_can_be_told_to_be_poor(
    hospital: Hospital, cds: Stub, fault: str, sent: dict[str, Any] | None
) -> None:
    hospital.write(faults=[fault])
    pick(hospital.browser(), "oxycodone")
    body = cds.calls[0][1]
    found = body.get("prefetch")
    kinds = found and {key: value and value["resourceType"] for key, value in found.items()}
    assert kinds == sent
    assert "fhirAuthorization" in body


def test_without_fhir_access_neither_server_nor_token_is_sent(hospital: Hospital, cds: Stub) -> None:
    hospital.write(faults=["no-fhir-access"])
    pick(hospital.browser(), "oxycodone")
    assert {"fhirServer", "fhirAuthorization"}.isdisjoint(cds.calls[0][1])


def test_a_prefetch_that_is_no_read_of_ours_is_left_out(hospital: Hospital, cds: Stub) -> None:
    cds.prefetch = {
        "a": "MedicationRequest?patient={{context.patientId}}",
        "b": "Patient/p2",
        "c": "Patient/{{context.nothing}}",
        "d": "Patient/{{context.patientId}}",
        "e": "PractitionerRole?practitioner={{userPractitionerId}}",
        "f": "PractitionerRole/{{userPractitionerRoleId}}",
    }
    pick(hospital.browser(), "oxycodone")
    prefetch = cds.calls[0][1]["prefetch"]
    assert prefetch.keys() == {"d", "e"}
    assert [entry["resource"]["id"] for entry in prefetch["e"]["entry"]] == ["role-creech"]


def test_a_card_stays_while_its_order_does(hospital: Hospital, cds: Stub) -> None:
    browser = hospital.browser()
    pick(browser, "oxycodone")
    cds.cards = []
    page = pick(browser, "amoxicillin")
    assert "check the PDMP" in page
    cds.cards = [card()]
    assert pick(browser, "alprazolam").count("Controlled substance: check the PDMP") == 1
    order = re.search(
        r"quantity-(order-[0-9a-f]+)(?!.*quantity-order)", get(browser, "/chart/p1/orders").text, re.S
    )
    assert order
    post(browser, f"/chart/p1/orders/remove/{order[1]}", {})
    assert "check the PDMP" not in get(browser, "/chart/p1/orders").text


def test_signing_fires_order_sign_and_is_held_once_by_a_card(hospital: Hospital, cds: Stub) -> None:
    browser = hospital.browser()
    page = pick(browser, "oxycodone")
    ident = re.search(r'name="quantity-(order-[0-9a-f]+)"', page)
    assert ident
    held = sign(browser, **{f"quantity-{ident[1]}": "12", f"days-{ident[1]}": "3"})
    assert "Sign anyway" in held
    hook, body, _ = cds.calls[-1]
    assert hook == "order-sign"
    assert "selections" not in body["context"]
    (draft,) = (entry["resource"] for entry in body["context"]["draftOrders"]["entry"])
    assert draft["dispenseRequest"]["quantity"]["value"] == 12
    signed = sign(browser)
    assert "quantity 12 · 3 days" in signed
    assert "No draft" not in signed
    assert len([hook for hook, _, _ in cds.calls if hook == "order-sign"]) == 1
    assert cds.heard.wait(10)
    assert cds.feedback[0][1]["outcome"] == "overridden"


def test_an_order_changed_after_its_cards_is_asked_about_again(hospital: Hospital, cds: Stub) -> None:
    browser = hospital.browser()
    pick(browser, "oxycodone")
    sign(browser)
    pick(browser, "alprazolam")
    assert "Sign anyway" in sign(browser)
    assert [hook for hook, _, _ in cds.calls].count("order-sign") == 2


def test_without_a_card_an_order_is_signed_at_once(hospital: Hospital, cds: Stub) -> None:
    cds.cards = []
    browser = hospital.browser()
    assert "Decision support" not in pick(browser, "amoxicillin")
    assert "quantity 21 · 7 days" in sign(browser)


def test_a_typed_drug_goes_out_as_text_alone(hospital: Hospital, cds: Stub) -> None:
    browser = hospital.browser()
    pick(browser, "other", text="  Compounded <b>cream</b> ")
    (entry,) = cds.calls[0][1]["context"]["draftOrders"]["entry"]
    assert entry["resource"]["medicationCodeableConcept"] == {"text": "Compounded <b>cream</b>"}
    assert "<b>cream" not in get(browser, "/chart/p1/orders").text
    assert "Type the name" in pick(browser, "other", text="  ")
    post(browser, "/chart/p1/orders/keep", {"text": "codeine"})
    assert len(cds.calls) == 2


def test_opening_a_chart_fires_patient_view_once_until_it_is_opened_again(
    hospital: Hospital, cds: Stub
) -> None:
    browser = hospital.browser()
    assert 'data-advice="/chart/p1/advice"' in get(browser, "/chart/p1").text
    for _ in range(2):
        assert "check the PDMP" in get(browser, "/chart/p1/advice").text
        get(browser, "/chart/p1/summary")
    assert [hook for hook, _, _ in cds.calls] == ["patient-view"]
    assert "draftOrders" not in cds.calls[0][1]["context"]
    get(browser, "/chart/p1")
    get(browser, "/chart/p1/advice")
    assert len(cds.calls) == 2
    assert get(hospital.browser(None), "/chart/p1/advice").status_code == 403


def test_a_cards_link_launches_the_app_with_the_cards_context(
    hospital: Hospital, smart: SmartClient, cds: Stub
) -> None:
    browser = hospital.browser()
    page = pick(browser, "oxycodone")
    opened = press(browser, page, "open/0")
    assert opened.location == "/chart/p1/pdmp"
    frame = get(browser, "/chart/p1/pdmp").text
    launch = re.search(r"launch=([A-Za-z0-9_-]{43})", frame)
    assert launch
    assert "Parameters" not in frame, "the context travels with the token, never in an address"
    body = smart.signed_in(launch[1])
    assert body["appContext"] == context("p1")
    assert body["patient"] == "p1"
    assert cds.heard.wait(10)
    service_id, entry = cds.feedback[0]
    assert (service_id, entry["card"], entry["outcome"]) == (
        "pdmp-order-select",
        card()["uuid"],
        "accepted",
    )
    assert "Opened" in get(browser, "/chart/p1/orders").text
    assert "appContext" not in SmartClient(hospital).signed_in(hospital.launch())


@pytest.mark.parametrize(
    ("fault", "part"), [("app-context-other-patient", "another-patient"), ("app-context-broken", "Param")]
)
def test_the_context_can_be_told_to_be_wrong(
    hospital: Hospital, smart: SmartClient, cds: Stub, fault: str, part: str
) -> None:
    hospital.write(faults=[fault])
    browser = hospital.browser()
    press(browser, pick(browser, "oxycodone"), "open/0")
    launch = re.search(r"launch=([A-Za-z0-9_-]{43})", get(browser, "/chart/p1/pdmp").text)
    assert launch
    said = smart.signed_in(launch[1])["appContext"]
    assert part in said
    assert said != context("p1")


def test_a_card_opens_no_app_but_the_registered_one(hospital: Hospital, cds: Stub) -> None:
    evil = {"label": "Win", "url": "http://evil.localhost:1/launch", "type": "smart"}
    cds.cards = [card(links=[evil, {**evil, "url": "javascript:alert(1)", "type": "absolute"}])]
    browser = hospital.browser()
    page = pick(browser, "oxycodone")
    assert "not registered here" in page
    assert "javascript" not in page
    name = re.search(r"/card/([\w-]+)/dismiss", page)
    assert name
    assert post(browser, f"/chart/p1/card/{name[1]}/open/0", {}).status_code == 403
    assert post(browser, f"/chart/p1/card/{name[1]}/open/7", {}).status_code == 404


def test_a_dismissed_card_goes_and_its_service_hears_why(hospital: Hospital, cds: Stub) -> None:
    reason = {"code": "known", "system": "urn:reasons", "display": "Already reviewed"}
    cds.cards = [card(overrideReasons=[reason])]
    browser = hospital.browser()
    page = pick(browser, "oxycodone")
    assert "Already reviewed" in page
    assert press(browser, page, "dismiss", reason="known").location == "/chart/p1/orders"
    assert "check the PDMP" not in get(browser, "/chart/p1/orders").text
    assert cds.heard.wait(10)
    entry = cds.feedback[0][1]
    assert entry["outcome"] == "overridden"
    assert entry["overrideReason"] == {"reason": reason}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", entry["outcomeTimestamp"])


def test_a_card_without_uuid_is_shown_and_not_reported(hospital: Hospital, cds: Stub) -> None:
    cds.cards = [card(uuid=None)]
    browser = hospital.browser()
    press(browser, pick(browser, "oxycodone"), "dismiss")
    assert not cds.heard.wait(0.5)


@pytest.mark.parametrize(
    ("status", "answer", "words"),
    [
        (401, {}, "does not accept this EHR’s signature"),
        (412, {}, "could not get the data"),
        (500, {}, "HTTP status 500"),
        (200, "<html>", "not JSON"),
        (200, {"card": []}, "can&#39;t be read"),
        (200, {"cards": [{"summary": "x"}]}, "sent 1 that can&#39;t be shown"),
    ],
)
def test_a_service_that_fails_is_named_and_orders_go_on(
    hospital: Hospital, cds: Stub, status: int, answer: Any, words: str
) -> None:
    cds.status, cds.answer = status, answer
    browser = hospital.browser()
    assert words in pick(browser, "lisinopril")
    assert "quantity 90 · 90 days" in sign(browser)


def test_a_service_that_hangs_costs_the_user_a_bounded_wait(
    hospital: Hospital, cds: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "PATIENCE", 0.3)
    cds.hold = threading.Event()
    try:
        assert "did not answer within" in pick(hospital.browser(), "oxycodone")
    finally:
        cds.hold.set()


def test_a_service_that_is_not_there_is_said_in_words(hospital: Hospital) -> None:
    hospital.write(cds={"services_url": "http://localhost:9/cds-services"})
    assert "could not be asked. It does not answer." in pick(hospital.browser(), "oxycodone")


def test_a_service_off_this_machine_is_refused_with_the_file(hospital: Hospital) -> None:
    hospital.write(cds={"services_url": "http://cds.example.org/cds-services"})
    assert hospital.ehr.book.content().cds is None, "the last good content stays"


def test_without_a_service_orders_work_and_nobody_is_asked(hospital: Hospital) -> None:
    browser = hospital.browser()
    assert "data-advice" not in get(browser, "/chart/p1").text
    assert "Decision support" not in pick(browser, "oxycodone")
    assert "quantity 20 · 5 days" in sign(browser)


def test_drafts_and_cards_stay_with_their_user_and_chart(hospital: Hospital, cds: Stub) -> None:
    browser, other = hospital.browser(), hospital.browser("tackett")
    page = pick(browser, "oxycodone")
    assert "Draft orders <" not in get(browser, "/chart/p2/orders").text
    assert "Draft orders <" not in get(other, "/chart/p1/orders").text
    name = re.search(r"/card/([\w-]+)/dismiss", page)
    assert name
    assert post(browser, f"/chart/p2/card/{name[1]}/open/0", {}).status_code == 404
    assert post(other, f"/chart/p1/card/{name[1]}/open/0", {}).status_code == 404


def test_order_forms_from_another_site_are_refused(hospital: Hospital, cds: Stub) -> None:
    browser = hospital.browser()
    for path in (
        "orders/add",
        "orders/keep",
        "orders/sign",
        "orders/remove/x",
        "card/x/open/0",
        "card/x/dismiss",
    ):
        answer = post(browser, f"/chart/p1/{path}", {}, headers={"Origin": "https://evil.example"})
        assert answer.status_code == 403, path
    for path in ("orders/add", "orders/sign", "card/x/dismiss"):
        assert post(hospital.browser(None), f"/chart/p1/{path}", {}).location == "/"
    assert cds.calls == []
