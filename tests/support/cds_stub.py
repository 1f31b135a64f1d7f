"""A tiny CDS service for tests of the EHR double: it keeps what it was sent, and answers what a test says."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import flask
import jwt
from werkzeug.serving import make_server

PREFETCH = {"patient": "Patient/{{context.patientId}}", "user": "Practitioner/{{userPractitionerId}}"}
HOOKS = ("patient-view", "order-select", "order-sign")


def card(**changes: Any) -> dict[str, Any]:
    """Return a card with a link to the app; a change to None leaves the member out."""
    whole = {
        "uuid": "5e0b3d5e-8d5e-4b64-9f0e-0a52b6f3c1aa",
        "summary": "Controlled substance: check the PDMP",
        "detail": "Open the report before signing.",
        "indicator": "info",
        "source": {"label": "Prescription monitoring"},
        "links": [
            {
                "label": "Open the PDMP report",
                "url": "http://pdmp.localhost:8001/launch",
                "type": "smart",
                "appContext": context("p1"),
            }
        ],
    } | changes
    return {name: value for name, value in whole.items() if value is not None}


def context(patient: str, **facts: Any) -> str:
    """Return an appContext: the guide's request Parameters about that patient."""
    resource = {"resourceType": "Patient", "id": patient, **facts}
    return json.dumps(
        {"resourceType": "Parameters", "parameter": [{"name": "patient", "resource": resource}]}
    )


@dataclass
class Stub:
    """The service at `base`: `calls` holds (hook, body, JWT), `feedback` (service, entry)."""

    base: str = ""
    keys: Mapping[str, Any] = field(default_factory=dict)
    prefetch: Mapping[str, str] = field(default_factory=lambda: dict(PREFETCH))
    cards: list[dict[str, Any]] = field(default_factory=list)
    answer: Any = None
    status: int = 200
    calls: list[tuple[str, dict[str, Any], str]] = field(default_factory=list)
    feedback: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    heard: threading.Event = field(default_factory=threading.Event)
    hold: threading.Event | None = None

    @property
    def services_url(self) -> str:
        return f"{self.base}/cds-services"

    def claims(self, token: str) -> dict[str, Any]:
        """Return the claims of a hook JWT that holds for the address of this request."""
        kid = jwt.get_unverified_header(token)["kid"]
        key = next(key for key in self.keys["keys"] if key["kid"] == kid)
        claims: dict[str, Any] = jwt.decode(
            token, jwt.PyJWK(key), algorithms=["ES384"], audience=flask.request.url, leeway=5
        )
        return claims

    def app(self) -> flask.Flask:
        app = flask.Flask("cds-stub")

        def token() -> str:
            value = flask.request.headers.get("Authorization", "").removeprefix("Bearer ")
            try:
                self.claims(value)
            except (jwt.PyJWTError, StopIteration):
                flask.abort(401)
            return value

        @app.get("/cds-services")
        def discovery() -> Any:
            token()
            return {
                "services": [
                    {"hook": hook, "id": f"pdmp-{hook}", "description": "PDMP", "prefetch": self.prefetch}
                    for hook in HOOKS
                ]
            }

        @app.post("/cds-services/<service>")
        def serve(service: str) -> Any:
            value = token()
            body = flask.request.get_json()
            assert service == f"pdmp-{body['hook']}"
            self.calls.append((body["hook"], body, value))
            if self.hold is not None:
                self.hold.wait(20)
            answer = {"cards": self.cards} if self.answer is None else self.answer
            return flask.Response(
                answer if isinstance(answer, str) else json.dumps(answer),
                self.status,
                mimetype="application/json",
            )

        @app.post("/cds-services/<service>/feedback")
        def hear(service: str) -> Any:
            token()
            self.feedback += [(service, entry) for entry in flask.request.get_json()["feedback"]]
            self.heard.set()
            return {}

        return app


@contextmanager
def serving(stub: Stub) -> Iterator[Stub]:
    """Yield the stub, answering on a free loopback port."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, stub.app(), threaded=True)
    stub.base = f"http://localhost:{server.port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
