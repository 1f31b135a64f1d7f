"""The authorization endpoint: one right request, and each wrong one differs in one thing."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.support.ehr_double import BASE, FHIR, SCOPE, Hospital, SmartClient, get, post


def test_a_right_request_brings_back_code_state_and_issuer(hospital: Hospital, smart: SmartClient) -> None:
    answer = smart.authorize(hospital.launch())
    assert answer.keys() == {"code", "state", "iss"}
    assert answer["state"] == smart.state
    assert answer["iss"] == BASE


def test_the_request_may_be_posted_as_a_form(hospital: Hospital, smart: SmartClient) -> None:
    answer = post(smart.http, "/auth/authorize", smart.request(hospital.launch()))
    assert answer.status_code == 302
    assert "code=" in answer.location
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"aud": None}, "invalid_request"),
        ({"aud": f"{FHIR}/"}, "invalid_request"),
        ({"aud": "https://evil.example/fhir"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"launch": None}, "invalid_request"),
        ({"launch": "made-up"}, "invalid_request"),
        ({"scope": "openid fhirUser patient/Patient.rs"}, "invalid_scope"),
        ({"scope": f"{SCOPE} launch/patient"}, "invalid_scope"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"request_uri": "https://evil.example/r"}, "invalid_request"),
        ({"request": "e30.e30."}, "invalid_request"),
    ],
)
def test_a_request_wrong_in_one_thing_is_told_so_at_the_redirect(
    hospital: Hospital, smart: SmartClient, change: dict[str, str | None], error: str
) -> None:
    answer = smart.authorize(hospital.launch(), **change)
    assert "code" not in answer
    assert answer["error"] == error
    assert answer["state"] == smart.state
    assert answer["iss"] == BASE


def test_a_request_without_state_is_refused(hospital: Hospital, smart: SmartClient) -> None:
    answer = smart.authorize(hospital.launch(), state=None)
    assert answer["error"] == "invalid_request"
    assert "state" not in answer


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "nobody"},
        {"client_id": None},
        {"redirect_uri": "http://pdmp.localhost:8001/callback/"},
        {"redirect_uri": "http://pdmp.localhost:8001/callback?x=1"},
        {"redirect_uri": "http://pdmp.localhost:8001.evil.example/callback"},
        {"redirect_uri": "http://basic.localhost:8001/callback"},
        {"redirect_uri": None},
    ],
)
def test_an_unknown_client_or_redirect_gets_a_page_and_never_a_redirect(
    hospital: Hospital, smart: SmartClient, change: dict[str, str | None]
) -> None:
    answer = get(smart.http, "/auth/authorize", query_string=smart.request(hospital.launch(), **change))
    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert answer.mimetype == "text/html"


def test_a_parameter_sent_twice_is_refused(hospital: Hospital, smart: SmartClient) -> None:
    query = [*smart.request(hospital.launch()).items(), ("scope", "launch")]
    answer = get(smart.http, "/auth/authorize", query_string="&".join(f"{k}={v}" for k, v in query))
    assert dict(parse_qsl(urlsplit(answer.location).query))["error"] == "invalid_request"
    doubled = [*smart.request("x").items(), ("client_id", "pdmp-app")]
    answer = get(smart.http, "/auth/authorize", query_string="&".join(f"{k}={v}" for k, v in doubled))
    assert (answer.status_code, "Location" in answer.headers) == (400, False)


def test_a_launch_handle_works_once(hospital: Hospital, smart: SmartClient) -> None:
    launch = hospital.launch()
    assert "code" in smart.authorize(launch)
    assert smart.authorize(launch)["error"] == "invalid_request"


def test_a_failed_request_leaves_the_launch_handle_usable(hospital: Hospital, smart: SmartClient) -> None:
    launch = hospital.launch()
    assert smart.authorize(launch, aud="https://evil.example")["error"] == "invalid_request"
    assert "code" in smart.authorize(launch)


def test_a_launch_handle_dies_after_five_minutes(hospital: Hospital, smart: SmartClient) -> None:
    young, old = hospital.launch(), hospital.launch()
    hospital.clock = 299
    assert "code" in smart.authorize(young)
    hospital.clock = 301
    assert smart.authorize(old)["error"] == "invalid_request"


def test_a_launch_handle_is_of_no_use_to_another_client(hospital: Hospital) -> None:
    other = SmartClient(hospital, "basic-app", "http://basic.localhost:8001/callback")
    assert other.authorize(hospital.launch())["error"] == "invalid_request"


def test_a_launch_of_one_user_fails_while_another_is_signed_in_here(
    hospital: Hospital, smart: SmartClient
) -> None:
    launch = hospital.launch("creech")
    smart.http = hospital.browser("tackett")
    assert smart.authorize(launch)["error"] == "access_denied"
    smart.http = hospital.browser("creech")
    assert "code" in smart.authorize(launch)


def test_scopes_beyond_the_registration_are_left_out_and_the_rest_granted_as_spelt(
    hospital: Hospital, smart: SmartClient
) -> None:
    asked = "launch launch openid fhirUser offline_access patient/Patient.read patient/Observation.rs"
    asked += " user/Practitioner.cruds user/*.rs patient/Patient.sr"
    granted = smart.signed_in(hospital.launch(), scope=asked)["scope"]
    assert granted == "launch openid fhirUser patient/Patient.read"
