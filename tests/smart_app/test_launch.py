"""A launch from an EHR to the page: what is sent, what is checked, what is refused."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
import redis

from conformance.ehr.faults import Fault
from gateway.embedded import Urls
from smart_app.log import JsonLines
from tests.smart_app import answers
from tests.smart_app.conftest import SCOPE, Browser, Stage
from tests.support.databases import TestDatabase


def outcome(page: str) -> str:
    return page.split('data-outcome="', 1)[1].split('"', 1)[0]


def authorize(browser: Browser, stage: Stage, patient: str = "p1") -> str:
    """Return the authorization URL of a new launch."""
    answer = browser.get(browser.frame_url(stage.hospital, patient))
    assert answer.status_code == 302
    return answer.headers["Location"]


def callback(browser: Browser, stage: Stage, patient: str = "p1") -> str:
    """Return the callback URL of a launch that the EHR has answered."""
    return browser.get(authorize(browser, stage, patient)).headers["Location"]


def changed(url: str, **changes: str | None) -> str:
    query = dict(parse_qsl(urlsplit(url).query)) | changes
    return f"{url.split('?')[0]}?{urlencode({k: v for k, v in query.items() if v is not None})}"


def test_a_launch_ends_on_the_page_of_that_patient(stage: Stage, browser: Browser) -> None:
    page = browser.open(stage.hospital)
    assert page.status_code == 200
    assert outcome(page.text) == "history"
    assert page.text.count('id="row-') == 19
    assert "LORETTA M FENWICK" in page.text
    (client, asked) = stage.gateway.calls[0]
    assert client == "gw-ehr"
    parts = {part["name"]: part["resource"] for part in asked["parameter"] if "resource" in part}
    assert parts["patient"]["id"] == "p1"
    assert parts["patient"]["birthDate"] == "1968-04-11"
    assert parts["authorized-practitioner"]["identifier"][0]["value"] == "1999500006"
    role = parts["authorized-practitioner-role"]
    assert role["practitioner"] == {"reference": "Practitioner/creech"}


def test_the_authorization_request_is_what_smart_asks(stage: Stage, browser: Browser) -> None:
    first, second = (parse_qs(urlsplit(authorize(browser, stage)).query) for _ in range(2))
    assert {name: first[name] for name in ("response_type", "client_id", "aud", "scope", "redirect_uri")} == {
        "response_type": ["code"],
        "client_id": ["pdmp-app"],
        "aud": [stage.hospital.fhir],
        "scope": [SCOPE],
        "redirect_uri": [f"{stage.settings.base_url}/callback"],
    }
    assert first["code_challenge_method"] == ["S256"]
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name][0]) >= 43
        assert first[name] != second[name]


@pytest.mark.parametrize("change", ["unknown", "trailing slash", "upper case", "longer"])
def test_only_a_registered_issuer_may_launch(stage: Stage, browser: Browser, change: str) -> None:
    iss = stage.hospital.fhir
    other = {
        "unknown": "http://other.localhost/fhir",
        "trailing slash": f"{iss}/",
        "upper case": iss.replace("ehr", "EHR"),
        "longer": f"{iss}/../fhir",
    }[change]
    query = urlencode({"iss": other, "launch": "abc"})
    answer = browser.get(f"{stage.settings.base_url}/launch?{query}")
    assert answer.status_code == 403
    assert outcome(answer.text) == "unknown-issuer"
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("query", ["", "iss=x", "launch=x", "iss=x&iss=y&launch=z"])
def test_a_launch_without_its_two_parameters_is_refused(stage: Stage, browser: Browser, query: str) -> None:
    assert browser.get(f"{stage.settings.base_url}/launch?{query}").status_code == 400


def test_the_launch_cookie_is_the_kind_that_a_frame_keeps(stage: Stage, browser: Browser) -> None:
    authorize(browser, stage)
    line = browser.set_cookie_lines[-1]
    assert line.startswith("__Host-pdmp_app")
    attributes = {part.strip() for part in line.split(";")[1:]}
    assert {"Secure", "HttpOnly", "SameSite=None", "Partitioned", "Path=/"} <= attributes
    assert not any(a.startswith("Domain") for a in attributes)


def test_a_state_is_used_once(stage: Stage, browser: Browser) -> None:
    url = callback(browser, stage)
    assert browser.get(url).status_code == 303
    again = browser.get(url)
    assert again.status_code == 400
    assert outcome(again.text) == "launch-refused"


@pytest.mark.parametrize("state", [None, "x", "A" * 43])
def test_an_unknown_state_is_refused(stage: Stage, browser: Browser, state: str | None) -> None:
    answer = browser.get(changed(callback(browser, stage), state=state))
    assert answer.status_code == 400
    assert stage.gateway.calls == []


def test_a_callback_in_another_browser_with_a_cookie_of_its_own_is_refused(
    stage: Stage, browser: Browser
) -> None:
    url = callback(browser, stage)
    host = urlsplit(stage.settings.base_url).netloc
    other = Browser()
    other.jar[host] = dict.fromkeys(browser.jar[host], "B" * 43)
    assert other.get(url).status_code == 400


def test_a_callback_of_somebody_else_shows_nothing_in_a_browser_that_keeps_cookies(stage: Stage) -> None:
    attacker = Browser(cookies=False)
    begun = attacker.get(Browser().frame_url(stage.hospital)).headers["Location"]
    url = attacker.get(begun).headers["Location"]
    victim = Browser()
    page = victim.follow(url)
    assert page.status_code == 410
    assert outcome(page.text) == "page-gone"
    assert stage.gateway.calls == []


@pytest.mark.parametrize("error", ["access_denied", "<script>alert(1)</script>"])
def test_an_error_of_the_ehr_is_told_in_our_own_words(stage: Stage, browser: Browser, error: str) -> None:
    url = changed(callback(browser, stage), code=None, error=error, error_description="<b>Fenwick</b>")
    answer = browser.get(url)
    assert answer.status_code == 400
    assert "Fenwick" not in answer.text
    assert "<script>alert" not in answer.text


@pytest.mark.parametrize("fault", list(Fault))
def test_a_misbehaving_ehr_gets_no_history(stage: Stage, browser: Browser, fault: Fault) -> None:
    # The configuration of a known hospital may be remembered for minutes: that fault needs a new one.
    new = fault is Fault.DISCOVERY_WITHOUT_S256
    hospital = stage.add_hospital() if new else stage.hospital
    hospital.write(faults=[fault.value])
    page = browser.open(hospital)
    assert page.status_code >= 400
    assert outcome(page.text) in ("launch-refused", "ehr-failed")
    assert stage.gateway.calls == []


def test_a_launch_uses_only_its_own_ehrs_client_at_the_gateway(stage: Stage) -> None:
    stage.gateway.clients.add("gw-other")
    other = stage.add_hospital(gateway_client_id="gw-other")
    for hospital in (stage.hospital, other, stage.hospital, other):
        assert Browser().open(hospital).status_code == 200
    assert [client for client, _ in stage.gateway.calls] == ["gw-ehr", "gw-other", "gw-ehr", "gw-other"]
    stage.gateway.clients.discard("gw-ehr")
    stage.gateway.tokens.clear()
    refused = Browser().open(stage.hospital)
    assert refused.status_code == 502
    assert outcome(refused.text) == "gateway-failed"
    assert [client for client, _ in stage.gateway.calls][4:] == []


def test_a_state_of_one_ehr_is_worth_nothing_with_the_answer_of_another(stage: Stage) -> None:
    other = stage.add_hospital(gateway_client_id="gw-other")
    browser = Browser()
    mine = parse_qs(urlsplit(authorize(browser, stage)).query)["state"][0]
    launch = browser.get(browser.frame_url(other)).headers["Location"]
    theirs = browser.get(launch).headers["Location"]
    answer = browser.get(changed(theirs, state=mine))
    assert answer.status_code == 400
    assert stage.gateway.calls == []


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_an_ehr_may_know_the_app_by_a_secret(stage: Stage, browser: Browser, method: str) -> None:
    client = stage.hospital.content["clients"][0] | {
        "client_secret": "s3cret-S3CRET_",
        "token_endpoint_auth_method": method,
    }
    client.pop("jwks")
    stage.hospital.write(clients=[client])
    stage.register(stage.hospital, client_secret="s3cret-S3CRET_", token_endpoint_auth_method=method)
    assert browser.open(stage.hospital).status_code == 200


def test_role_and_organization_are_sent_when_the_ehr_offers_them(stage: Stage, browser: Browser) -> None:
    number = {"system": "http://hl7.org/fhir/sid/us-npi", "value": "1999000205"}
    organization = stage.hospital.content["organization"] | {"identifier": [number]}
    stage.hospital.write(organization=organization)
    scope = f"{SCOPE} user/PractitionerRole.rs user/Organization.rs"
    stage.register(stage.hospital, scope=scope)
    assert browser.open(stage.hospital).status_code == 200
    parts = {p["name"]: p.get("resource") for p in stage.gateway.calls[0][1]["parameter"]}
    assert parts["authorized-practitioner-organization"]["identifier"] == [number]
    role = parts["authorized-practitioner-role"]
    assert role["organization"] == {"reference": "Organization/bluegrass"}
    assert role["practitioner"] == {"reference": "Practitioner/creech"}


def test_two_patients_open_at_once_never_mix(stage: Stage, browser: Browser) -> None:
    first, second = callback(browser, stage, "p1"), callback(browser, stage, "p2")
    pages = [browser.get(url).headers["Location"] for url in (first, second)]
    for url, name in ((pages[1], "Wendell Álvarez"), (pages[0], "Loretta Fenwick"), (pages[1], "Álvarez")):
        page = browser.get(url)
        assert page.status_code == 200
        assert name in page.text
    assert [asked["parameter"][0]["resource"]["id"] for _, asked in stage.gateway.calls] == ["p2", "p1", "p2"]


def test_a_page_belongs_to_the_browser_that_launched_it(stage: Stage, browser: Browser) -> None:
    page = browser.get(callback(browser, stage)).headers["Location"]
    assert Browser().get(page).status_code == 410
    assert browser.get(page).status_code == 200


def test_a_page_can_be_asked_for_again(stage: Stage, browser: Browser) -> None:
    page = browser.open(stage.hospital)
    handle = page.text.split('name="page" value="')[1].split('"')[0]
    again = browser.send("POST", f"{stage.settings.base_url}/view", data={"page": handle})
    assert again.status_code == 200
    assert outcome(again.text) == "history"
    assert len(stage.gateway.calls) == 2
    forged = browser.send(
        "POST",
        f"{stage.settings.base_url}/view",
        data={"page": handle},
        headers={"Sec-Fetch-Site": "cross-site"},
    )
    assert forged.status_code == 400


def test_without_cookies_a_handle_is_used_once_and_replaced(stage: Stage) -> None:
    chart = Browser()
    frame = Browser(cookies=False)
    page = frame.follow(chart.frame_url(stage.hospital))
    assert page.status_code == 200
    assert frame.get(frame.visited[-1]).status_code == 410
    handles = [page.text.split('name="page" value="')[1].split('"')[0]]
    for _ in range(2):
        page = frame.send("POST", f"{stage.settings.base_url}/view", data={"page": handles[-1]})
        assert page.status_code == 200
        handles.append(page.text.split('name="page" value="')[1].split('"')[0])
    assert len(set(handles)) == 3
    spent = frame.send("POST", f"{stage.settings.base_url}/view", data={"page": handles[0]})
    assert spent.status_code == 410


def test_pages_appear_in_their_own_ehrs_frames_only(stage: Stage, browser: Browser) -> None:
    other = stage.add_hospital(gateway_client_id="gw-other")
    page = browser.open(stage.hospital)
    policy = page.headers["Content-Security-Policy"]
    assert policy.endswith(f"frame-ancestors {stage.hospital.base}")
    assert other.base not in policy
    assert "unsafe" not in policy
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert "X-Frame-Options" not in page.headers


@pytest.mark.usefixtures("clean_cache")
def test_no_patient_data_leaves_in_urls_cookies_logs_or_cache(
    stage: Stage, browser: Browser, servers: Urls, app_cache: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    page = browser.open(stage.hospital)
    assert page.status_code == 200
    stage.gateway.status = 500
    browser.get(browser.visited[-1])
    ours = [url for url in browser.visited if "pdmp.localhost" in url]
    lines = [JsonLines().format(record) for record in caplog.records if record.name.startswith("smart_app")]
    assert any('"route": "/callback"' in line for line in lines)
    written = "\n".join([*ours, *browser.set_cookie_lines, *lines])
    for secret in ("Fenwick", "FENWICK", "Loretta", "1968-04-11", "oxycodone"):
        assert secret not in written
    # Four digits may stand inside a random handle; as a number of its own they may not.
    assert not re.search(r"(?<![\w-])4711(?![\w-])", written)
    logged = "\n".join(lines)
    for url in ours:
        for value in [v for _, v in parse_qsl(urlsplit(url).query)] + [url.rpartition("/")[2]]:
            assert len(value) < 30 or value not in logged
    number = int(parse_qs(urlsplit(app_cache).query)["db"][0])
    assert servers.redis_url
    with redis.Redis.from_url(servers.redis_url.replace("?db=0", f"?db={number}")) as cache:
        keys = list(cache.scan_iter("*"))
        assert keys
        for key in keys:
            assert key.startswith(b"app:")
            value: Any = cache.get(key)
            assert b"p1" not in value.split(b"\x00")
            assert b"access_token" not in value
            assert b"Fenwick" not in value


def test_without_its_cache_the_app_says_that_it_is_unavailable(
    database: TestDatabase, tmp_path: Path, browser: Browser
) -> None:
    stage = Stage(tmp_path, database.app_url, "redis://127.0.0.1:1/0")
    try:
        answer = browser.open(stage.hospital)
    finally:
        stage.stop()
    assert answer.status_code == 503
    assert outcome(answer.text) == "unavailable"
    assert "is unavailable" in answer.text
    assert answer.headers["Content-Security-Policy"].endswith(f"frame-ancestors {stage.hospital.base}")


def test_a_token_that_the_gateway_forgot_is_asked_for_once_more(stage: Stage, browser: Browser) -> None:
    assert browser.open(stage.hospital).status_code == 200
    stage.gateway.tokens.clear()
    stage.gateway.answer = answers.NO_DATA
    page = browser.open(stage.hospital)
    assert outcome(page.text) == "no-data"
