"""What the double publishes: the assertions of SMART's own conformance kit, and that it keeps its word."""

from __future__ import annotations

import jwt
from fhir.resources.R4B.capabilitystatement import CapabilityStatement

from tests.support.ehr_double import BASE, FHIR, Hospital, SmartClient, get


def test_the_smart_configuration_has_every_field_that_smart_requires(hospital: Hospital) -> None:
    answer = get(hospital.browser(None), "/fhir/.well-known/smart-configuration")
    body = answer.get_json()
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    endpoints = ("jwks_uri", "authorization_endpoint", "token_endpoint")
    assert all(body[name].startswith(f"{BASE}/") for name in endpoints)
    assert body["issuer"] == BASE
    assert "authorization_code" in body["grant_types_supported"]
    assert body["code_challenge_methods_supported"] == ["S256"]
    assert body["authorization_response_iss_parameter_supported"] is True
    assert {"launch-ehr", "sso-openid-connect", "permission-v1", "permission-v2"} <= set(body["capabilities"])
    assert set(body["token_endpoint_auth_signing_alg_values_supported"]) == {"RS384", "ES384"}


def test_every_address_comes_from_the_setting_and_none_from_the_host_header(hospital: Hospital) -> None:
    answer = hospital.app.test_client().get(
        "/fhir/.well-known/smart-configuration",
        base_url="http://127.0.0.1:8002",
        headers={"X-Forwarded-Host": "evil.example"},
    )
    assert answer.get_json()["token_endpoint"] == f"{BASE}/auth/token"


def test_a_foreign_host_name_is_refused(hospital: Hospital) -> None:
    assert hospital.app.test_client().get("/", base_url="http://rebound.example:8002").status_code == 400


def test_openid_configuration_and_keys_fit_the_id_token(hospital: Hospital, smart: SmartClient) -> None:
    http = hospital.browser(None)
    openid = get(http, "/.well-known/openid-configuration").get_json()
    token = smart.signed_in(hospital.launch())["id_token"]
    keys = jwt.PyJWKSet.from_dict(get(http, openid["jwks_uri"].removeprefix(BASE)).get_json())
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, key, algorithms=["RS256"], audience="pdmp-app", issuer=openid["issuer"])
    assert claims["fhirUser"] == f"{FHIR}/Practitioner/creech"
    assert claims["nonce"] == "n-1"
    assert 0 < len(claims["sub"]) < 256


def test_the_capability_statement_is_valid_r4_and_names_the_oauth_addresses(hospital: Hospital) -> None:
    answer = get(hospital.browser(None), "/fhir/metadata")
    assert answer.mimetype == "application/fhir+json"
    CapabilityStatement.model_validate(answer.get_json())
    assert f"{BASE}/auth/authorize" in answer.text


def test_every_scope_that_discovery_lists_is_granted_to_a_client_registered_for_it(
    hospital: Hospital, smart: SmartClient
) -> None:
    listed = get(smart.http, "/fhir/.well-known/smart-configuration").get_json()["scopes_supported"]
    hospital.content["clients"][0]["scope"] = " ".join(listed)
    hospital.write()
    answer = smart.signed_in(hospital.launch(), scope=" ".join(listed))
    assert answer["scope"].split() == listed
