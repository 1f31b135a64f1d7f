"""What the log holds after everything: no code, token, secret, password, cookie, name; and no forged line."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
import requests

from tests.fhir_api import bodies
from tests.security.house import LAUNCHED, PASSWORD, SCOPE, House
from tests.support.smart_browser import App
from tests.support.smart_program import NPI, PATIENT, USER


@pytest.fixture(scope="module")
def said(house: House) -> list[str]:
    """All that must stay secret of a whole way through each endpoint, rightly and wrongly."""
    app, browser = house.app("client_secret_basic"), house.browser()
    ehr, backend = house.ehr(), house.backend()
    handle = house.launch(ehr, app)
    answer = browser.authorize(app, LAUNCHED, user=USER, launch=handle)
    tokens = app.exchange(answer["code"])
    house.dispenses(tokens)
    browser.start(app, SCOPE)
    pending = dict(browser.form("birthdate").fields)
    browser.submit(browser.form("birthdate"), **PATIENT)
    newer = app.refresh(tokens["refresh_token"])
    assertion = backend.assertion()
    token = requests.post(
        f"{house.base}/auth/token", data=backend.form(assertion=assertion), timeout=30
    ).json()["access_token"]
    url = f"{house.fhir}/Patient/$pdmp-history"
    body = bodies.parameters(bodies.fenwick(), authorized_practitioner=bodies.practitioner(NPI))
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}
    assert "pdmp-history-data" in requests.post(url, json=body, headers=headers, timeout=30).text
    wrong(house, app, answer["code"], tokens, token, pending)
    secrets = [
        answer["code"],
        app.state,
        app.verifier,
        app.challenge,
        str(app.secret),
        handle,
        assertion.rpartition(".")[2],
        token.rpartition(".")[2],
        pending["request"],
        pending["csrf"],
        USER["password"],
        PASSWORD,
        *(value for value in browser.session.cookies.values() if value),
    ]
    for one in (tokens, newer):
        secrets += [
            one["refresh_token"],
            one["access_token"].rpartition(".")[2],
            one["id_token"].rpartition(".")[2],
        ]
    private = ["Fenwick", "FENWICK", "Loretta", "LORETTA", "1968-04-11", "19680411", "Quarry Lane"]
    private += ["999-70-0101", "999700101", "8595553509", tokens["patient"], "10702005601", "oxycodone"]
    return [*secrets, *private]


def wrong(
    house: House, app: App, code: str, tokens: dict[str, Any], token: str, pending: dict[str, str]
) -> None:
    """Say the same secrets where they are refused."""
    access, refresh = tokens["access_token"], tokens["refresh_token"]
    patient = tokens["patient"]
    for path in (
        f"Patient/{patient}?access_token={access}",
        f"MedicationDispense?patient={patient}&code=10702005601&family=Fenwick",
        f"Patient/{house.someone_else}",
        f"Nothing/Fenwick?birthdate=1968-04-11&token={access}",
    ):
        house.get(path, None)
        house.get(path, access)
        house.get(path, f"{access}x")
    for form in (
        {"grant_type": "authorization_code", "code": code, "redirect_uri": app.redirect_uri},
        {**app.code_form(code), "code_verifier": app.verifier[:-1] + "~"},
        {"grant_type": "refresh_token", "refresh_token": f"{refresh}x"},
        {"grant_type": code, "refresh_token": refresh},
        {"grant_type": "refresh_token", "refresh_token": "x", "scope": f"{refresh} Fenwick"},
    ):
        app.token(**form)
    base = house.base
    requests.get(f"{base}/auth/token?code={code}&client_secret={app.secret}", timeout=30)
    requests.post(f"{base}/auth/token?code={code}", data={"client_secret": app.secret}, timeout=30)
    requests.post(f"{base}/auth/token", auth=(app.client_id, f"{app.secret}x"), data={"a": "b"}, timeout=30)
    requests.get(f"{base}/auth/continue?request={pending['request']}", timeout=30)
    requests.get(f"{base}/Fenwick/{code}?{refresh}", timeout=30)
    requests.post(f"{base}/auth/sign-in", data={**pending, **USER}, headers={"Origin": "x"}, timeout=30)
    requests.post(f"{base}/auth/patient", data={**pending, **PATIENT}, timeout=30)
    requests.post(f"{base}/auth/introspect", data={"token": access}, timeout=30)
    requests.post(
        f"{house.fhir}/Patient/$pdmp-history",
        data=json.dumps({"resourceType": "Parameters", "parameter": [{"name": "Loretta Fenwick"}]}),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"},
        timeout=30,
    )
    house.open_launch(house.ehr(), app, patient={**bodies.fenwick(), "birthDate": "1968-04-32"})


def test_the_log_holds_nothing_that_opens_or_tells_anything(house: House, said: list[str]) -> None:
    log = house.log()
    assert [one for one in said if one in log] == []
    # It was written all the while: each endpoint's line is there, by its rule and not by its address.
    for route in ("/auth/token", "/auth/launch", "/auth/consent", "/fhir/Patient/<fhir_id:resource_id>"):
        assert f'"{route}"' in log
    for event in ("consent_given", "token_issued", "signed_in", "oauth_refused"):
        assert f'"{event}"' in log


def test_nobody_writes_a_line_of_the_log_for_us(house: House, said: list[str]) -> None:
    mark = uuid.uuid4().hex
    forged = f'{mark}\n{{"event": "{mark}"}}\r\n{mark}\u2028=cmd|\'/c calc\'!A1'
    app, browser = house.app(client_name="Evil"), house.browser()
    browser.start(app, "openid")
    browser.submit(browser.form("password"), username=forged, password=forged)
    browser.start(app, forged, state=forged, nonce=forged)
    for headers in (
        {"User-Agent": mark},
        {"Referer": f"https://evil.example/{mark}"},
        {"X-Request-ID": f"={mark}+1"},
        {"X-Forwarded-For": mark},
    ):
        requests.get(f"{house.base}/auth/token?{mark}", headers=headers, timeout=30)
    app.token(grant_type=forged, code=forged, scope=forged)
    house.get(f"{mark}%0a%0d", None)
    log = house.log()
    assert mark not in log
    # Every line since the start is one JSON object, or gunicorn's own.
    events = []
    for line in log.splitlines():
        if line.startswith("{"):
            events.append(json.loads(line)["event"])
    assert len(events) > 20
    # One's own request id is kept where it is harmless.
    requests.get(f"{house.base}/healthz", headers={"X-Request-ID": mark}, timeout=30)
    assert f'"{mark}"' in house.log()


def test_no_address_that_we_give_holds_what_belongs_to_a_patient(house: House, said: list[str]) -> None:
    app, browser = house.app(), house.browser()
    seen = [browser.start(app, SCOPE), browser.sign_in(USER)]
    seen.append(browser.submit(browser.form("birthdate"), **PATIENT))
    seen.append(browser.submit(browser.form("decision"), decision="allow"))
    for page in seen:
        for address in (page.url, page.headers.get("Location", "")):
            assert not any(word in address for word in ("Fenwick", "1968", "999-70", *said[-4:-2]))
        assert page.headers.get("Referrer-Policy", "no-referrer") == "no-referrer"
    tokens = app.exchange(app.received(seen[-1].headers["Location"])["code"])
    found = house.get(f"MedicationDispense?patient={tokens['patient']}&_count=1", tokens["access_token"])
    following = next(one["url"] for one in found.json()["link"] if one["relation"] == "next")
    assert tokens["patient"] not in following
    refused = house.get(
        f"MedicationDispense?patient={tokens['patient']}&family=Fenwick", tokens["access_token"]
    )
    assert "Fenwick" not in refused.text
    assert refused.headers["Referrer-Policy"] == "no-referrer"
