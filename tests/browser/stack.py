"""The whole product as `pdmp demo` runs it, for one browser session's tests."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.support.databases import remove_home
from tests.support.processes import ROOT, free_port

TODAY = "2026-11-20"


@dataclass(frozen=True, slots=True)
class Stack:
    """A running demo: its home, and the addresses that its `demo.json` tells."""

    home: Path
    gateway: str
    app: str
    ehr: str

    @contextmanager
    def ehr_misbehaving(self, *faults: str) -> Iterator[None]:
        """Let the EHR double misbehave by the names of faults."""
        file = self.home / "ehr.json"
        whole = file.read_bytes()
        _replace(file, json.dumps({**json.loads(whole), "faults": list(faults)}).encode())
        try:
            yield
        finally:
            _replace(file, whole)


@contextmanager
def run_stack(home: Path, files: list[Path], log: Path) -> Iterator[Stack]:
    """Yield `pdmp demo` with these ASAP files and nobody else, on three free ports."""
    port = _three_ports()
    env = {name: value for name, value in os.environ.items() if not name.startswith("PDMP_")}
    env |= {
        "PDMP_HOME": str(home),
        "PORT": str(port),
        "PDMP_DEMO_FILES": ":".join(map(str, files)),
        "PDMP_DEMO_PATIENTS": "0",
        "PDMP_TEST_TODAY": TODAY,
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway.cli", "demo"], env=env, cwd=ROOT, stdout=out, stderr=out
        )
        try:
            yield _wait(process, home, port, log)
        finally:
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=60)
            process.kill()
            process.wait(timeout=10)
            remove_home(home)


def _wait(process: subprocess.Popen[bytes], home: Path, port: int, log: Path) -> Stack:
    for _ in range(1800):
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError, ValueError, KeyError, requests.RequestException):
            said: dict[str, Any] = json.loads((home / "demo.json").read_bytes())
            up = [requests.get(f"http://127.0.0.1:{port + n}/healthz", timeout=5).ok for n in range(3)]
            if all(up):
                return Stack(home, said["gateway"], said["app"], said["ehr"])
        time.sleep(0.1)
    raise AssertionError(f"`pdmp demo` did not come up:\n{log.read_text(errors='replace')[-4000:]}")


def _three_ports() -> int:
    for _ in range(50):
        port = free_port()
        if port < 60_000 and all(_free(port + n) for n in (1, 2)):
            return port
    raise AssertionError("no three free ports in a row")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _replace(file: Path, content: bytes) -> None:
    fresh = file.with_suffix(".fresh")
    fresh.write_bytes(content)
    fresh.chmod(0o600)
    fresh.replace(file)
