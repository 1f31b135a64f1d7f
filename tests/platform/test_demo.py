"""`make demo`: one command starts everything, one signal stops everything, and the data stay."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.databases import remove_home
from tests.support.processes import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture
def home() -> Iterator[Path]:
    """Yield a home below a folder that the servers' system user can pass."""
    outer = Path(tempfile.mkdtemp(prefix="pdmp-demo-"))
    outer.chmod(0o711 if os.geteuid() == 0 else 0o700)
    yield outer / "home"
    remove_home(outer / "home")
    shutil.rmtree(outer)


def test_demo_starts_answers_stops_and_keeps_its_data_on_another_port(home: Path) -> None:
    port = _three_free_ports()
    with demo(home, port) as process:
        first = _told(home)
        assert first["gateway"] == f"http://localhost:{port}"
        assert stat.S_IMODE((home / "demo.json").stat().st_mode) == 0o600
        assert stat.S_IMODE((home / "ehr.json").stat().st_mode) == 0o600
        roles = sorted(account["role"] for account in first["accounts"])
        assert roles == ["delegate", "pharmacist", "practitioner", "practitioner", "practitioner"]
        assert any(client.get("private_jwk", {}).get("crv") == "P-384" for client in first["clients"])
        assert first["patients"] == []
        front = requests.get(
            f"http://127.0.0.1:{port}/", headers={"Accept": "application/json"}, timeout=10
        ).json()
        assert (front["app"], front["ehr"]) == (first["app"], first["ehr"])
        for offset, name in ((1, "pdmp.localhost"), (2, "ehr.localhost")):
            address = f"http://127.0.0.1:{port + offset}/"
            answer = requests.get(address, headers={"Host": f"{name}:{port + offset}"}, timeout=10)
            assert answer.status_code < 500, name
        for _, command, environment in _processes(home):
            if b"smart_app" in command:
                assert b"PDMP_DATABASE_URL" not in environment
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        assert _processes(home) == []
    other = _three_free_ports()
    began = time.monotonic()
    with demo(home, other):
        assert time.monotonic() - began < 60
        second = _told(home)
        assert second["ehr"] == f"http://ehr.localhost:{other + 2}"
        assert second["accounts"] == first["accounts"]
        assert second["clients"] == first["clients"]
    assert _processes(home) == []


def test_demo_ends_by_name_of_a_process_that_died(home: Path) -> None:
    with demo(home, _three_free_ports()) as process:
        masters = [pid for pid, command, _ in _processes(home) if b"smart_app" in command]
        os.kill(min(masters), signal.SIGKILL)
        assert process.wait(60) != 0
        assert "app has ended" in _log(home)
        assert _processes(home) == []


def test_demo_leaves_nothing_when_it_is_killed(home: Path) -> None:
    with demo(home, _three_free_ports()):
        masters = [pid for pid, command, _ in _processes(home) if b"\0demo\0" in command]
        for pid in masters:
            os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 40
        while _processes(home) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert _processes(home) == []


def test_demo_names_a_port_that_is_taken(home: Path) -> None:
    port = _three_free_ports()
    with socket.create_server(("127.0.0.1", port + 1)):
        done = subprocess.run(
            ["make", "demo"],
            cwd=ROOT,
            env=_environment(home, port),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode != 0
    assert f"Port {port + 1} is in use" in done.stderr


@contextmanager
def demo(home: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Yield `make demo` once it is ready; it is told to stop at the end."""
    log = home.parent / "demo.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["make", "demo"], cwd=ROOT, env=_environment(home, port), stdout=out, stderr=out
        )
    try:
        deadline = time.monotonic() + 180
        while "Ready after" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(60)


def _environment(home: Path, port: int) -> dict[str, str]:
    env = {
        name: value for name, value in os.environ.items() if not name.startswith(("PDMP_", "MAKE", "MFLAGS"))
    }
    env.update(PDMP_HOME=str(home), PORT=str(port), PDMP_DEMO_FILES="", PDMP_DEMO_PATIENTS="0")
    return env


def _told(home: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((home / "demo.json").read_text())
    return told


def _log(home: Path) -> str:
    return (home.parent / "demo.log").read_text()


def _three_free_ports() -> int:
    for port in range(18150, 18199, 3):
        try:
            with (
                socket.create_server(("127.0.0.1", port)),
                socket.create_server(("127.0.0.1", port + 1)),
                socket.create_server(("127.0.0.1", port + 2)),
            ):
                return port
        except OSError:
            continue
    raise AssertionError("no three free ports")


def _processes(home: Path) -> list[tuple[int, bytes, bytes]]:
    """Return every live process that belongs to `home`: number, command, environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command, environment = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
        except OSError:
            continue
        if command and str(home).encode() in command + environment:
            found.append((int(entry.name), command, environment))
    return found
