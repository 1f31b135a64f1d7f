"""Hooks through HTTP: discovery, cards, what clients leave out, feedback."""

from __future__ import annotations

import json
import logging
import uuid
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from flask.testing import FlaskClient
from psycopg import sql

from gateway.app import create_app
from gateway.auth.registration import register_client
from gateway.core.settings import Settings
from gateway.store.database import Database
from tests.cds.conftest import APP_LAUNCH, Call
from tests.cds.ehr import (
    ORIGIN,
    PATIENT,
    PRACTITIONER,
    PREFETCH,
    ROLE,
    RXNORM,
    Ehr,
    drafts,
    fhir_server,
    hook,
    order,
)

OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "not-found"}]}
NO_CARD = {"cards": []}


def context_of(answer: Any) -> dict[str, Any]:
    (card,) = answer.json["cards"]
    (link,) = card["links"]
    parameters = json.loads(link["appContext"])
    assert parameters["resourceType"] == "Parameters"
    return {one["name"]: one["resource"] for one in parameters["parameter"]}


def test_discovery_tells_three_services_to_every_origin(http: FlaskClient) -> None:
    answer = http.get("/cds-services", headers={"Origin": "https://anywhere.example"})
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    services = answer.json["services"]
    assert {one["hook"] for one in services} == {"patient-view", "order-select", "order-sign"}
    for one in services:
        assert one["id"]
        assert one["description"]
        assert one["prefetch"]["patient"] == "Patient/{{context.patientId}}"


def test_without_an_app_to_open_no_service_is_offered(module_settings: Settings) -> None:
    app = create_app(module_settings)
    try:
        assert app.test_client().get("/cds-services").json == {"services": []}
    finally:
        app.extensions["pdmp"].close()


@pytest.mark.parametrize("name", ["patient-view", "order-select", "order-sign"])
def test_each_hook_answers_with_one_smart_link(call: Call, name: str) -> None:
    answer = call(name)
    assert answer.status_code == 200, answer.text
    (card,) = answer.json["cards"]
    assert uuid.UUID(card["uuid"])
    assert 0 < len(card["summary"]) < 140
    assert card["indicator"] == "info"
    assert card["source"]["label"] == "Kentucky PDMP"
    (link,) = card["links"]
    assert (link["type"], link["url"]) == ("smart", APP_LAUNCH)
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_apps_context_holds_the_request_and_no_more_of_the_chart(call: Call) -> None:
    parts = context_of(call("patient-view"))
    assert set(parts) == {"patient", "authorized-practitioner", "authorized-practitioner-role"}
    assert parts["patient"]["id"] == "pat-1"
    assert parts["patient"]["name"] == PATIENT["name"]
    assert "photo" not in parts["patient"]
    assert "contact" not in parts["patient"]
    assert parts["authorized-practitioner"]["identifier"] == PRACTITIONER["identifier"]
    assert parts["authorized-practitioner-role"]["practitioner"] == {"reference": "Practitioner/doc-1"}


def test_a_practitioner_role_as_user_is_followed_to_its_practitioner(call: Call) -> None:
    prefetch = {**PREFETCH, "practitionerRole": ROLE}
    parts = context_of(call("patient-view", context={"userId": "PractitionerRole/role-1"}, prefetch=prefetch))
    assert parts["authorized-practitioner"]["id"] == "doc-1"
    assert parts["authorized-practitioner-role"]["organization"] == ROLE["organization"]


def test_a_single_role_found_by_search_is_taken_along_and_one_of_several_is_not(call: Call) -> None:
    one = {"resourceType": "Bundle", "entry": [{"resource": ROLE}]}
    two = {"resourceType": "Bundle", "entry": [{"resource": ROLE}, {"resource": {**ROLE, "id": "role-2"}}]}
    paged = {**one, "link": [{"relation": "next", "url": "https://ehr.example/next"}]}
    for bundle, taken in ((one, True), (two, False), (paged, False)):
        parts = context_of(call("patient-view", prefetch={**PREFETCH, "practitionerRoles": bundle}))
        assert ("organization" in parts["authorized-practitioner-role"]) is taken


def test_patient_view_never_shows_a_card_where_the_deployment_says_so(
    cds_settings: Settings, ehr: Ehr
) -> None:
    app = create_app(replace(cds_settings, cds_patient_view=False))
    try:
        path = "/cds-services/pdmp-patient-view"
        # Nothing is fetched for it either: the prefetch is empty.
        answer = app.test_client().post(
            path, json=hook("patient-view", prefetch=None), headers=ehr.headers(path)
        )
        assert (answer.status_code, answer.json) == (200, NO_CARD)
    finally:
        app.extensions["pdmp"].close()


@pytest.mark.parametrize(
    ("drug", "card"),
    [
        (order(display="oxycodone hydrochloride 5 MG Oral Tablet"), True),
        (order(code=(RXNORM, "308192")), False),
        (order(text="Lisinopril 10 mg tablet"), False),
        (order(text="gabapentin 300 mg capsule"), True),
        (order(code=(RXNORM, "999999999")), True),
        (order(text="house blend"), True),
        (order(), True),
        ({"resourceType": "ServiceRequest", "id": "o1", "status": "draft"}, False),
        ({"resourceType": "NutritionOrder", "id": "o1"}, False),
    ],
)
def test_orders_get_a_card_when_controlled_or_unknown(call: Call, drug: dict[str, Any], card: bool) -> None:
    bundle = drafts(order("other", text="lisinopril 10 mg"), drug)
    selections = [f"{drug['resourceType']}/o1"]
    for name in ("order-sign", "order-select"):
        answer = call(name, context={"draftOrders": bundle, "selections": selections})
        assert answer.status_code == 200, answer.text
        assert bool(answer.json["cards"]) is card


def test_order_select_looks_at_the_selected_drafts_alone(call: Call) -> None:
    bundle = drafts(order("o1", text="amoxicillin 500 mg"), order("o2", text="morphine 15 mg"))
    context = {"draftOrders": bundle, "selections": ["MedicationRequest/o1"]}
    assert call("order-select", context=context).json == NO_CARD
    assert call("order-select", context={**context, "selections": ["MedicationRequest/o2"]}).json != NO_CARD
    assert call("order-select", context={**context, "selections": ["MedicationRequest/gone"]}).json != NO_CARD
    assert call("order-sign", context=context).json != NO_CARD


def test_a_drug_behind_a_reference_is_looked_up_in_the_request(call: Call) -> None:
    def by_reference(reference: str, **more: Any) -> dict[str, Any]:
        made = {**order(), "medicationReference": {"reference": reference}, **more}
        del made["medicationCodeableConcept"]
        return made

    plain = {"resourceType": "Medication", "id": "m1", "code": {"text": "metformin 500 MG Oral Tablet"}}
    mixed = {
        **plain,
        "ingredient": [
            {"itemCodeableConcept": {"text": "acetaminophen"}},
            {"itemCodeableConcept": {"text": "codeine"}},
        ],
    }
    cases = (
        (drafts(by_reference("#m1", contained=[plain])), False),
        (drafts(by_reference("Medication/m1"), plain), False),
        (drafts(by_reference("Medication/m1"), mixed), True),
        (drafts(by_reference("Medication/elsewhere")), True),
    )
    for bundle, card in cases:
        for name in ("order-sign", "order-select"):
            answer = call(name, context={"draftOrders": bundle, "selections": ["MedicationRequest/o1"]})
            assert bool(answer.json["cards"]) is card


def test_the_sandboxs_incomplete_order_is_taken(http: FlaskClient, ehr: Ehr) -> None:
    """No Bundle.type, no intent, no medication until one is chosen, and an Accept of DSTU2."""
    path = "/cds-services/pdmp-order-select"
    bundle = {
        "resourceType": "Bundle",
        "entry": [
            {"resource": {"resourceType": "MedicationRequest", "id": "request-123", "status": "draft"}}
        ],
    }
    body = hook(
        "order-select",
        context={"draftOrders": bundle, "selections": ["MedicationRequest/request-123"]},
        fhirServer="https://ehr.example/fhir",
    )
    headers = ehr.headers(path) | {"Accept": "application/json+fhir", "Origin": ORIGIN}
    answer = http.post(path, json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert len(answer.json["cards"]) == 1
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


@pytest.mark.parametrize(
    "prefetch", [None, {}, {"patient": None, "practitioner": None}, {"patient": OUTCOME}]
)
def test_what_the_prefetch_lacks_is_fetched_with_the_given_token(
    http: FlaskClient,
    store: Database,
    cds_settings: Settings,
    prefetch: dict[str, Any] | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    with fhir_server() as server:
        ehr = Ehr(cds_settings.base_url, iss=f"https://ehr-{uuid.uuid4()}.example", fhir_server=server.base)
        register_client(store, ehr.metadata())
        path = "/cds-services/pdmp-patient-view"
        body = hook(
            "patient-view",
            prefetch=prefetch,
            fhirServer=server.base,
            fhirAuthorization={
                "access_token": "chart-token-5f2",
                "token_type": "Bearer",
                "expires_in": 300,
                "scope": "patient/Patient.read",
                "subject": "cds",
            },
        )
        answer = http.post(path, json=body, headers=ehr.headers(path))
        assert answer.status_code == 200, answer.text
        assert context_of(answer)["patient"]["name"] == PATIENT["name"]
        assert ("/fhir/Patient/pat-1", "Bearer chart-token-5f2") in server.seen
        assert {bearer for _, bearer in server.seen} == {"Bearer chart-token-5f2"}
    written = caplog.text + repr(
        [record.__dict__ for record in caplog.records if record.name.startswith("gateway")]
    )
    for secret in ("chart-token-5f2", "Quimby", "MRN-77123", "1961-02-03"):
        assert secret not in written


@pytest.mark.parametrize(
    "changes",
    [
        {"prefetch": None},
        {"prefetch": {"patient": PATIENT}},
        {"prefetch": {"practitioner": PRACTITIONER, "patient": OUTCOME}},
        {"prefetch": {"patient": PATIENT, "practitioner": {"resourceType": "Bundle", "entry": []}}},
        {"context": {"userId": "Patient/pat-1"}},
        {"context": {"userId": "PractitionerRole/role-1"}},
        {"prefetch": None, "fhirServer": "https://ehr.example/fhir"},
    ],
)
def test_412_when_patient_or_practitioner_cannot_be_had(call: Call, changes: dict[str, Any]) -> None:
    answer = call("patient-view", **changes)
    assert answer.status_code == 412
    assert answer.json["error"] == "precondition-failed"


def test_412_when_the_fhir_server_does_not_know_the_patient_or_gives_another(
    http: FlaskClient, store: Database, cds_settings: Settings
) -> None:
    path = "/cds-services/pdmp-patient-view"
    for found in (None, {**PATIENT, "id": "other"}, OUTCOME):
        with fhir_server(**{"Patient/pat-1": found}) as server:
            ehr = Ehr(cds_settings.base_url, iss=f"https://{uuid.uuid4()}.example", fhir_server=server.base)
            register_client(store, ehr.metadata())
            authorization = {"access_token": "t", "token_type": "Bearer", "expires_in": 300}
            body = hook(
                "patient-view", prefetch=None, fhirServer=server.base, fhirAuthorization=authorization
            )
            assert http.post(path, json=body, headers=ehr.headers(path)).status_code == 412


def test_an_order_that_is_plainly_not_controlled_needs_nobodys_data(call: Call) -> None:
    answer = call(
        "order-sign", context={"draftOrders": drafts(order(text="lisinopril 10 mg"))}, prefetch=None
    )
    assert (answer.status_code, answer.json) == (200, NO_CARD)


@pytest.mark.parametrize(
    ("name", "changes", "names"),
    [
        ("patient-view", {"hook": "order-sign"}, "hook"),
        ("patient-view", {"hookInstance": None}, "hookInstance"),
        ("patient-view", {"hookInstance": "one"}, "hookInstance"),
        ("patient-view", {"context": {"patientId": None}}, "patientId"),
        ("patient-view", {"context": {"patientId": "../Practitioner/1"}}, "patientId"),
        ("patient-view", {"context": {"userId": "Practitioner/a/b"}}, "userId"),
        ("patient-view", {"prefetch": []}, "prefetch"),
        ("patient-view", {"fhirAuthorization": {"access_token": "t", "token_type": "Bearer"}}, "fhirServer"),
        ("order-sign", {"context": {"draftOrders": []}}, "draftOrders"),
        ("order-sign", {"context": {"draftOrders": {"entry": ["x"]}}}, "draftOrders"),
        ("order-select", {"context": {"selections": None}}, "selections"),
        ("order-select", {"context": {"selections": [1]}}, "selections"),
    ],
)
def test_400_names_the_member_that_is_wrong(
    call: Call, name: str, changes: dict[str, Any], names: str
) -> None:
    if changes.get("context", {}).get("selections", "") is None:
        changes = {"context": {"selections": {}}}
    answer = call(name, **changes)
    assert answer.status_code == 400, answer.text
    assert names in answer.json["message"]


def test_other_statuses(http: FlaskClient, ehr: Ehr) -> None:
    path = "/cds-services/pdmp-patient-view"
    nowhere = "/cds-services/other"
    assert http.post(nowhere, json=hook("patient-view"), headers=ehr.headers(nowhere)).status_code == 404
    plain = http.post(path, data="{}", content_type="text/plain", headers=ehr.headers(path))
    assert plain.status_code == 415
    large = http.post(path, json={"x": "y" * 1_000_001}, headers=ehr.headers(path))
    assert large.status_code == 413
    deep = http.post(
        path, data='{"a":' * 300 + "1" + "}" * 300, content_type="application/json", headers=ehr.headers(path)
    )
    assert deep.status_code == 413
    broken = http.post(path, data="{", content_type="application/json", headers=ehr.headers(path))
    assert broken.status_code == 400
    assert http.get(path).status_code == 405
    for answer in (plain, large, deep, broken):
        assert answer.content_type == "application/json"
        assert "Traceback" not in answer.text


def test_preflights_are_answered_for_registered_origins_alone(http: FlaskClient, ehr: Ehr) -> None:
    path = "/cds-services/pdmp-order-sign"
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    for origin in (ORIGIN, "https://ehr.example"):
        answer = http.options(path, headers={**asked, "Origin": origin})
        assert answer.status_code == 200
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
        assert "Access-Control-Allow-Credentials" not in answer.headers
    strange = http.options(path, headers={**asked, "Origin": "https://strange.example"})
    assert "Access-Control-Allow-Origin" not in strange.headers


def test_feedback_is_kept_once_a_card_and_without_free_text(
    http: FlaskClient, ehr: Ehr, store: Database, call: Call
) -> None:
    path = "/cds-services/pdmp-order-sign/feedback"
    (card,) = call("order-sign").json["cards"]
    reason = {key: card["overrideReasons"][0][key] for key in ("system", "code")}
    item = {
        "card": card["uuid"],
        "outcome": "overridden",
        "overrideReason": {"reason": reason, "userComment": "Zelda Quimby asked"},
        "outcomeTimestamp": "2026-11-20T10:00:00Z",
    }
    later = {"card": card["uuid"], "outcome": "accepted", "outcomeTimestamp": "2026-11-20T11:00:00Z"}
    foreign = {
        **item,
        "card": str(uuid.uuid4()),
        "overrideReason": {"reason": {"code": "MRN-77123", "system": "urn:x"}},
    }

    def send(*items: dict[str, Any]) -> int:
        return http.post(path, json={"feedback": list(items)}, headers=ehr.headers(path)).status_code

    assert [send(item), send(item, foreign), send(later), send(item)] == [200, 200, 200, 200]
    with store.connection() as connection:
        rows = connection.execute(
            "SELECT outcome, reason FROM cds_feedback WHERE card_id = ANY(%s) ORDER BY outcome",
            ([uuid.UUID(card["uuid"]), uuid.UUID(foreign["card"])],),
        ).fetchall()
        everything = str(connection.execute("SELECT * FROM cds_feedback").fetchall())
    assert rows == [("accepted", ""), ("overridden", "other")]
    assert "Quimby" not in everything
    assert "MRN" not in everything
    for broken in (
        {},
        {**item, "outcome": "ignored"},
        {**item, "card": "x"},
        {**item, "outcomeTimestamp": "then"},
    ):
        assert send(broken) == 400


def test_a_call_leaves_no_trace_of_the_patient_in_the_database(call: Call, cds_settings: Settings) -> None:
    assert call("order-sign").status_code == 200
    assert cds_settings.migration_database_url
    with psycopg.connect(cds_settings.migration_database_url) as connection:
        tables = [
            name
            for (name,) in connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'pdmp'"
            ).fetchall()
        ]
        for table in tables:
            query = sql.SQL("SELECT t::text FROM pdmp.{} t").format(sql.Identifier(table))
            rows = connection.execute(query).fetchall()
            assert not any("Quimby" in row or "MRN-77123" in row for (row,) in rows), table
