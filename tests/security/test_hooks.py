"""Attacks by CDS Hooks: forged callers, tokens played again or meant for elsewhere, patients mixed up."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import requests

from gateway.auth.registration import disable_client, register_client
from tests.cds.ehr import PATIENT, PREFETCH, Ehr, hook
from tests.oauth.backend import ec_key, rsa_key, sign
from tests.security.forging import hmac_signed, unsigned
from tests.security.house import House
from tests.support.smart_browser import Browser

PATH = "/cds-services/pdmp-patient-view"


@pytest.fixture(scope="module")
def ehr(house: House) -> Ehr:
    made = Ehr(house.base, iss="https://hooks.example")
    register_client(house.services.database, made.metadata(), client_id="hooks")
    return made


def call(house: House, token: str | None, sent: dict[str, Any] | None = None) -> requests.Response:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return requests.post(house.base + PATH, json=sent or hook("patient-view"), headers=headers, timeout=30)


def refused(house: House, token: str | None) -> None:
    answer = call(house, token)
    assert answer.status_code == 401, answer.text
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert "cards" not in answer.text


def works(house: House, ehr: Ehr) -> None:
    answer = call(house, ehr.token(PATH))
    assert (answer.status_code, "cards" in answer.json()) == (200, True), answer.text


def test_a_forged_hook_token_is_refused(house: House, ehr: Ehr) -> None:
    claims = ehr.claims(PATH)
    header = {"alg": "ES384", "typ": "JWT", "kid": ehr.kid}
    public = json.dumps(ehr.jwks()["keys"][0]).encode()
    forger = Ehr(ehr.base, iss=ehr.iss, key=ec_key())
    for token in (
        None,
        "",
        "x.y.z",
        unsigned(claims, {**header, "alg": "none"}),
        unsigned(claims, header, ehr.token(PATH).rpartition(".")[2]),
        hmac_signed(claims, public, {**header, "alg": "HS256"}),
        hmac_signed(claims, public, {**header, "alg": "HS384"}),
        sign(claims, rsa_key(), "RS256", {"kid": ehr.kid}),
        forger.token(PATH),
        forger.token(PATH, header={"jwk": forger.jwks()["keys"][0]}),
        ehr.token(PATH, header={"kid": "../../etc/passwd"}),
        ehr.token(PATH, header={"typ": "at+jwt"}),
    ):
        refused(house, token)
    works(house, ehr)


def test_a_hook_token_of_another_time_place_or_issuer_is_refused(house: House, ehr: Ehr) -> None:
    now = int(time.time())
    for changes in (
        {"iss": "https://stranger.example"},
        {"iss": None},
        {"aud": house.base},
        {"aud": f"{house.base}/cds-services/pdmp-order-sign"},
        {"aud": f"https://evil.example{PATH}"},
        {"exp": now - 100, "iat": now - 300},
        {"exp": now + 4000},
        {"iat": now + 300},
        {"jti": None},
        {"tenant": "other"},
    ):
        refused(house, ehr.token(PATH, **changes))
    works(house, ehr)


def test_a_hook_token_counts_once(house: House, ehr: Ehr) -> None:
    token = ehr.token(PATH)
    assert call(house, token).status_code == 200
    for _ in range(4):  # whichever worker answers
        refused(house, token)
    works(house, ehr)


def test_tokens_of_one_kind_are_no_tokens_of_another(house: House, ehr: Ehr, signed_in: Browser) -> None:
    app, backend = house.app(), house.backend()
    tokens = house.tokens(app, browser=signed_in)
    refused(house, tokens["access_token"])
    refused(house, tokens["id_token"])
    refused(house, backend.assertion())
    refused(house, backend.assertion(aud=house.base + PATH, iat=int(time.time())))
    # Nor does a hook's token authenticate a client, or read a record.
    hooked = ehr.token(PATH)
    assert house.get(f"Patient/{tokens['patient']}", hooked).status_code == 401
    answer = requests.post(
        f"{house.base}/auth/token", data=backend.form(assertion=ehr.token(PATH)), timeout=30
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")
    works(house, ehr)


def test_a_disabled_ehr_calls_no_more(house: House, ehr: Ehr) -> None:
    gone = Ehr(house.base, iss="https://gone-hooks.example")
    register_client(house.services.database, gone.metadata(), client_id="gone-hooks")
    works(house, gone)
    disable_client(house.services.database, "gone-hooks")
    refused(house, gone.token(PATH))
    works(house, ehr)


def test_the_patients_of_one_call_must_be_one(house: House, ehr: Ehr) -> None:
    other = {**PATIENT, "id": "pat-2"}
    authorization = {"access_token": "t", "token_type": "Bearer", "patient": "pat-2"}
    for changes in (
        {"prefetch": {**PREFETCH, "patient": other}},
        {"context": {"patientId": "pat-2"}},
        {"prefetch": None, "fhirServer": ehr.fhir_server, "fhirAuthorization": authorization},
        {"fhirServer": "https://evil.example/fhir", "fhirAuthorization": authorization},
        {"prefetch": {**PREFETCH, "patient": {"resourceType": "Bundle", "entry": []}}},
    ):
        answer = call(house, ehr.token(PATH), hook("patient-view", **changes))
        assert answer.status_code in (400, 412), answer.text
        assert "cards" not in answer.text
        assert "Quimby" not in answer.text
    works(house, ehr)


def test_a_card_says_nothing_that_the_ehr_did_not_say_and_no_address_names_anybody(
    house: House, ehr: Ehr
) -> None:
    """The appContext is the EHR's own patient, as the PDMP guide has it: back to the EHR, by no URL."""
    answer = call(house, ehr.token(PATH))
    (card, *_) = answer.json()["cards"]
    for link in card["links"]:
        assert link["url"] == "https://app.example/launch"
        assert "photo" not in link["appContext"]
        assert "Somebody Else" not in link["appContext"]
    without = json.dumps([{**card, "links": []} for card in answer.json()["cards"]])
    assert not any(word in without for word in ("Quimby", "Zelda", "1961-02-03", "MRN-77123"))
    assert "Quimby" not in house.log()
