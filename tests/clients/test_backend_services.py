"""A Backend Services client, from registration to revocation: commands, gunicorn, two workers, real HTTP."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import requests
from fhir.resources.R4B.operationoutcome import OperationOutcome

from gateway.core.ids import uuid7
from gateway.core.settings import Settings
from tests.oauth.backend import Backend, rsa_key
from tests.support.processes import LiveGateway, run_gateway

SCOPE = "system/MedicationDispense.rs system/Patient.r"


@pytest.fixture(scope="module")
def live(module_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveGateway]:
    log = tmp_path_factory.mktemp("gateway") / "gateway.log"
    with run_gateway(module_settings, log, workers=2) as running:
        yield running


def registered(live: LiveGateway, backend: Backend, **changes: Any) -> Backend:
    sent = backend.metadata(scope=SCOPE, **changes)
    answer = live.cli("clients", "add", "--json", "-", stdin=json.dumps(sent))
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["client_id"] == backend.client_id
    return backend


@pytest.fixture(scope="module")
def backend(live: LiveGateway) -> Backend:
    found = requests.get(f"{live.fhir}/.well-known/smart-configuration", timeout=10).json()
    return registered(live, Backend(found["token_endpoint"]))


def token_of(backend: Backend) -> str:
    answer = requests.post(backend.token_url, data=backend.form(scope=SCOPE), timeout=10)
    assert answer.status_code == 200, answer.text
    assert answer.json()["scope"] == SCOPE
    token: str = answer.json()["access_token"]
    return token


def read(live: LiveGateway, **headers: str) -> requests.Response:
    """Ask for a patient who is nobody: 401 tells that the token failed, anything else that it was taken."""
    return requests.get(f"{live.fhir}/Patient/{uuid7()}", headers=headers, timeout=10)


def test_a_token_is_taken_by_every_worker_until_it_is_revoked(live: LiveGateway, backend: Backend) -> None:
    token = token_of(backend)
    assert {read(live, Authorization=f"Bearer {token}").status_code for _ in range(8)} <= {403, 404}
    form = backend.form(grant_type=None, scope=None, token=token)
    assert requests.post(f"{live.base}/auth/revoke", data=form, timeout=10).status_code == 200
    for _ in range(8):
        answer = read(live, Authorization=f"Bearer {token}")
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
        assert answer.json()["resourceType"] == "OperationOutcome"


def test_of_parallel_replays_over_two_workers_one_gets_a_token(live: LiveGateway, backend: Backend) -> None:
    for _ in range(3):
        form = backend.form(scope=SCOPE)
        with ThreadPoolExecutor(8) as pool:
            answers = list(
                pool.map(lambda _, f=form: requests.post(backend.token_url, data=f, timeout=20), range(8))
            )
        assert sorted(answer.status_code for answer in answers) == [200, *[400] * 7]


def test_no_token_gets_a_bare_challenge(live: LiveGateway) -> None:
    answer = read(live)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_a_token_anywhere_but_in_one_header_is_not_taken_and_not_logged(
    live: LiveGateway, backend: Backend
) -> None:
    token = token_of(backend)
    where = f"{live.fhir}/MedicationDispense"
    assert requests.get(f"{where}?access_token={token}", timeout=10).status_code == 401
    in_body = requests.post(f"{where}/_search", data={"access_token": token}, timeout=10)
    assert in_body.status_code == 401
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(live.base).port or 0, timeout=10)
    connection.putrequest("GET", f"/fhir/Patient/{uuid7()}")
    for _ in range(2):
        connection.putheader("Authorization", f"Bearer {token}")
    connection.endheaders()
    assert connection.getresponse().status in (400, 401)
    connection.close()
    assert token not in live.log.read_text()


def test_a_client_assertion_is_no_access_token(live: LiveGateway, backend: Backend) -> None:
    for audience in (live.fhir, backend.token_url):
        answer = read(live, Authorization=f"Bearer {backend.assertion(aud=audience)}")
        assert answer.status_code == 401


def test_host_headers_change_no_address(live: LiveGateway) -> None:
    port = urlsplit(live.base).port
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
    url = f"http://127.0.0.1:{port}/fhir/.well-known/smart-configuration"
    document = requests.get(url, headers=headers, timeout=10).json()
    assert document["token_endpoint"] == f"{live.base}/auth/token"


def test_an_rsa_client_with_its_keys_at_a_url_of_its_own(live: LiveGateway, backend: Backend) -> None:
    made = Backend(backend.token_url, keys={"k1": rsa_key()})
    asked: list[str] = []

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers["Host"])
            body = json.dumps(made.jwks()).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Keys)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = f"client.localhost:{server.server_address[1]}"
    registered(live, made, jwks=None, jwks_uri=f"http://{host}/jwks.json")
    for _ in range(6):
        token_of(made)
    assert asked == [host], "fetched once for both workers"
    server.shutdown()
    server.server_close()


def test_a_disabled_client_is_out_at_once(live: LiveGateway) -> None:
    made = registered(live, Backend(f"{live.base}/auth/token"))
    token = token_of(made)
    assert read(live, Authorization=f"Bearer {token}").status_code in (403, 404)
    assert live.cli("clients", "disable", made.client_id).returncode == 0
    assert read(live, Authorization=f"Bearer {token}").status_code == 401
    form = made.form(scope=SCOPE)
    assert requests.post(made.token_url, data=form, timeout=10).json()["error"] == "invalid_client"


def test_a_request_with_its_credentials_in_the_url_is_refused_and_not_logged(
    live: LiveGateway, backend: Backend
) -> None:
    form = backend.form(scope=SCOPE)
    for method in ("GET", "POST"):
        answer = requests.request(method, f"{backend.token_url}?{urlencode(form)}", timeout=10)
        assert answer.status_code in (400, 405)
        assert answer.json()["error"] == "invalid_request"
    assert form["client_assertion"] not in live.log.read_text()


@pytest.mark.parametrize(
    ("request_line", "header", "status"),
    [
        ("GET /fhir/MedicationDispense?code=4711 zephyr HTTP/1.1", "", 400),
        ("GET /fhir/MedicationDispense?code=4711zephyr HTTP/1.1", "Fenwick", 400),
        ("FENWICK\x01 /fhir/metadata HTTP/1.1", "", 400),
        (f"GET /fhir/MedicationDispense?code=4711zephyr{'0' * 9000} HTTP/1.1", "", 414),
        ("GET /fhir/metadata HTTP/1.1", f"X-Note: Fenwick{'x' * 9000}", 431),
        ("POST /fhir/$pdmp-history HTTP/1.1", "Content-Length: Fenwick", 400),
        ("POST /fhir/$pdmp-history HTTP/1.1", "Transfer-Encoding: gzip", 400),
    ],
    ids=["a space", "no header", "no method", "long address", "long header", "no length", "coding"],
)
def test_what_cannot_be_read_as_http_is_an_outcome_that_repeats_nothing(
    live: LiveGateway, request_line: str, header: str, status: int
) -> None:
    address = urlsplit(live.base)
    with socket.create_connection(("127.0.0.1", address.port or 80), timeout=10) as connection:
        lines = [request_line, f"Host: {address.netloc}", *([header] if header else []), "", ""]
        connection.sendall("\r\n".join(lines).encode())
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.status == status
        body = answer.read()
    assert answer.headers["Content-Type"].startswith("application/fhir+json")
    OperationOutcome.model_validate_json(body)
    for text in (body.decode(), live.log.read_text()):
        assert "enwick" not in text.lower()
        assert "zephyr" not in text


def test_no_redirect_follows_the_host_of_a_request(live: LiveGateway) -> None:
    answer = requests.get(
        f"{live.base}/fhir//metadata", headers={"Host": "evil.example"}, timeout=10, allow_redirects=False
    )
    assert answer.status_code == 404
    assert "evil" not in str(answer.headers)
