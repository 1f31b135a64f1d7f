"""The double as a process: what it starts with, what it refuses, how it stops."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.support.ehr_double import book
from tests.support.processes import free_port

ROOT = Path(__file__).resolve().parents[2]


def environment(**settings: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PDMP_")}
    return clean | settings


@contextmanager
def running(file: Path) -> Iterator[tuple[str, int, subprocess.Popen[str]]]:
    port = free_port()
    env = environment(PDMP_EHR_BASE_URL=f"http://ehr.localhost:{port}", PDMP_EHR_FILE=str(file))
    process = subprocess.Popen(
        [sys.executable, "-m", "conformance.ehr"], env=env, cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    try:
        yield f"http://127.0.0.1:{port}", port, process
    finally:
        process.kill()
        process.communicate(timeout=10)


def wait_until_up(base: str) -> None:
    for _ in range(150):
        try:
            if requests.get(f"{base}/healthz", timeout=2).status_code == 200:
                return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise AssertionError("the double did not come up")


def test_it_serves_over_http_and_sigterm_stops_it_cleanly(tmp_path: Path) -> None:
    file = tmp_path / "ehr.json"
    file.write_text(json.dumps(book()))
    with running(file) as (base, port, process):
        wait_until_up(base)
        answer = requests.get(
            f"{base}/fhir/.well-known/smart-configuration",
            headers={"Host": f"ehr.localhost:{port}"},
            timeout=5,
        )
        assert answer.json()["issuer"] == f"http://ehr.localhost:{port}"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{base}/healthz", timeout=2)


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"PDMP_EHR_FILE": "/nonexistent/ehr.json"}, "can't be read"),
        ({"PDMP_EHR_FIEL": "x"}, "PDMP_EHR_FIEL"),
        ({"PDMP_EHR_BASE_URL": "https://ehr.example.org"}, "loopback"),
        ({"PDMP_EHR_BIND": "0.0.0.0:8002"}, "loopback"),
        ({"PDMP_EHR_BASE_URL": "http://ehr.localhost:8002/"}, "slash"),
    ],
)
def test_it_refuses_to_start_misconfigured_and_says_why(settings: dict[str, str], word: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "conformance.ehr"],
        env=environment(**settings),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert word in done.stderr
    assert "Traceback" not in done.stderr
