"""Attacks at the edge: addresses that a request claims, other sites' scripts, hostile documents, floods."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from gateway.app import create_app
from gateway.fhir.xml import to_xml
from tests.fhir_api import asap, bodies
from tests.security.house import SCOPE, WHO, House, refused
from tests.support.smart_browser import App, Browser
from tests.support.smart_program import ENCOUNTER, NPI, USER

EVIL = "https://evil.example"
CLAIMS = (
    {"Host": "evil.example"},
    {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "X-Forwarded-Port": "1"},
    {"Forwarded": "host=evil.example;proto=https"},
    {"X-Forwarded-Prefix": "/evil", "X-Original-URL": "/evil", "X-Rewrite-URL": "/evil"},
    {"X-Host": "evil.example", "X-Forwarded-Server": "evil.example"},
)


@pytest.fixture(scope="module")
def app(house: House) -> App:
    return house.app(allowed_origins=["https://app.example"])


@pytest.fixture(scope="module")
def tokens(house: House, app: App, signed_in: Browser) -> dict[str, Any]:
    return house.tokens(app, browser=signed_in)


@pytest.fixture(scope="module")
def service(house: House) -> str:
    """The access token of a service that asks for histories."""
    answer = requests.post(f"{house.base}/auth/token", data=house.backend().form(), timeout=30)
    return str(answer.json()["access_token"])


def history(house: House, token: str, body: bytes, **headers: str) -> requests.Response:
    sent = {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json", **headers}
    return requests.post(f"{house.fhir}/Patient/$pdmp-history", data=body, headers=sent, timeout=60)


def good_body() -> bytes:
    asked = bodies.parameters(bodies.fenwick(), authorized_practitioner=bodies.practitioner(NPI))
    return json.dumps(asked).encode()


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: next(iter(claim)))
def test_addresses_come_from_the_settings_whatever_a_request_claims(
    house: House, app: App, tokens: dict[str, Any], claim: dict[str, str]
) -> None:
    seen = [
        house.get(".well-known/smart-configuration", None, **claim),
        house.get(".well-known/openid-configuration", None, **claim),
        house.get("metadata", None, **claim),
        house.get(
            f"MedicationDispense?patient={tokens['patient']}&_count=1", tokens["access_token"], **claim
        ),
    ]
    for path in (
        "/",
        f"/auth/authorize?{urlencode(app.request(WHO))}",
        "/fhir//evil.example",
        "//evil.example/",
    ):
        seen.append(requests.get(house.address + path, headers=claim, allow_redirects=False, timeout=30))
    refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    answer = requests.post(
        f"{house.address}/auth/token", data={**refresh, "client_id": app.client_id}, headers=claim, timeout=30
    )
    tokens.update(answer.json())
    seen.append(answer)
    for one in seen:
        assert one.status_code < 500
        assert "evil" not in f"{one.text} {one.headers}", one.url
    assert seen[0].json()["issuer"] == house.base
    assert seen[3].json()["link"][-1]["url"].startswith(house.fhir)
    assert house.base in answer.json()["smart_style_url"]


def test_other_sites_scripts_read_nothing_and_no_cookie_ever_goes_along(
    house: House, app: App, tokens: dict[str, Any]
) -> None:
    path = f"Patient/{tokens['patient']}"
    token = tokens["access_token"]
    for origin in (
        "null",
        EVIL,
        "https://app.example.evil.example",
        "https://evilapp.example",
        "http://app.example",
    ):
        for answer in (
            house.get(path, token, Origin=origin),
            house.get(path, None, Origin=origin),
            requests.post(
                f"{house.base}/auth/token", data={"grant_type": "x"}, headers={"Origin": origin}, timeout=30
            ),
            requests.options(
                f"{house.base}/auth/token",
                headers={"Origin": origin, "Access-Control-Request-Method": "POST"},
                timeout=30,
            ),
            requests.options(
                f"{house.fhir}/{path}",
                headers={"Origin": origin, "Access-Control-Request-Method": "GET"},
                timeout=30,
            ),
        ):
            assert "Access-Control-Allow-Origin" not in answer.headers
            assert "Access-Control-Allow-Credentials" not in answer.headers
    # Public documents are for all, and never with credentials.
    for public in ("metadata", ".well-known/smart-configuration"):
        answer = house.get(public, None, Origin=EVIL)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers
    # Pages are for no script at all, whoever registered its origin.
    for origin in (EVIL, "https://app.example"):
        page = requests.get(
            f"{house.base}/auth/authorize?{urlencode(app.request(WHO))}",
            headers={"Origin": origin},
            timeout=30,
        )
        assert "Access-Control-Allow-Origin" not in page.headers
    own = house.get(path, token, Origin="https://app.example")
    assert own.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert "Origin" in own.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in own.headers
    # One app's origin reads nothing with another app's token.
    other = house.app(allowed_origins=["https://other.example"])
    assert other.client_id != app.client_id
    crossed = house.get(path, token, Origin="https://other.example")
    assert "Access-Control-Allow-Origin" not in crossed.headers


def document(inside: str, before: str = "") -> str:
    """Return Parameters in XML with something hostile in it, or before it."""
    return f'{before}<Parameters xmlns="http://hl7.org/fhir">{inside}</Parameters>'


_LAUGHS = "".join(
    f'<!ENTITY {name} "{text * 10}">'
    for name, text in (("a", "ha"), ("b", "&a;"), ("c", "&b;"), ("d", "&c;"))
)
_HOSTILE = {
    "entity": document('<id value="&x;"/>', '<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
    "external": document("", '<!DOCTYPE p SYSTEM "http://169.254.169.254/x">'),
    "laughs": document('<id value="&d;"/>', f"<!DOCTYPE l [{_LAUGHS}]>"),
    "include": document('<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="/etc/passwd"/>'),
    "style": '<?xml-stylesheet href="http://evil.example/x"?><Parameters xmlns="http://evil.example"/>',
    "unclosed": "<Parameters>" * 5000,
    "deep": document("<part>" * 3000 + "</part>" * 3000),
    "nul": "\0",
}


@pytest.mark.parametrize("sent", _HOSTILE.values(), ids=list(_HOSTILE))
def test_hostile_xml_is_refused(house: House, service: str, sent: str) -> None:
    answer = history(house, service, sent.encode(), **{"Content-Type": "application/fhir+xml"})
    assert answer.status_code in (400, 413), answer.text
    assert "OperationOutcome" in answer.text
    assert "root:" not in answer.text
    good = history(house, service, to_xml(good_body()), **{"Content-Type": "application/fhir+xml"})
    assert (good.status_code, "pdmp-history-data" in good.text) == (200, True)


def test_a_strangers_markup_is_never_ours_to_serve(
    house: House, service: str, app: App, browser: Browser
) -> None:
    evil = '<div xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script><img src=x onerror=x></div>'
    narrative = {"status": "generated", "div": evil}
    asked = bodies.parameters(
        {**bodies.fenwick(), "text": narrative}, authorized_practitioner=bodies.practitioner(NPI)
    )
    answer = history(house, service, json.dumps(asked).encode())
    assert answer.status_code == 200
    assert "<script" not in answer.text
    assert answer.headers["Content-Type"].startswith("application/fhir+json")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    handle = house.launch(house.ehr(), app, encounter={**ENCOUNTER, "text": narrative})
    scope = "launch openid fhirUser patient/*.rs"
    tokens = app.exchange(browser.authorize(app, scope, user=USER, launch=handle)["code"])
    visit = house.get(f"Encounter/{tokens['encounter']}", tokens["access_token"])
    assert (visit.status_code, "<script" in visit.text) == (200, False)
    assert "pdmp-history-data" in history(house, service, good_body()).text


def test_a_name_that_pharmacies_report_is_text_wherever_it_is_shown(house: House, app: App) -> None:
    wrong = "Q<b>ill</b>=cmd|'/c x'!A1"
    segments = [
        f"PAT**07*999700401****{wrong}*Rob\"'&;--****1 Oak**Paris*KY*40361*8595553711*19610102*F*01*01~",
        *asap.fill("5010040", "20261102", asap.OXYCODONE, 30, asap.CREECH),
    ]
    made = create_app(house.gateway.settings)
    try:
        answer = asap.report(made.extensions["pdmp"], "A-40", segments)
    finally:
        made.extensions["pdmp"].close()
    assert answer["status"] == "accepted", answer
    asked = {
        "given": "Rob\"'&;--",
        "family": wrong,
        "birthdate": "1961-01-02",
        "identifier": "999-70-0401",
    }
    browser = house.browser()
    browser.start(app, SCOPE)
    browser.sign_in(USER)
    page = browser.submit(browser.form("birthdate"), **asked)
    assert "decision" in browser.form("decision").names()
    assert "<b>" not in page.text
    answer2 = browser.submit(browser.form("decision"), decision="allow")
    tokens = app.exchange(app.received(answer2.headers["Location"])["code"])
    patient = house.get(f"Patient/{tokens['patient']}", tokens["access_token"])
    assert patient.json()["name"][0]["family"] == wrong.upper() or "Q<b>ill" in patient.text
    in_xml = house.get(f"Patient/{tokens['patient']}", tokens["access_token"], Accept="application/fhir+xml")
    assert (in_xml.status_code, "<b>" in in_xml.text) == (200, False)
    assert "ill</b>" not in house.log()


def raw(house: House, token: str, *, headers: dict[str, str], pieces: list[bytes]) -> int:
    """Return the status of a body sent in chunks, without a declared length."""
    connection = http.client.HTTPConnection(house.address.removeprefix("http://"), timeout=60)
    try:
        connection.request(
            "POST",
            "/fhir/Patient/$pdmp-history",
            body=iter(pieces),
            headers={
                "Authorization": f"Bearer {token}",
                "Content-Type": "application/fhir+json",
                "Transfer-Encoding": "chunked",
                **headers,
            },
            encode_chunked=True,
        )
        return connection.getresponse().status
    except (BrokenPipeError, ConnectionResetError):
        # Closed before all of it was sent: refused as well.
        return 413
    finally:
        connection.close()


def test_a_body_beyond_measure_is_refused_however_it_is_sent(house: House, service: str) -> None:
    filler = b'{"resourceType":"Parameters","x":"' + b"a" * 2_000_000 + b'"}'
    # Or closed before all of it was sent.
    with contextlib.suppress(requests.ConnectionError):
        assert history(house, service, filler).status_code == 413
    assert raw(house, service, headers={}, pieces=[b"a" * 100_000] * 30) == 413
    deep = b'{"resourceType":"Parameters","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    wide = b'{"resourceType":"Parameters",' + b'"a":{"b":' * 20_000 + b"1" + b"}" * 20_000 + b"}"
    number = b'{"resourceType":"Parameters","x":' + b"9" * 200_000 + b"}"
    for body in (deep, wide, number):
        answer = history(house, service, body)
        assert answer.status_code in (400, 413)
        assert answer.json()["resourceType"] == "OperationOutcome"
    bomb = gzip.compress(b" " * 20_000_000 + good_body())
    for encoding in ("gzip", "deflate", "br", "gzip, gzip"):
        assert history(house, service, bomb, **{"Content-Encoding": encoding}).status_code == 415
    assert "pdmp-history-data" in history(house, service, good_body()).text


def test_a_search_asks_for_no_more_than_a_page(house: House, tokens: dict[str, Any]) -> None:
    patient, token = tokens["patient"], tokens["access_token"]
    for query in (
        "_count=1000000000",
        "_count=99999999999999999999999",
        "_count=-1",
        "_count=x",
        "_count=1e9",
    ):
        answer = house.get(f"MedicationDispense?patient={patient}&{query}", token)
        assert answer.status_code in (200, 400), answer.text
        if answer.status_code == 200:
            assert len(answer.json()["entry"]) < 100
    regexes = "(" * 50 + "a" * 50, "a" * 4000 + "!", "%28a%2B%29%2B" * 100, "0" * 4000
    for value in regexes:
        for name in ("code", "status", "whenprepared", "_lastUpdated", "_id", "patient", "type", "_include"):
            answer = house.get(f"MedicationDispense?patient={patient}&{name}={value}", token)
            assert answer.status_code in (200, 400, 403, 404), (name, answer.text)
    many = "&".join(f"code={n}" for n in range(1200))
    assert house.get(f"MedicationDispense?patient={patient}&{many}", token).status_code in (200, 400, 414)
    assert house.get(f"MedicationDispense?patient={patient}", token).json()["total"] > 0


def test_a_flood_of_parameters_or_of_header_bytes_is_cut(house: House, app: App) -> None:
    url = f"{house.base}/auth/token"
    code = house.code(app, WHO)
    many = {f"x{n}": "y" for n in range(5000)}
    answer = requests.post(url, data={**many, "client_id": app.client_id}, timeout=30)
    assert answer.status_code in (400, 413)
    big = requests.post(url, data={"client_id": app.client_id, "code": "x" * 500_000}, timeout=30)
    assert big.status_code in (400, 413)
    assert requests.get(f"{house.base}/?{'x' * 20_000}", timeout=30).status_code in (400, 414)
    assert requests.get(house.base, headers={"X-Big": "x" * 60_000}, timeout=30).status_code in (400, 431)
    assert requests.post(url, json={"grant_type": "x"}, timeout=30).status_code == 400
    refused(
        app.token(grant_type="authorization_code", code="x" * 40_000, code_verifier="x"), "invalid_request"
    )
    assert app.exchange(code)["scope"] == WHO


def test_what_goes_wrong_tells_no_insides(house: House, app: App, service: str) -> None:
    for answer in (
        requests.get(f"{house.base}/auth/%00", timeout=30),
        requests.get(f"{house.base}/../../etc/passwd", timeout=30),
        requests.get(f"{house.base}/.env", timeout=30),
        requests.get(f"{house.base}/debug", timeout=30),
        requests.request("TRACE", house.base, timeout=30),
        requests.request("PROPFIND", f"{house.fhir}/Patient", timeout=30),
        requests.post(f"{house.base}/auth/consent", data=b"\xff\xfe", timeout=30),
        requests.post(f"{house.base}/auth/consent", data={"request": "\0"}, timeout=30),
        requests.get(f"{house.base}/auth/continue?request=%00", timeout=30),
        history(house, service, b"\xff\xfe"),
        app.token(grant_type="\0"),
        house.get("Patient/%00", service),
        house.get("Patient/x%0d%0aSet-Cookie:%20a=b", service),
    ):
        assert 400 <= answer.status_code < 500, (answer.url, answer.status_code)
        assert not any(word in answer.text for word in ("Traceback", "psycopg", 'File "', "SELECT", "root:"))
        assert "Set-Cookie" not in answer.headers
        assert "Werkzeug" not in answer.headers.get("Server", "")
    assert requests.get(f"{house.base}/healthz", timeout=30).status_code == 200
