"""The conformance suite cds-hooks: the gateway passes it, and a server that errs does not."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from conformance.run import requirements
from conformance.suites import cds_hooks
from conformance.suites.cds_hooks.session import new_key
from gateway.core.settings import Settings
from tests.cds.conftest import APP_LAUNCH
from tests.cds.ehr import ORIGIN, PATIENT, PRACTITIONER
from tests.support.processes import ROOT, run_gateway

Finished = subprocess.CompletedProcess[str]


def run(base: str, key: dict[str, Any], folder: Path, *more: str) -> tuple[Finished, dict[str, Any]]:
    config = {
        "iss": "https://suite.example",
        "kid": key["kid"],
        "private_jwk": key,
        "user": PRACTITIONER,
        "patient": PATIENT,
        "origin": ORIGIN,
    }
    (folder / "config.json").write_text(json.dumps(config))
    report = folder / "report.json"
    words = ["run", "--base-url", base, "--suite", "cds-hooks", "--config", str(folder / "config.json")]
    done = subprocess.run(
        [sys.executable, "-m", "conformance", *words, "--report", str(report), *more],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done, json.loads(report.read_text()) if report.exists() else {}


@pytest.mark.slow
def test_the_gateway_passes_and_every_requirement_is_accounted_for(
    settings: Settings, tmp_path: Path
) -> None:
    key = new_key()
    with run_gateway(replace(settings, cds_app_launch_url=APP_LAUNCH), tmp_path / "gateway.log") as gateway:
        public = {name: value for name, value in key.items() if name != "d"}
        client = {
            "token_endpoint_auth_method": "private_key_jwt",
            "grant_types": ["client_credentials"],
            "jwks": {"keys": [public]},
            "allowed_origins": [ORIGIN],
            "cds": {
                "iss": "https://suite.example",
                "jwks": {"keys": [public]},
                "fhir_server": "https://suite.example/fhir",
            },
        }
        added = gateway.cli("clients", "add", "--json", "-", stdin=json.dumps(client))
        assert added.returncode == 0, added.stderr
        done, report = run(gateway.base, key, tmp_path, "--allow-http")
    assert done.returncode == 0, done.stdout + done.stderr
    outcomes = {test["id"]: test["outcome"] for test in report["tests"]}
    assert set(outcomes.values()) <= {"pass", "omit"}, done.stdout
    assert [name for name, outcome in outcomes.items() if outcome == "omit"] == ["card-suggestions"]
    assert report["unproved"] == []
    # Discovery is read once; the tests of what it says share that exchange.
    proved = [test for test in report["tests"] if test["outcome"] == "pass"]
    assert all(test["evidence"] for test in proved if not test["id"].startswith("discovery-"))
    assert key["d"] not in json.dumps(report)
    headers = [exchange["request"]["headers"] for test in report["tests"] for exchange in test["evidence"]]
    assert {one["Authorization"] for one in headers if "Authorization" in one} == {"***"}


@contextmanager
def erring_server() -> Iterator[str]:
    """Serve everybody, with history in the card and a summary that is too long."""
    card = {
        "summary": "x" * 140,
        "indicator": "urgent",
        "source": {"label": "S"},
        "links": [],
        "detail": json.dumps({"resourceType": "MedicationDispense"}),
    }

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            service = {"hook": "patient-view", "id": "s", "description": "d"}
            found = {"services": [service]} if self.command == "GET" else {"cards": [card]}
            body = json.dumps(found).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_OPTIONS = _answer

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_server_that_errs_fails_by_name(tmp_path: Path) -> None:
    with erring_server() as base:
        done, report = run(base, new_key(), tmp_path, "--allow-http")
        refused, _ = run(base, new_key(), tmp_path)
    assert done.returncode == 1
    failed = {test["id"] for test in report["tests"] if test["outcome"] == "fail"}
    assert {
        "card-members",
        "card-nothing-empty",
        "pdmp-no-history",
        "request-malformed",
        "request-unknown-service",
        "trust-no-token",
        "trust-no-signature",
        "trust-other-key",
        "trust-audience",
        "trust-times",
        "trust-replay",
    } <= failed
    assert {"card-1", "trust-1", "trust-2", "pdmp-1"} <= set(report["unproved"])
    assert not [test for test in report["tests"] if test["outcome"] == "error"]
    # http without --allow-http is a wrong call, not a failed test.
    assert refused.returncode == 2


def test_requirements_have_a_test_or_a_reason() -> None:
    listed = requirements.load("cds-hooks", cds_hooks.TESTS)
    assert len({test.id for test in cds_hooks.TESTS}) == len(cds_hooks.TESTS)
    shall = [row for row in listed.values() if row.level == "SHALL"]
    assert len([row for row in shall if not row.reason]) / len(shall) > 0.9
