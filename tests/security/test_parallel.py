"""Races between real processes, against two workers: of what is good once, one gets it, ever."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from tests.security.house import LAUNCHED, SCOPE, WHO, House, refused
from tests.support.smart_browser import App, Browser
from tests.support.smart_program import USER

PROCESSES, THREADS = 4, 3

# Each process sends the same request from several threads, all at one signal: a line on its standard input.
_RACER = """
import http.client, json, sys, threading
host, path, body, headers, threads = json.loads(sys.argv[1])
made = [http.client.HTTPConnection(host, timeout=60) for _ in range(threads)]
for one in made:
    one.connect()
print("ready", flush=True)
go, told = threading.Event(), []
def send(one):
    go.wait()
    one.request("POST", path, body, headers)
    answer = one.getresponse()
    told.append([answer.status, answer.getheader("Location") or "", answer.read().decode()])
running = [threading.Thread(target=send, args=(one,)) for one in made]
for one in running:
    one.start()
sys.stdin.readline()
go.set()
for one in running:
    one.join()
print(json.dumps(told), flush=True)
"""


def race(
    house: House, path: str, *forms: dict[str, str | None], threads: int = THREADS, **headers: str
) -> list[tuple[int, str, str]]:
    """Return status, Location and body of every answer to what many processes sent at once.

    One form is sent by all of them, several by one process each.
    """
    host = house.address.removeprefix("http://")
    sent = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    racers = []
    for form in forms if len(forms) > 1 else forms * PROCESSES:
        body = urlencode({name: value for name, value in form.items() if value is not None})
        command = [sys.executable, "-c", _RACER, json.dumps([host, path, body, sent, threads])]
        racers.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
    try:
        for one in racers:
            assert one.stdout is not None
            assert one.stdout.readline() == "ready\n"
        for one in racers:
            assert one.stdin is not None
            one.stdin.write("go\n")
            one.stdin.flush()
        outputs = [one.communicate(timeout=120)[0] for one in racers]
    finally:
        for one in racers:
            if one.poll() is None:
                one.kill()
                one.wait(10)
    return [(status, location, body) for output in outputs for status, location, body in json.loads(output)]


def one_wins(answers: list[tuple[int, str, str]], error: str) -> dict[str, Any]:
    """Return the one good answer; each of the others must be this error."""
    statuses = Counter(status for status, _, _ in answers)
    assert statuses == {200: 1, 400: PROCESSES * THREADS - 1}, statuses
    assert {json.loads(body)["error"] for status, _, body in answers if status == 400} == {error}
    (won,) = [json.loads(body) for status, _, body in answers if status == 200]
    return dict(won)


@pytest.fixture(scope="module")
def app(house: House) -> App:
    return house.app()


def test_one_code_gives_tokens_to_one_of_many_processes(house: House, app: App, signed_in: Browser) -> None:
    code = house.code(app, browser=signed_in)
    form = {**app.code_form(code), "client_id": app.client_id}
    tokens = one_wins(race(house, "/auth/token", form), "invalid_grant")
    # Who came second had a stolen code, or the first did: all that it gave has ended.
    assert house.introspected(app, tokens["access_token"]) == {"active": False}
    refused(app.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"]), "invalid_grant")
    rows = house.as_owner("SELECT count(*) FROM access_token WHERE client_id = %(id)s", id=app.client_id)
    assert rows == [(1,)]
    assert app.exchange(house.code(app, browser=signed_in))["scope"] == SCOPE


def test_one_refresh_token_gives_tokens_to_one_of_many_processes(house: House, signed_in: Browser) -> None:
    app = house.app()
    refresh = house.tokens(app, WHO, browser=signed_in)["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": refresh, "client_id": app.client_id}
    tokens = one_wins(race(house, "/auth/token", form), "invalid_grant")
    assert house.introspected(app, tokens["access_token"]) == {"active": False}
    refused(app.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"]), "invalid_grant")
    rows = house.as_owner(
        "SELECT count(*) FROM refresh_token JOIN consent USING (consent_id) WHERE client_id = %(id)s",
        id=app.client_id,
    )
    assert rows == [(2,)]
    again = house.tokens(app, WHO, browser=signed_in)
    assert app.refresh(again["refresh_token"])["scope"] == WHO


def test_one_assertion_is_taken_from_one_of_many_processes(house: House) -> None:
    backend = house.backend()
    tokens = one_wins(race(house, "/auth/token", dict(backend.form())), "invalid_client")
    assert house.get("Patient/x", tokens["access_token"]).status_code in (403, 404)
    assert requests.post(f"{house.base}/auth/token", data=backend.form(), timeout=30).status_code == 200


def test_one_answer_to_a_launch_makes_one_code(house: House, app: App, browser: Browser) -> None:
    ehr = house.ehr()
    handle = house.launch(ehr, app)
    browser.start(app, LAUNCHED, launch=handle)
    browser.sign_in(USER)
    before = len(house.consents(app))
    fields = browser.form("decision").filled({"decision": "allow"})
    cookie = "; ".join(f"{name}={value}" for name, value in browser.session.cookies.items())
    answers = race(house, "/auth/consent", dict(fields), Cookie=cookie, Origin=house.base)
    codes = [location for _, location, _ in answers if "code=" in location]
    assert len(codes) == 1
    assert Counter(status for status, _, _ in answers) == {303: 1, 400: PROCESSES * THREADS - 1}
    assert len(house.consents(app)) == before + 1
    assert app.exchange(app.received(codes[0])["code"])["patient"]


def test_one_launch_in_many_requests_makes_one_code(house: House, signed_in: Browser) -> None:
    """Each process answers a request of its own that waits with the same launch."""
    app = house.app()
    handle = house.launch(house.ehr(), app)
    forms = []
    for _ in range(PROCESSES):
        signed_in.start(app, LAUNCHED, launch=handle)
        forms.append(dict(signed_in.form("decision").filled({"decision": "allow"})))
    cookie = "; ".join(f"{name}={value}" for name, value in signed_in.session.cookies.items())
    answers = race(house, "/auth/consent", *forms, threads=1, Cookie=cookie, Origin=house.base)
    locations = [location for _, location, _ in answers]
    assert sum("code=" in location for location in locations) == 1
    assert sum("error=access_denied" in location for location in locations) == PROCESSES - 1
    assert len(house.consents(app)) == 1
