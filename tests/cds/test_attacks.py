"""Tokens that must not pass, servers that must not be called, patients that must not be mixed."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest
from flask.testing import FlaskClient

from gateway.auth.registration import disable_client, register_client
from gateway.core.errors import BadRequest, Conflict
from gateway.core.settings import Settings
from gateway.store.database import Database
from tests.cds.conftest import Call
from tests.cds.ehr import PATIENT, PRACTITIONER, PREFETCH, Ehr, drafts, fhir_server, hook, order
from tests.oauth.backend import ec_key, rsa_key, sign
from tests.support.processes import LiveGateway

PATH = "/cds-services/pdmp-patient-view"
EARLIER = -400


def refused(http: FlaskClient, token: str | None) -> bool:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    answer = http.post(PATH, json=hook("patient-view"), headers=headers)
    assert answer.status_code == 401, answer.text
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert set(answer.json) == {"error", "message"}
    return True


def test_no_token_and_no_jwt_are_refused(http: FlaskClient, ehr: Ehr) -> None:
    assert refused(http, None)
    assert refused(http, "x.y.z")
    assert (
        http.post(PATH, json=hook("patient-view"), headers={"Authorization": "Basic eDp5"}).status_code == 401
    )


def test_another_key_under_the_registered_id_is_refused(http: FlaskClient, ehr: Ehr) -> None:
    assert refused(http, Ehr(ehr.base, key=ec_key()).token(PATH))
    assert refused(http, ehr.token(PATH, header={"kid": "another"}))
    assert refused(http, ehr.token(PATH, header={"jwk": ehr.jwks()["keys"][0], "kid": "another"}))


def test_weak_algorithms_are_refused(http: FlaskClient, ehr: Ehr) -> None:
    claims = ehr.claims(PATH)
    assert refused(http, jwt.encode(claims, "", algorithm="none", headers={"kid": ehr.kid}))
    secret = "0123456789abcdef" * 4
    assert refused(http, jwt.encode(claims, secret, algorithm="HS256", headers={"kid": ehr.kid}))
    assert refused(http, sign(claims, rsa_key(), "RS256", {"kid": ehr.kid}))


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://stranger.example"},
        {"iss": None},
        {"aud": None},
        {"aud": "http://localhost:8000"},
        {"aud": "http://localhost:8000/cds-services"},
        {"aud": "http://localhost:8000/cds-services/pdmp-order-sign"},
        {"aud": "https://other.example/cds-services/pdmp-patient-view"},
        {"exp": None},
        {"iat": None},
        {"jti": None},
        {"jti": ""},
        {"tenant": "somebody"},
        {"tenant": ["x"]},
        {"iss": "x\x00y"},
    ],
)
def test_claims_that_do_not_hold_are_refused(http: FlaskClient, ehr: Ehr, changes: dict[str, Any]) -> None:
    assert refused(http, ehr.token(PATH, **changes))


def test_times_outside_five_minutes_are_refused(http: FlaskClient, ehr: Ehr) -> None:
    now = ehr.claims(PATH)["iat"]
    for iat, exp in (
        (now + EARLIER, now - 100),
        (now, now + 4000),
        (now - 4000, now + 300),
        (now + 300, now + 300),
    ):
        assert refused(http, ehr.token(PATH, iat=iat, exp=exp))


def test_a_list_of_audiences_with_ours_in_it_is_taken(http: FlaskClient, ehr: Ehr) -> None:
    token = ehr.token(PATH, aud=["https://other.example/x", ehr.base + PATH])
    headers = {"Authorization": f"Bearer {token}"}
    assert http.post(PATH, json=hook("patient-view"), headers=headers).status_code == 200


def test_rs384_and_es384_are_taken(http: FlaskClient, store: Database, ehr: Ehr) -> None:
    other = Ehr(ehr.base, iss="https://rsa.example", key=rsa_key())
    register_client(store, other.metadata())
    for one in (ehr, other):
        assert http.post(PATH, json=hook("patient-view"), headers=one.headers(PATH)).status_code == 200


def test_a_token_counts_once_even_in_parallel_over_processes(
    module_gateway: LiveGateway, tmp_path: Any
) -> None:
    """The gateway here has no app to open: a token that holds gets 404, a spent one 401."""
    import requests

    settings = module_gateway.settings
    assert settings.database_url
    database = Database(settings.database_url)
    ehr = Ehr(settings.base_url, iss="https://parallel.example")
    register_client(database, ehr.metadata())
    database.close()
    headers = ehr.headers(PATH)
    url = f"http://127.0.0.1:{settings.base_url.rpartition(':')[2]}{PATH}"

    def send(_: int) -> int:
        return requests.post(url, json=hook("patient-view"), headers=headers, timeout=20).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(send, range(16)))
    assert statuses == [401] * 15 + [404]


def test_a_spent_token_is_refused_whatever_became_of_its_call(http: FlaskClient, ehr: Ehr) -> None:
    headers = ehr.headers(PATH)
    assert http.post(PATH, json={}, headers=headers).status_code == 400
    assert http.post(PATH, json=hook("patient-view"), headers=headers).status_code == 401


def test_jku_is_never_fetched_and_must_be_the_registered_one(
    http: FlaskClient, store: Database, ehr: Ehr, cds_settings: Settings
) -> None:
    with fhir_server() as server:
        url = f"{server.base}/jwks"
        attacker = Ehr(ehr.base, key=ec_key())
        server.resources["jwks"] = attacker.jwks()
        assert refused(http, attacker.token(PATH, header={"jku": url}))
        assert refused(http, ehr.token(PATH, header={"jku": url}))
        assert server.seen == []
        by_url = Ehr(cds_settings.base_url, iss="https://by-url.example")
        server.resources["jwks"] = by_url.jwks()
        register_client(store, by_url.metadata(jwks=None, jwks_uri=url))
        assert refused(http, by_url.token(PATH, header={"jku": f"{url}?x"}))
        headers = by_url.headers(PATH, header={"jku": url})
        assert http.post(PATH, json=hook("patient-view"), headers=headers).status_code == 200
        assert [path for path, _ in server.seen] == ["/fhir/jwks"]


def test_tenants_of_one_issuer_are_told_apart(http: FlaskClient, store: Database, ehr: Ehr) -> None:
    iss = "https://vendor.example"
    north, south = (Ehr(ehr.base, iss=iss, fhir_server=f"{iss}/{name}") for name in ("north", "south"))
    register_client(store, north.metadata(tenant="north"))
    register_client(store, south.metadata(tenant="south"))
    for one, tenant, status in ((north, "north", 200), (south, "south", 200), (north, "south", 401)):
        headers = one.headers(PATH, tenant=tenant)
        assert http.post(PATH, json=hook("patient-view"), headers=headers).status_code == status
    assert refused(http, north.token(PATH))
    with pytest.raises(Conflict, match="iss and tenant"):
        register_client(store, north.metadata(tenant="north"))


def test_a_disabled_client_is_refused_and_its_issuer_can_be_registered_anew(
    http: FlaskClient, store: Database, ehr: Ehr
) -> None:
    gone = Ehr(ehr.base, iss="https://gone.example")
    register_client(store, gone.metadata(), client_id="gone")
    disable_client(store, "gone")
    assert refused(http, gone.token(PATH))
    register_client(store, gone.metadata(), client_id="back")
    assert http.post(PATH, json=hook("patient-view"), headers=gone.headers(PATH)).status_code == 200


def test_another_fhir_server_than_the_registered_one_is_never_called(call: Call) -> None:
    with fhir_server() as server:
        authorization = {"access_token": "t", "token_type": "Bearer"}
        answer = call("patient-view", prefetch=None, fhirServer=server.base, fhirAuthorization=authorization)
        assert answer.status_code == 400
        assert "fhirServer" in answer.json["message"]
        assert server.seen == []


@pytest.mark.parametrize("token", ["a\r\nX-Evil: 1", "a b", "", "ü", None])
def test_a_token_that_is_none_is_never_sent(call: Call, token: Any) -> None:
    authorization = {"access_token": token, "token_type": "Bearer"}
    answer = call(
        "patient-view",
        prefetch=None,
        fhirServer="https://ehr.example/fhir",
        fhirAuthorization=authorization,
    )
    assert answer.status_code == 400


def test_the_patients_of_context_prefetch_orders_and_token_must_agree(call: Call) -> None:
    other = {**PATIENT, "id": "pat-2"}
    assert call("patient-view", prefetch={**PREFETCH, "patient": other}).status_code == 400
    doctor = {**PRACTITIONER, "id": "doc-2"}
    assert call("patient-view", prefetch={**PREFETCH, "practitioner": doctor}).status_code == 400
    foreign = {**order(text="lisinopril"), "subject": {"reference": "Patient/pat-2"}}
    assert call("order-sign", context={"draftOrders": drafts(foreign)}).status_code == 400
    authorization = {"access_token": "t", "token_type": "Bearer", "patient": "pat-2"}
    changes = {"fhirServer": "https://ehr.example/fhir", "fhirAuthorization": authorization}
    assert call("patient-view", **changes).status_code == 400


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"iss": None}, "iss"),
        ({"fhir_server": None}, "fhir_server"),
        ({"fhir_server": "http://ehr.example/fhir"}, "fhir_server"),
        ({"fhir_server": "https://ehr.example/fhir?x=1"}, "fhir_server"),
        ({"jwks": None}, "jwks"),
        ({"jwks_uri": "https://ehr.example/jwks"}, "jwks"),
        ({"jwks": {"keys": []}}, "jwks"),
        ({"tennant": "x"}, "known"),
    ],
)
def test_registrations_are_checked(store: Database, ehr: Ehr, changes: dict[str, Any], names: str) -> None:
    with pytest.raises(BadRequest, match=f"cds: .*{names}"):
        register_client(store, Ehr(ehr.base, iss=f"https://{uuid.uuid4()}").metadata(**changes))
