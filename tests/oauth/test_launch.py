"""POST /auth/launch: a trusted EHR opens a launch of an app, for one of our users and one patient."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import flask
import psycopg
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gateway.auth.accounts import add_account, disable_account
from gateway.auth.registration import disable_client, register_client
from gateway.core.settings import Settings
from gateway.oauth import launch as module
from gateway.services import Services
from gateway.store import launches
from gateway.store.launches import Launch
from tests.fhir.test_encounter import SENT as ENCOUNTER
from tests.fhir_api import asap, bodies
from tests.oauth.backend import Backend
from tests.support.databases import TestDatabase

NPI = "1999100856"
APP: dict[str, Any] = {
    "token_endpoint_auth_method": "none",
    "redirect_uris": ["https://app.example/callback"],
    "launch_uris": ["https://app.example/launch"],
    "scope": "launch openid fhirUser patient/MedicationDispense.rs",
}


@dataclass
class House:
    """The gateway with an EHR, an app, accounts and reports."""

    app: flask.Flask
    ehr: Backend
    admin_url: str

    @property
    def http(self) -> FlaskClient:
        return self.app.test_client()

    @property
    def services(self) -> Services:
        found: Services = self.app.extensions["pdmp"]
        return found

    def token(self, backend: Backend | None = None, scope: str = "__launch") -> str:
        answer = self.http.post("/auth/token", data=(backend or self.ehr).form(scope=scope))
        assert answer.json is not None, answer.text
        return str(answer.json["access_token"])

    def open(self, token: str | None = None, **changes: Any) -> TestResponse:
        asked = {"client_id": "app", "user": {"npi": NPI}, "patient": bodies.fenwick(), **changes}
        asked = {name: value for name, value in asked.items() if value is not None}
        return self.post(json.dumps(asked), token)

    def post(
        self, body: str | bytes, token: str | None = None, content_type: str = "application/json"
    ) -> TestResponse:
        header = {"Authorization": f"Bearer {token or self.token()}"}
        answer = self.http.post("/auth/launch", data=body, content_type=content_type, headers=header)
        assert (answer.headers["Cache-Control"], answer.content_type) == ("no-store", "application/json")
        return answer

    def opened(self, answer: TestResponse) -> Launch:
        assert answer.status_code == 200, answer.text
        assert answer.json is not None
        hashed = launches.handle_hash(answer.json["launch"])
        with self.services.database.connection() as connection:
            found = launches.find(connection, hashed, "app", dt.datetime.now(dt.UTC))
        assert found is not None
        return found

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.admin_url, options="-c search_path=pdmp") as admin:
            return admin.execute(statement).fetchall()


def add(services: Services, username: str, role: str = "practitioner", **more: Any) -> None:
    add_account(
        services.database,
        services.vault,
        username=username,
        role=role,
        given_name="Harlan",
        family_name="Creech",
        password="correct horse",
        **more,
    )


@pytest.fixture(scope="module")
def house(module_settings: Settings, module_database: TestDatabase) -> Iterator[House]:
    from gateway.app import create_app

    app = create_app(module_settings)
    made = House(app, Backend("http://localhost:8000/auth/token"), module_database.admin_url)
    services = made.services
    asap.load(services)
    add(services, "creech", npi=NPI)
    add(services, "helper", "delegate", supervisors=("creech",))
    add(services, "gone", npi="1999100864")
    disable_account(services.database, "gone")
    add(services, "steward", "steward")
    register_client(services.database, APP, client_id="app")
    scope = "__launch __introspect system/MedicationDispense.rs"
    register_client(services.database, made.ehr.metadata(scope=scope, trusted_ehr=True))
    yield made
    services.database.close()


def refused(answer: TestResponse, status: int, error: str, says: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.json is not None
    assert answer.json.keys() == {"error", "error_description"}
    assert answer.json["error"] == error
    assert says in answer.json["error_description"]
    for private in ("Fenwick", "Loretta", "1968", "999-70", "Bell", "Marcus"):
        assert private not in answer.text


def test_a_handle_stands_for_app_user_and_patient(house: House) -> None:
    answer = house.open(intent="reconcile-medications", appContext='{"order":1}')
    assert answer.json is not None
    assert answer.json == {
        "launch": answer.json["launch"],
        "iss": "http://localhost:8000/fhir",
        "expires_in": 300,
    }
    found = house.opened(answer)
    assert len(answer.json["launch"]) >= 43
    assert found.context == {"intent": "reconcile-medications", "appContext": '{"order":1}'}
    assert found.encounter_id is None
    ((account_id,),) = house.rows("SELECT account_id FROM account WHERE username = 'creech'")
    assert found.account_id == account_id
    ((kept,),) = house.rows("SELECT string_agg(l::text, ' ') FROM launch l")
    assert answer.json["launch"] not in kept
    ((by, until),) = house.rows(
        "SELECT opened_by, expires_at - created_at FROM launch ORDER BY created_at DESC LIMIT 1"
    )
    assert (by, until) == (house.ehr.client_id, dt.timedelta(minutes=5))


def test_the_patient_may_be_named_by_our_id(house: House) -> None:
    person_id = house.opened(house.open()).person_id
    assert house.opened(house.open(patient={"id": str(person_id)})).person_id == person_id


def test_the_user_may_be_named_by_username_and_be_a_delegate(house: House) -> None:
    ids = {name: one for one, name in house.rows("SELECT account_id, username FROM account")}
    for username in ("creech", "helper"):
        assert house.opened(house.open(user={"username": username})).account_id == ids[username]


def test_an_encounter_is_kept_encrypted_and_belongs_to_our_patient(house: House) -> None:
    found = house.opened(house.open(encounter=ENCOUNTER))
    ((sealed, person_id),) = house.rows("SELECT resource, person_id FROM launch_encounter")
    assert person_id == found.person_id
    assert b"Encounter" not in bytes(sealed)
    assert found.encounter_id is not None
    kept = json.loads(launches.open_encounter(house.services.vault, found.encounter_id, bytes(sealed)))
    assert kept["id"] == str(found.encounter_id)
    assert kept["subject"] == {"reference": f"Patient/{found.person_id}"}


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"client_id": None}, "invalid_request", "client_id"),
        ({"client_id": "nobody"}, "invalid_request", "client_id names no active client"),
        ({"client_id": "a\0"}, "invalid_request", "client_id"),
        ({"client_id": "disabled"}, "invalid_request", "client_id names no active client"),
        ({"client_id": "no-launch-uris"}, "invalid_request", "launch_uris"),
        ({"client_id": "no-launch-scope"}, "invalid_request", "scope launch"),
        ({"user": None}, "invalid_request", "user"),
        ({"user": {"npi": NPI, "username": "creech"}}, "invalid_request", "user"),
        ({"user": {"npi": 1999100856}}, "invalid_request", "user.npi"),
        ({"user": {"npi": "1999100864"}}, "invalid_request", "no active account has this npi"),
        ({"user": {"username": "nobody"}}, "invalid_request", "no active account has this username"),
        ({"user": {"username": "a\0"}}, "invalid_request", "user.username"),
        ({"user": {"username": "steward"}}, "invalid_request", "receives no histories"),
        ({"patient": None}, "invalid_request", "patient"),
        ({"patient": {"id": "1"}}, "invalid_request", "our id of a person"),
        ({"patient": {"id": "01890000-0000-7000-8000-000000000000"}}, "unknown_patient", ""),
        ({"patient": {"resourceType": "Person"}}, "invalid_request", "FHIR Patient"),
        ({"patient": bodies.patient("Nobody", "Nemo", "1950-01-01")}, "unknown_patient", ""),
        ({"patient": bodies.bell()}, "ambiguous_patient", ""),
        ({"patient": {**bodies.fenwick(), "birthDate": "1968"}}, "invalid_request", "birthDate"),
        ({"encounter": "x"}, "invalid_request", "encounter"),
        ({"encounter": {**ENCOUNTER, "status": "x"}}, "invalid_request", "encounter.status"),
        ({"encounter": {**ENCOUNTER, "class": {"code": 3}}}, "invalid_request", "class.code"),
        ({"intent": ""}, "invalid_request", "intent"),
        ({"intent": "x" * 201}, "invalid_request", "intent"),
        ({"intent": "a\nb"}, "invalid_request", "intent"),
        ({"appContext": {"order": 1}}, "invalid_request", "appContext"),
        ({"appContext": "x" * 4001}, "invalid_request", "appContext"),
        ({"appContext": "a\0b"}, "invalid_request", "appContext"),
        ({"encoutner": ENCOUNTER}, "invalid_request", "nothing else"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_of_the_patient(
    house: House, changes: dict[str, Any], error: str, says: str
) -> None:
    database = house.services.database
    register_client(database, APP, client_id="disabled", upsert=True)
    disable_client(database, "disabled")
    register_client(database, {**APP, "launch_uris": []}, client_id="no-launch-uris", upsert=True)
    register_client(database, {**APP, "scope": "openid"}, client_id="no-launch-scope", upsert=True)
    before = house.rows("SELECT count(*) FROM launch")
    refused(house.open(**changes), 400, error, says)
    assert house.rows("SELECT count(*) FROM launch") == before


def test_only_a_trusted_ehr_with_the_scope_opens_launches(house: House) -> None:
    bare = house.http.post("/auth/launch", json={})
    refused(bare, 401, "invalid_token", "access token")
    assert bare.headers["WWW-Authenticate"] == 'Bearer realm="pdmp"'
    garbled = house.post("{}", "a.b.c")
    refused(garbled, 401, "invalid_token", "not valid")
    assert 'error="invalid_token"' in garbled.headers["WWW-Authenticate"]
    weak = house.post("{}", house.token(scope="system/MedicationDispense.rs"))
    refused(weak, 403, "insufficient_scope", "__launch")
    assert 'scope="__launch"' in weak.headers["WWW-Authenticate"]
    given_back = house.token()
    house.http.post("/auth/revoke", data=house.ehr.form(grant_type=None, scope=None, token=given_back))
    refused(house.open(given_back), 401, "invalid_token", "not valid")


def test_an_ehr_that_lost_the_trust_opens_no_more(house: House) -> None:
    other = Backend(house.ehr.token_url)
    register_client(house.services.database, other.metadata(scope="__launch", trusted_ehr=True))
    token = house.token(other)
    assert house.open(token).status_code == 200
    register_client(house.services.database, other.metadata(), upsert=True)
    refused(house.open(token), 403, "access_denied", "trusted_ehr")


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ("", "application/json", 400),
        ("[]", "application/json", 400),
        ('{"client_id": "a", "client_id": "b"}', "application/json", 400),
        ("[" * 100_000, "application/json", 413),
        ('{"client_id": NaN}', "application/json", 400),
        ("client_id=app", "application/x-www-form-urlencoded", 400),
        (b'{"client_id": "\xff"}', "application/json", 400),
        (json.dumps({"client_id": "x" * 200_000}), "application/json", 413),
    ],
)
def test_a_body_that_is_no_such_request_is_refused(
    house: House, body: str | bytes, content_type: str, status: int
) -> None:
    answer = house.post(body, content_type=content_type)
    assert answer.status_code == status
    assert (answer.json or {})["error"] == "invalid_request"


def test_launches_are_audited_with_who_was_meant(house: House) -> None:
    found = house.opened(house.open())
    rows = house.rows("SELECT client_id, account_id, person_id, outcome FROM audit ORDER BY at DESC LIMIT 1")
    assert rows[0][:3] == (house.ehr.client_id, found.account_id, found.person_id)


def test_a_loop_is_slowed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LAUNCHES_A_MINUTE", 0)
    answer = house.open()
    refused(answer, 429, "temporarily_unavailable", "Too many")
    assert int(answer.headers["Retry-After"]) >= 1


def test_only_post_is_served(house: House) -> None:
    answer = house.http.get("/auth/launch?client_id=app")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
