"""Apps in JavaScript: SMART's fhirclient in a browser window, and fhir-kit-client on Node."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

from conformance.suites.smart.flow import challenge_of
from tests.clients import npm_packages
from tests.clients.conftest import walk
from tests.fhir_api import bodies
from tests.support.browser import open_screen
from tests.support.smart_program import FORM, STANDALONE, Program
from tests.support.tools import require

_PAGE = """<!doctype html><title>App</title><script src="/fhir-client.js"></script><pre id="told"></pre>
<script src="/{script}.js"></script>"""
_START = """FHIR.oauth2.authorize({
  iss: ISS, clientId: CLIENT, scope: SCOPE, redirectUri: location.origin + "/callback", pkceMode: "required"
});"""
_READY = """FHIR.oauth2.ready().then(async client => {
  const patient = await client.patient.read();
  const user = await client.request(client.user.fhirUser);
  const search = "MedicationDispense?_count=2&patient=" + client.patient.id;
  const fills = await client.request(search, {pageLimit: 0, flat: true});
  const refreshed = await client.refresh();
  const again = await client.patient.read();
  return {patient, user, fills: fills.length, refreshed: refreshed.tokenResponse.scope, again: again.id};
}).catch(error => ({error: String(error)})).then(told => {
  document.getElementById("told").textContent = JSON.stringify(told);
});"""


@contextmanager
def app_server(library: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the origin of an app of static pages, and its settings, to be filled in."""
    values: dict[str, str] = {}

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            known = "".join(f"const {name} = {json.dumps(value)};" for name, value in values.items())
            scripts = {
                "/fhir-client.js": library.read_bytes(),
                "/start.js": (known + _START).encode(),
                "/ready.js": _READY.encode(),
            }
            page = _PAGE.format(script="ready" if path == "/callback" else "start").encode()
            body = scripts.get(path, page)
            kind = "text/javascript" if path in scripts else "text/html"
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_address[1]}", values
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.browser
@pytest.mark.slow
def test_fhirclient_in_a_window_of_its_own(program: Program) -> None:
    with (
        app_server(npm_packages.folder() / "fhir-client.pure.js") as (origin, values),
        open_screen() as screen,
    ):
        app = program.app("none", f"{origin}/callback", allowed_origins=[origin])
        values |= {"ISS": program.gateway.fhir, "CLIENT": app["client_id"], "SCOPE": STANDALONE}
        page = screen.page
        page.goto(f"{origin}/")
        page.wait_for_url(f"{program.gateway.base}/**")
        told = page.locator("#told")
        for _ in range(4):
            page.wait_for_load_state()
            if page.url.startswith(origin):
                break
            for name, value in FORM.items():
                field = page.locator(f"input[name={name}]:visible")
                if name != "decision" and field.count():
                    field.first.fill(value)
            allow = page.locator("button[name=decision][value=allow]")
            (allow if allow.count() else page.locator("main button[type=submit]").first).click()
        page.wait_for_function("document.getElementById('told').textContent !== ''", timeout=20_000)
        found = json.loads(told.text_content() or "")
        assert "error" not in found, (found, screen.console)
        assert found["patient"]["name"][0]["family"] == "Fenwick"
        assert found["user"]["resourceType"] == "Practitioner"
        assert found["fills"] >= 6
        assert set(found["refreshed"].split()) == set(STANDALONE.split())
        assert found["again"] == found["patient"]["id"]
        assert screen.complaints() == []


@pytest.mark.node
def test_fhir_kit_client_on_node(program: Program) -> None:
    folder = npm_packages.folder()
    (node,) = require("node")
    callback = "https://app.example/callback"
    app = program.app("client_secret_basic", callback)

    def run(*words: str) -> dict[str, Any]:
        script = (Path(__file__).parent / "npm" / "kit.mjs").read_text()
        done = subprocess.run(
            [node, "--input-type=module", "-", program.gateway.fhir, *words],
            input=script,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    found = run()
    verifier = "w" * 64
    asked = {
        "response_type": "code",
        "client_id": app["client_id"],
        "redirect_uri": callback,
        "scope": STANDALONE,
        "state": "s",
        "aud": program.gateway.fhir,
        "code_challenge": challenge_of(verifier),
        "code_challenge_method": "S256",
    }
    back = walk(program, f"{found['authorize']}?{urlencode(asked)}", callback)
    form = {
        "grant_type": "authorization_code",
        "code": parse_qs(urlsplit(back).query)["code"][0],
        "redirect_uri": callback,
        "code_verifier": verifier,
    }
    secret = app["client_id"], app["client_secret"]
    tokens = requests.post(found["token"], data=form, auth=secret, timeout=10).json()
    body = json.dumps(bodies.parameters(bodies.fenwick()))
    told = run(tokens["access_token"], tokens["patient"], body)
    assert told["read"]["name"][0]["family"] == "Fenwick"
    assert told["first"]["total"] >= 6
    assert told["second"]["entry"][0]["resource"]["resourceType"] == "MedicationDispense"
    assert told["history"]["resourceType"] == "Parameters"
