"""Clients that register a URL of their key set: fetched, kept, fetched anew when a key id is unknown."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from flask.testing import FlaskClient

from gateway.auth import jwks
from gateway.auth.registration import register_client
from gateway.services import Services
from tests.oauth.backend import Backend, ec_key
from tests.oauth.conftest import mount

TOKEN_URL = "http://localhost:8000/auth/token"


@dataclass
class KeyServer:
    """A client's web server; `answer` may be changed at any time."""

    url: str = ""
    answer: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture
def key_server() -> Iterator[KeyServer]:
    told = KeyServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.asked.append(dict(self.headers))
            body = told.answer if isinstance(told.answer, bytes) else json.dumps(told.answer).encode()
            self.send_response(told.status)
            for name, value in {"Content-Length": str(len(body)), **told.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://keys.localhost:{server.server_address[1]}/jwks.json"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield told
    server.shutdown()
    server.server_close()


@pytest.fixture
def backend(services: Services, key_server: KeyServer, clean_cache: None) -> Backend:
    made = Backend(TOKEN_URL)
    key_server.answer = made.jwks()
    register_client(services.database, made.metadata(jwks=None, jwks_uri=key_server.url))
    return made


def ask(http: FlaskClient, backend: Backend, **assertion: Any) -> int:
    form = backend.form(assertion=backend.assertion(**assertion))
    return http.post("/auth/token", data=form).status_code


def test_a_set_is_fetched_once_and_shared_by_the_workers(
    http: FlaskClient, services: Services, backend: Backend, key_server: KeyServer
) -> None:
    assert [ask(http, backend) for _ in range(3)] == [200] * 3
    assert ask(mount(services), backend) == 200
    assert len(key_server.asked) == 1
    assert key_server.asked[0]["Accept"] == "application/json"


def test_a_jku_that_is_the_registered_url_is_taken(
    http: FlaskClient, backend: Backend, key_server: KeyServer
) -> None:
    assert ask(http, backend, header={"jku": key_server.url}) == 200
    assert ask(http, backend, header={"jku": f"{key_server.url}?"}) == 400


def test_a_new_key_is_found_and_strangers_ids_do_not_flood_the_client(
    http: FlaskClient, backend: Backend, key_server: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(http, backend) == 200
    backend.keys["k2"] = ec_key()
    key_server.answer = backend.jwks()
    assert ask(http, backend, kid="k2") == 200, "a change of keys is seen at once"
    assert len(key_server.asked) == 2
    assert [ask(http, backend, header={"kid": f"x{n}"}) for n in range(5)] == [400] * 5
    assert len(key_server.asked) == 2
    monkeypatch.setattr(jwks, "_REFETCH_SECONDS", 0.0)
    assert ask(http, backend, header={"kid": "x"}) == 400
    assert len(key_server.asked) == 3


@pytest.mark.parametrize("policy", ["no-store", "no-cache", "private, max-age=0", "max-age=0"])
def test_a_set_is_kept_no_longer_than_its_headers_say(
    http: FlaskClient, backend: Backend, key_server: KeyServer, policy: str
) -> None:
    key_server.headers = {"Cache-Control": policy}
    assert [ask(http, backend) for _ in range(2)] == [200] * 2
    assert len(key_server.asked) == 2


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (500, {}),
        (404, {}),
        (302, {}),
        (200, b"<html>"),
        (200, b'{"keys":[],"keys":[]}'),
        (200, {"keys": "none"}),
        (200, {"keys": [7, None, {"kid": "k1"}]}),
        (200, []),
        (200, b'{"keys":[]}' + b" " * 65536),
    ],
)
def test_a_set_that_can_not_be_had_is_a_failed_authentication(
    http: FlaskClient, backend: Backend, key_server: KeyServer, status: int, answer: Any
) -> None:
    key_server.status, key_server.answer = status, answer
    key_server.headers = {"Location": key_server.url} if status == 302 else {}
    assert [ask(http, backend) for _ in range(3)] == [400] * 3
    # A failure is remembered for a moment; a set without the key is asked for once more.
    assert len(key_server.asked) <= 2


def test_a_registered_private_address_is_not_called(
    services: Services, http: FlaskClient, clean_cache: None
) -> None:
    made = Backend(TOKEN_URL)
    for url in ("https://169.254.169.254/jwks.json", "https://10.0.0.1/jwks.json"):
        register_client(services.database, made.metadata(jwks=None, jwks_uri=url), upsert=True)
        assert ask(http, made) == 400
