"""The token endpoint: the answer, client authentication, and every way in which a code is refused."""

from __future__ import annotations

import base64
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest

from tests.support.ehr_double import CALLBACK, EC_KEY, RSA_KEY, STRANGER, Hospital, SmartClient, post


def test_the_answer_carries_the_launch_context_and_is_never_cached(
    hospital: Hospital, smart: SmartClient
) -> None:
    answer = smart.exchange(smart.code(hospital.launch(patient="p2")))
    body = answer.get_json()
    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    assert "no-cache" in answer.headers["Pragma"]
    assert body["token_type"] == "Bearer"
    assert isinstance(body["expires_in"], int)
    assert 0 < body["expires_in"] <= 3600
    assert body["patient"] == "p2"
    assert body["need_patient_banner"] is False
    assert "refresh_token" not in body


@pytest.mark.parametrize(("key", "alg"), [(EC_KEY, "ES384"), (RSA_KEY, "RS384")])
def test_both_signing_algorithms_of_smart_are_taken(
    hospital: Hospital, smart: SmartClient, key: Any, alg: str
) -> None:
    code = smart.code(hospital.launch())
    assert smart.exchange(code, client_assertion=smart.assertion(key, alg)).status_code == 200


def test_a_client_with_a_secret_authenticates_by_the_method_it_is_registered_with(hospital: Hospital) -> None:
    basic = {"Authorization": "Basic " + base64.b64encode(b"basic-app:basic-secret_1").decode()}
    none = {"client_assertion": None, "client_assertion_type": None}
    for client_id, headers, form in (
        ("basic-app", basic, none),
        ("post-app", {}, {**none, "client_id": "post-app", "client_secret": "post-secret_1"}),
    ):
        origin = f"http://{client_id.split('-')[0]}.localhost:8001"
        hospital.write(app_launch_url=f"{origin}/launch")
        client = SmartClient(hospital, client_id, f"{origin}/callback")
        code = client.code(hospital.launch())
        assert client.exchange(code, headers=headers, **form).status_code == 200, client_id


def test_a_secret_sent_by_the_wrong_method_or_wrong_is_refused(hospital: Hospital) -> None:
    hospital.write(app_launch_url="http://basic.localhost:8001/launch")
    client = SmartClient(hospital, "basic-app", "http://basic.localhost:8001/callback")
    code = client.code(hospital.launch())
    none = {"client_assertion": None, "client_assertion_type": None}
    by_post = client.exchange(code, client_id="basic-app", client_secret="basic-secret_1", **none)
    assert (by_post.status_code, by_post.get_json()["error"]) == (400, "invalid_client")
    wrong = {"Authorization": "Basic " + base64.b64encode(b"basic-app:wrong").decode()}
    by_basic = client.exchange(code, headers=wrong, **none)
    assert (by_basic.status_code, by_basic.get_json()["error"]) == (401, "invalid_client")
    assert by_basic.headers["WWW-Authenticate"].startswith("Basic")
    assert client.exchange(code, **none).get_json()["error"] == "invalid_client"


def test_two_ways_of_authentication_at_once_are_refused(hospital: Hospital, smart: SmartClient) -> None:
    answer = smart.exchange(smart.code(hospital.launch()), client_id="pdmp-app", client_secret="x")
    assert answer.get_json()["error"] == "invalid_client"


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "http://ehr.localhost:8002/"},
        {"aud": "http://ehr.localhost:8002/fhir"},
        {"aud": ["http://ehr.localhost:8002/auth/token"]},
        {"aud": None},
        {"iss": "basic-app"},
        {"sub": "basic-app"},
        {"sub": None},
        {"iss": None},
        {"jti": None},
        {"jti": ""},
        {"exp": None},
        {"exp": int(time.time()) - 1},
        {"exp": int(time.time()) + 3600},
        {"exp": "soon"},
        {"nbf": int(time.time()) + 3600},
        {"alg": "RS256", "key": RSA_KEY},
        {"alg": "HS384", "key": "a-shared-secret-that-is-long-enough-for-hmac-sha-384-to-accept"},
        {"key": STRANGER},
        {"header": {"kid": "rsa-1"}},
        {"header": {"kid": "unknown"}},
        {"header": {"typ": "at+jwt"}},
        {"header": {"jku": "https://evil.example/jwks.json"}},
    ],
)
def test_an_assertion_wrong_in_one_thing_is_refused(
    hospital: Hospital, smart: SmartClient, change: dict[str, Any]
) -> None:
    code = smart.code(hospital.launch())
    answer = smart.exchange(code, client_assertion=smart.assertion(**change))
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_client")
    assert smart.exchange(code).status_code == 200, "a stranger's attempt must not use the code up"


def test_an_unsigned_or_broken_assertion_is_refused(hospital: Hospital, smart: SmartClient) -> None:
    code = smart.code(hospital.launch())
    unsigned = jwt.encode({"sub": "pdmp-app"}, "", algorithm="none", headers={"kid": "ec-1"})
    for assertion in (unsigned, "", "a.b.c", "x"):
        assert smart.exchange(code, client_assertion=assertion).get_json()["error"] == "invalid_client"
    answer = smart.exchange(code, client_assertion_type="urn:other")
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_client")


def test_an_assertion_works_once(hospital: Hospital, smart: SmartClient) -> None:
    assertion = smart.assertion()
    assert smart.exchange(smart.code(hospital.launch()), client_assertion=assertion).status_code == 200
    again = smart.exchange(smart.code(hospital.launch()), client_assertion=assertion)
    assert again.get_json()["error"] == "invalid_client"


@pytest.mark.parametrize(
    "change",
    [
        {"code_verifier": None},
        {"code_verifier": ""},
        {"code_verifier": "w" * 43},
        {"redirect_uri": None},
        {"redirect_uri": f"{CALLBACK}/"},
    ],
)
def test_a_code_without_its_verifier_or_redirect_is_refused_and_used_up(
    hospital: Hospital, smart: SmartClient, change: dict[str, str | None]
) -> None:
    code = smart.code(hospital.launch())
    answer = smart.exchange(code, **change)
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_grant")
    assert smart.exchange(code).get_json()["error"] == "invalid_grant"


def test_the_challenge_itself_is_no_verifier(hospital: Hospital, smart: SmartClient) -> None:
    answer = smart.exchange(smart.code(hospital.launch()), code_verifier=smart.challenge)
    assert answer.get_json()["error"] == "invalid_grant"


def test_a_code_dies_after_a_minute(hospital: Hospital, smart: SmartClient) -> None:
    young, old = smart.code(hospital.launch()), smart.code(hospital.launch())
    hospital.clock = 59
    assert smart.exchange(young).status_code == 200
    hospital.clock = 61
    assert smart.exchange(old).get_json()["error"] == "invalid_grant"


def test_a_code_used_twice_takes_back_the_token_that_came_of_it(
    hospital: Hospital, smart: SmartClient
) -> None:
    code = smart.code(hospital.launch())
    token = smart.exchange(code).get_json()["access_token"]
    assert smart.fhir(token, "Patient/p1").status_code == 200
    assert smart.exchange(code).get_json()["error"] == "invalid_grant"
    assert smart.fhir(token, "Patient/p1").status_code == 401


def test_of_many_redemptions_at_once_one_succeeds(hospital: Hospital, smart: SmartClient) -> None:
    code = smart.code(hospital.launch())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: smart.exchange(code).status_code, range(8)))
    assert sorted(answers) == [200] + [400] * 7


def test_another_clients_attempt_neither_works_nor_uses_the_code_up(
    hospital: Hospital, smart: SmartClient
) -> None:
    code = smart.code(hospital.launch())
    form = {"client_assertion": None, "client_assertion_type": None, "client_id": "post-app"}
    answer = smart.exchange(code, client_secret="post-secret_1", **form)
    assert answer.get_json()["error"] == "invalid_grant"
    assert smart.exchange(code).status_code == 200


@pytest.mark.parametrize("grant", ["client_credentials", "refresh_token", "password", "", None])
def test_any_other_grant_type_is_unsupported(
    hospital: Hospital, smart: SmartClient, grant: str | None
) -> None:
    answer = smart.exchange("x", grant_type=grant)
    assert (answer.status_code, answer.get_json()["error"]) == (400, "unsupported_grant_type")
    assert answer.headers["Pragma"] == "no-cache"


def test_parameters_in_the_query_or_as_json_are_refused(hospital: Hospital, smart: SmartClient) -> None:
    code = smart.code(hospital.launch())
    in_query = post(
        smart.http, "/auth/token", {"grant_type": "authorization_code"}, query_string={"code": code}
    )
    assert in_query.get_json()["error"] == "invalid_request"
    as_json = smart.http.post("/auth/token", base_url="http://ehr.localhost:8002", json={"code": code})
    assert as_json.get_json()["error"] == "invalid_request"


def test_without_openid_there_is_no_id_token(hospital: Hospital, smart: SmartClient) -> None:
    assert "id_token" not in smart.signed_in(hospital.launch(), scope="launch patient/Patient.rs")
