"""A proxy in front of a good server that makes faults which real servers have been seen to make.

None of them stops a launch, so that one run of the suite must find them all.
"""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

#: The tests that must fail: each fault by its consequence.
NOTICED = {
    "plain is offered": "well_known_capabilities_stu2",
    "expires_in is a text": "smart_token_response_body_stu2_2.standalone.public",
    "no Pragma": "smart_token_response_headers.ehr.symmetric",
    "no CORS": "smart_cors_token_exchange.standalone.public",
    "state is changed": "smart_app_redirect_stu2.ehr.es384",
    "403 for 401": "g10_unauthorized_access",
    "an empty Bundle for 403": "g10_restricted_access_test",
    "another patient's records are an empty Bundle": "own_other_patient",
    "more of inactive tokens": "smart_token_introspection_response_group.invalid",
    "used refresh tokens are answered again": "own_refresh_reuse",
    "pages may be framed": "own_pages",
    "errors that may be kept": "own_token_errors",
}
_DROPPED = frozenset(
    {
        *("pragma", "cache-control", "access-control-allow-origin"),
        *("content-security-policy", "x-frame-options", "content-length", "transfer-encoding", "connection"),
    }
)
_EMPTY = {"resourceType": "Bundle", "type": "searchset", "total": 0}


@contextmanager
def erring_proxy(target: list[int]) -> Iterator[str]:
    """Yield the base URL of the proxy; `target` gets the port of the server behind it, once that is known."""
    answered: dict[str, bytes] = {}

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _forward(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            connection = http.client.HTTPConnection("127.0.0.1", target[0], timeout=30)
            connection.request(self.command, self.path, sent, dict(self.headers))
            response = connection.getresponse()
            body, status = response.read(), response.status
            headers = [(name, value) for name, value in response.getheaders() if name.lower() not in _DROPPED]
            connection.close()
            status, body = self._spoil(status, body, parse_qs(sent.decode("latin-1")))
            self.send_response(status)
            for name, value in headers:
                changed = re.sub(r"([?&]state=)", r"\1x", value) if name.lower() == "location" else value
                self.send_header(name, changed)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _spoil(self, status: int, body: bytes, form: dict[str, list[str]]) -> tuple[int, bytes]:
            path = self.path.partition("?")[0]
            if path.endswith("smart-configuration"):
                return status, _changed(body, code_challenge_methods_supported=["S256", "plain"])
            if path == "/auth/token":
                used = form.get("refresh_token", [""])[0]
                if status == 200:
                    body = _changed(body, expires_in="900")
                    answered[used] = body
                elif used in answered:
                    return 200, answered[used]
            if path == "/auth/introspect" and json.loads(body) == {"active": False}:
                return status, _changed(body, client_id="another")
            if path.startswith("/fhir/") and status == 401:
                return 403, body
            if path == "/fhir/MedicationDispense" and status in (403, 404):
                return 200, json.dumps(_EMPTY).encode()
            if path == "/fhir/MedicationRequest" and status in (403, 404):
                return 200, json.dumps(_EMPTY).encode()
            return status, body

        do_GET = do_POST = do_OPTIONS = _forward

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def _changed(body: bytes, **members: Any) -> bytes:
    return json.dumps({**json.loads(body), **members}).encode()
