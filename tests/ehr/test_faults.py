"""Each fault does what it says, and only that: a client's tests can rely on them."""

from __future__ import annotations

import json
import logging
import os

import jwt
import pytest

from conformance.ehr.faults import Fault
from tests.support.ehr_double import BASE, REGISTERED, Hospital, SmartClient, get


def test_a_fault_takes_effect_without_a_restart_and_goes_as_it_came(
    hospital: Hospital, smart: SmartClient
) -> None:
    hospital.write(faults=["wrong-state"])
    assert smart.authorize(hospital.launch())["state"] != smart.state
    hospital.write(faults=[])
    assert smart.authorize(hospital.launch())["state"] == smart.state


def test_faults_of_the_authorization_answer(hospital: Hospital, smart: SmartClient) -> None:
    hospital.write(faults=["missing-state"])
    assert "state" not in smart.authorize(hospital.launch())
    hospital.write(faults=["wrong-iss"])
    assert smart.authorize(hospital.launch())["iss"] != BASE
    hospital.write(faults=["missing-iss"])
    assert "iss" not in smart.authorize(hospital.launch())
    hospital.write(faults=["access-denied"])
    assert smart.authorize(hospital.launch())["error"] == "access_denied"
    hospital.write(faults=["expired-launch"])
    assert smart.authorize(hospital.launch())["error"] == "invalid_request"


def test_faults_of_discovery_and_token_answer(hospital: Hospital, smart: SmartClient) -> None:
    hospital.write(faults=["discovery-without-s256"])
    body = get(smart.http, "/fhir/.well-known/smart-configuration").get_json()
    assert body["code_challenge_methods_supported"] == ["plain"]
    hospital.write(faults=["token-refused"])
    assert smart.exchange(smart.code(hospital.launch())).get_json()["error"] == "invalid_grant"
    hospital.write(faults=["token-without-patient"])
    assert "patient" not in smart.signed_in(hospital.launch())
    hospital.write(faults=["token-without-id-token"])
    assert "id_token" not in smart.signed_in(hospital.launch())


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault.ID_TOKEN_AUDIENCE, jwt.InvalidAudienceError),
        (Fault.ID_TOKEN_ISSUER, jwt.InvalidIssuerError),
        (Fault.ID_TOKEN_EXPIRED, jwt.ExpiredSignatureError),
        (Fault.ID_TOKEN_SIGNATURE, jwt.InvalidSignatureError),
        (Fault.ID_TOKEN_UNSIGNED, jwt.InvalidAlgorithmError),
    ],
)
def test_a_spoiled_id_token_fails_for_its_own_reason(
    hospital: Hospital, smart: SmartClient, fault: Fault, reason: type[Exception]
) -> None:
    hospital.write(faults=[fault.value])
    token = smart.signed_in(hospital.launch())["id_token"]
    keys = jwt.PyJWKSet.from_dict(get(smart.http, "/.well-known/jwks.json").get_json())
    with pytest.raises(reason):
        jwt.decode(token, keys.keys[0], algorithms=["RS256"], audience="pdmp-app", issuer=BASE)


def test_faults_of_the_id_tokens_claims(hospital: Hospital, smart: SmartClient) -> None:
    def claims(fault: Fault) -> dict[str, object]:
        hospital.write(faults=[fault.value])
        token = smart.signed_in(hospital.launch())["id_token"]
        decoded: dict[str, object] = jwt.decode(token, options={"verify_signature": False})
        return decoded

    assert claims(Fault.ID_TOKEN_NONCE)["nonce"] != "n-1"
    assert "fhirUser" not in claims(Fault.FHIR_USER_MISSING)
    assert not str(claims(Fault.FHIR_USER_ELSEWHERE)["fhirUser"]).startswith(BASE)


def test_faults_of_the_patient_read(hospital: Hospital, smart: SmartClient) -> None:
    token = smart.signed_in(hospital.launch(), scope=REGISTERED)["access_token"]
    hospital.write(faults=["other-patient"])
    assert smart.fhir(token, "Patient/p1").get_json()["id"] == "p2"
    hospital.write(faults=["patient-unavailable"])
    assert smart.fhir(token, "Patient/p1").status_code == 500


def test_a_half_written_or_wrong_file_leaves_the_last_good_one_in_force(
    hospital: Hospital, smart: SmartClient, caplog: pytest.LogCaptureFixture
) -> None:
    whole = json.dumps(hospital.content)
    for number, text in enumerate((whole[:200], "[]", "{}", whole[:-1] + ', "faults": ["no-such-fault"]}')):
        hospital.file.write_text(text)
        os.utime(hospital.file, ns=(number, number))
        with caplog.at_level(logging.WARNING):
            assert "code" in smart.authorize(hospital.launch())
    assert "ehr_file_unreadable" in caplog.messages
    assert "Fenwick" not in caplog.text
