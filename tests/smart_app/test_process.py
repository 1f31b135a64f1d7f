"""`python -m smart_app`: its own process, its keys, its settings, its log."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from smart_app.settings import DOCUMENTED, Settings
from tests.smart_app.conftest import Browser
from tests.support.databases import TestDatabase
from tests.support.processes import ROOT, free_port


def environment(home: Path, **more: str) -> dict[str, str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("PDMP_")}
    return {**env, "PDMP_HOME": str(home), **more}


def run(home: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "smart_app", *words],
        env=environment(home, **more),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_public_keys_are_printed_made_once_and_kept_private(tmp_path: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        printed = [p.stdout for p in pool.map(lambda _: run(tmp_path, "jwks"), range(3))]
    assert printed[0] == printed[1] == printed[2]
    keys = json.loads(printed[0])["keys"]
    assert {(key["kty"], key["alg"]) for key in keys} == {("EC", "ES384"), ("RSA", "RS384")}
    assert len({key["kid"] for key in keys}) == 2
    assert not any(private in key for key in keys for private in ("d", "p", "q"))
    folder = tmp_path / "app-keys"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def test_an_unknown_setting_refuses_to_start(tmp_path: Path) -> None:
    refused = run(tmp_path, PDMP_APP_BASE_ULR="http://pdmp.localhost:1")
    assert refused.returncode == 2
    assert "PDMP_APP_BASE_ULR" in refused.stderr


def test_a_test_date_needs_a_loopback_address(tmp_path: Path) -> None:
    refused = run(tmp_path, PDMP_APP_BASE_URL="https://pdmp.example.org", PDMP_TEST_TODAY="2026-11-20")
    assert refused.returncode == 2
    assert "PDMP_TEST_TODAY" in refused.stderr


def test_addresses_come_from_what_the_embedded_servers_left(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    left = {
        "database_url": "postgresql://a/b",
        "redis_url": "redis://c",
        "gateway_fhir": "http://localhost:1/fhir",
    }
    (tmp_path / "run" / "app.json").write_text(json.dumps(left))
    settings = Settings.from_env({"PDMP_HOME": str(tmp_path)})
    assert {name: getattr(settings, name) for name in left} == left
    assert "postgresql" not in repr(settings)
    assert "redis://" not in repr(settings)


def test_every_setting_is_documented() -> None:
    source = (ROOT / "smart_app" / "settings.py").read_text()
    read = {word for word in source.replace('"', " ").split() if word.startswith("PDMP_APP_")}
    assert {name.rstrip(".,`*") for name in read} - {"PDMP_APP_"} <= set(DOCUMENTED)


@pytest.fixture
def running(database: TestDatabase, app_cache: str, tmp_path: Path) -> Iterator[tuple[str, Any, Path]]:
    port = free_port()
    base = f"http://pdmp.localhost:{port}"
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "smart_app"],
            env=environment(
                tmp_path,
                PDMP_APP_BASE_URL=base,
                PDMP_APP_DATABASE_URL=database.app_url,
                PDMP_APP_REDIS_URL=app_cache,
                PDMP_APP_WORKERS="2",
                PDMP_APP_LOG_LEVEL="DEBUG",
            ),
            cwd=ROOT,
            stdout=out,
            stderr=out,
        )
    browser = Browser()
    deadline = time.monotonic() + 30
    while True:
        try:
            if browser.get(f"{base}/healthz").status_code == 200:
                break
        except requests.ConnectionError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
    yield base, process, log
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def test_the_process_serves_keys_and_pages_and_ends_on_sigterm(running: tuple[str, Any, Path]) -> None:
    base, process, log = running
    browser = Browser()
    home = browser.get(f"{base}/")
    assert home.status_code == 200
    assert f"{base}/launch" in home.text
    assert home.headers["Content-Security-Policy"].endswith("frame-ancestors 'none'")
    jwks = browser.get(f"{base}/.well-known/jwks.json")
    assert jwks.headers["Cache-Control"] == "public, max-age=3600"
    assert jwks.json() == json.loads(run(log.parent, "jwks").stdout)
    refused = browser.get(f"{base}/launch?iss=http://x.localhost/fhir&launch=secretlaunchvalue")
    assert refused.status_code == 403
    assert browser.get(f"{base}/callback?code=secretcode&state=secretstate").status_code == 400
    assert browser.get(f"{base}/view/secrethandle").status_code == 410
    assert browser.get(f"{base}/nothing").status_code == 404
    assert browser.send("POST", f"{base}/launch").status_code == 405
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    text = log.read_text()
    assert "secret" not in text
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert {"/launch", "/callback", "/view/<handle>"} <= {line.get("route") for line in lines}
