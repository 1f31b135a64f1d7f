"""What every request passes: the guard, limits, headers, negotiation, and errors in FHIR's own form."""

from __future__ import annotations

import json
import logging

import flask
import pytest
from fhir.resources.R4B.operationoutcome import OperationOutcome
from werkzeug.test import TestResponse

from gateway.core.errors import Unavailable
from gateway.core.settings import Settings
from gateway.web import guard
from tests.fhir_api import bodies
from tests.fhir_api.conftest import SCOPE, Gateway

PROTECTED = [
    ("GET", "/fhir/MedicationDispense?patient=x"),
    ("POST", "/fhir/MedicationDispense/_search"),
    ("GET", "/fhir/MedicationDispense/x"),
    ("GET", "/fhir/Patient/x"),
    ("POST", "/fhir/$pdmp-history"),
    ("POST", "/fhir/Patient/$pdmp-history"),
]


def outcome(answer: TestResponse) -> OperationOutcome:
    assert answer.content_type.startswith("application/fhir+json")
    return OperationOutcome.model_validate_json(answer.data)


def test_every_address_declares_who_may_call_it(gateway: Gateway) -> None:
    views = gateway.app.view_functions
    endpoints = {rule.endpoint for rule in gateway.app.url_map.iter_rules()}
    assert endpoints
    assert not [name for name in endpoints if guard.access_of(views[name]) is None]


def test_patient_data_always_needs_a_token(gateway: Gateway) -> None:
    for rule in gateway.app.url_map.iter_rules():
        access = guard.access_of(gateway.app.view_functions[rule.endpoint])
        assert access is not None
        if any(kind in rule.rule for kind in ("Patient", "Medication", "Practitioner", "pdmp-history")):
            assert access.kind == "bearer", rule.rule


def test_a_view_that_declares_no_access_is_denied(settings: Settings) -> None:
    from gateway.app import create_app

    app = create_app(settings)
    app.add_url_rule("/fhir/forgotten", "forgotten", lambda: flask.Response("patients"))
    answer = app.test_client().get("/fhir/forgotten")
    assert answer.status_code == 403
    assert b"patients" not in answer.data
    app.extensions["pdmp"].close()


@pytest.mark.parametrize(("method", "path"), PROTECTED)
def test_without_a_token_the_challenge_names_no_error(gateway: Gateway, method: str, path: str) -> None:
    answer = gateway.http.open(path, method=method)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert outcome(answer).issue[0].code == "login"


@pytest.mark.parametrize("header", ["Bearer x", "Bearer a.b.c", "Basic YTpi", "Bearer", "bearer  "])
def test_a_token_that_is_none_is_an_invalid_token(gateway: Gateway, header: str) -> None:
    answer = gateway.http.get("/fhir/Patient/x", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_a_token_in_the_address_is_not_looked_at(gateway: Gateway) -> None:
    token = gateway.caller().token
    assert gateway.http.get(f"/fhir/Patient/x?access_token={token}").status_code == 401


def test_a_token_without_the_scope_is_told_which_is_missing(gateway: Gateway) -> None:
    caller = gateway.caller(scope="system/Patient.r")
    for answer in (
        caller.history(bodies.parameters(bodies.fenwick())),
        caller.history(bodies.parameters(bodies.fenwick(), pre_stage_only={"valueBoolean": True})),
        caller.get("/fhir/MedicationDispense?patient=x"),
    ):
        assert answer.status_code == 403
        assert outcome(answer).issue[0].code == "forbidden"
        assert answer.headers["WWW-Authenticate"] == (
            'Bearer error="insufficient_scope", scope="system/MedicationDispense.rs"'
        )


@pytest.mark.parametrize(
    "path",
    [
        "/fhir",
        "/fhir/",
        "/fhir/Basic/1",
        "/fhir/Organization",
        "/fhir/%00",
        "/fhir//metadata",
        "/fhir/Patient/_history",
        "/fhir/Patient/%24everything",
    ],
)
def test_what_is_not_there_is_an_outcome(gateway: Gateway, path: str) -> None:
    answer = gateway.http.get(path)
    assert answer.status_code == 404
    assert outcome(answer).issue[0].code == "not-found"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/fhir/$pdmp-history"),
        ("GET", "/fhir/Patient/$pdmp-history"),
        ("GET", "/fhir/MedicationDispense/_search"),
        ("DELETE", "/fhir/Patient/x"),
        ("PUT", "/fhir/MedicationDispense/x"),
        ("POST", "/fhir/metadata"),
        ("POST", "/fhir/MedicationDispense"),
    ],
)
def test_a_method_that_is_not_served_names_those_that_are(gateway: Gateway, method: str, path: str) -> None:
    answer = gateway.http.open(path, method=method)
    assert answer.status_code == 405
    assert outcome(answer).issue[0].code == "not-supported"
    assert method not in answer.headers["Allow"].split(", ")


def test_a_body_above_the_limit_is_refused_before_it_is_read(gateway: Gateway) -> None:
    answer = gateway.http.post(
        "/fhir/$pdmp-history", data=b"x" * (guard.MAX_BODY_BYTES + 1), content_type="application/fhir+json"
    )
    assert answer.status_code == 413
    assert outcome(answer).issue[0].code == "too-long"


def test_a_body_without_a_declared_length_meets_the_same_limit(gateway: Gateway) -> None:
    import io

    answer = gateway.http.post(
        "/fhir/$pdmp-history",
        input_stream=io.BytesIO(b"x" * (guard.MAX_BODY_BYTES + 10)),
        headers={
            "Authorization": f"Bearer {gateway.caller().token}",
            "Content-Type": "application/fhir+json",
            "Transfer-Encoding": "chunked",
        },
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert answer.status_code == 413


def test_a_compressed_body_is_not_opened(gateway: Gateway) -> None:
    answer = gateway.caller().history(bodies.parameters(bodies.fenwick()), Content_Encoding="gzip")
    assert answer.status_code == 415


@pytest.mark.parametrize("content_type", ["text/plain", "text/csv", "application/x-www-form-urlencoded"])
def test_a_body_that_is_no_resource_is_unsupported(gateway: Gateway, content_type: str) -> None:
    answer = gateway.caller().history({}, Content_Type=content_type)
    assert answer.status_code == 415
    assert outcome(answer).issue[0].code == "not-supported"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"resourceType":"Patient"}', b'{"a":' + b"[" * 3000, b"\xff\xfe"]
)
def test_a_malformed_body_is_a_bad_request(gateway: Gateway, body: bytes) -> None:
    answer = gateway.http.post(
        "/fhir/Patient/$pdmp-history",
        data=body,
        headers={
            "Authorization": f"Bearer {gateway.caller().token}",
            "Content-Type": "application/fhir+json",
        },
    )
    assert answer.status_code in (400, 413)
    outcome(answer)


def test_what_is_neither_json_nor_xml_is_refused_in_plain_words(gateway: Gateway) -> None:
    answer = gateway.http.get("/fhir/metadata", headers={"Accept": "text/csv"})
    assert answer.status_code == 406
    assert "application/fhir+json" in (outcome(answer).issue[0].diagnostics or "")
    assert gateway.http.get("/fhir/metadata?_format=ttl").status_code == 406


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("abc-123", True), ("a" * 64, True), ("a" * 65, False), ("<script>", False), ("a b", False)],
)
def test_a_sane_request_id_is_echoed(gateway: Gateway, sent: str, kept: bool) -> None:
    answer = gateway.http.get("/healthz", headers={"X-Request-ID": sent})
    assert (answer.headers["X-Request-ID"] == sent) == kept
    assert answer.headers["X-Request-ID"]


def test_answers_are_not_kept_or_framed_or_sniffed(gateway: Gateway) -> None:
    for path in ("/fhir/Patient/x", "/healthz", "/nothing"):
        headers = gateway.http.get(path).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "Set-Cookie" not in headers


@pytest.mark.parametrize("origin", ["null", "https://evil.example"])
def test_only_public_documents_are_for_scripts_of_every_origin(gateway: Gateway, origin: str) -> None:
    public = gateway.http.get("/fhir/metadata", headers={"Origin": origin})
    assert public.headers["Access-Control-Allow-Origin"] == "*"
    preflight = gateway.http.options(
        "/fhir/metadata", headers={"Origin": origin, "Access-Control-Request-Method": "GET"}
    )
    assert preflight.status_code == 200
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
    for answer in (
        gateway.http.get("/fhir/Patient/x", headers={"Origin": origin}),
        gateway.http.options("/fhir/Patient/x", headers={"Origin": origin}),
    ):
        assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Access-Control-Allow-Credentials" not in public.headers


@pytest.mark.parametrize("header", ["Host", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded"])
def test_addresses_come_from_the_settings_whatever_the_request_claims(gateway: Gateway, header: str) -> None:
    for path in ("/fhir/metadata", "/", "/fhir/.well-known/smart-configuration"):
        answer = gateway.http.get(path, headers={header: "evil.example"})
        assert b"evil.example" not in answer.data
        assert gateway.services.settings.base_url.encode() in answer.data


def test_an_unexpected_error_tells_nobody_what_it_was(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ValueError("Loretta Fenwick 1968-04-11")

    monkeypatch.setattr("gateway.disclose.history.answer", fails)
    caller = gateway.caller()
    with caplog.at_level(logging.INFO):
        answer = caller.history(bodies.parameters(bodies.fenwick()))
    assert answer.status_code == 500
    assert outcome(answer).issue[0].diagnostics == "Internal error."
    lines = logged(caplog)
    assert "ValueError" in lines
    assert "Loretta" not in lines


def test_a_database_that_does_not_answer_is_transient(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise Unavailable("The database does not answer.", retry_after=2)

    monkeypatch.setattr("gateway.disclose.history.answer", fails)
    answer = gateway.caller(scope=SCOPE).history(bodies.parameters(bodies.fenwick()))
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "2"
    assert outcome(answer).issue[0].code == "transient"


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """Return the log as its lines are written."""
    from gateway.core.log import JsonFormatter

    formatter = JsonFormatter()
    lines = [formatter.format(record) for record in caplog.records]
    assert all(json.loads(line)["event"] for line in lines)
    return "\n".join(lines)
