"""Inferno, ONC's examiner, as tests run it: started once from INFERNO_KIT, driven by the driver beside it."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.processes import ROOT, free_port

_START_SECONDS = 600  # the first start makes a Debian tree for Ruby; later ones take seconds
_RUN_SECONDS = 180  # Inferno waits five minutes for a browser that got lost


@dataclass(frozen=True, slots=True)
class Report:
    """What one run came to: the tests by their short id."""

    tests: list[dict[str, Any]]
    output: str

    @property
    def failed(self) -> dict[str, str]:
        """Return the required tests that were neither passed nor omitted, with what was said."""
        return {
            one["short_id"]: f"{one['title']}: {one['result']}: {one['message']}"
            for one in self.tests
            if one["result"] not in ("pass", "omit") and not one["optional"]
        }

    @property
    def counts(self) -> dict[str, int]:
        """Return how many tests came to what."""
        found: dict[str, int] = {}
        for one in self.tests:
            found[one["result"]] = found.get(one["result"], 0) + 1
        return found


@dataclass(frozen=True, slots=True)
class Inferno:
    """A running Inferno."""

    base: str
    kit: Path

    def address(self, suite: str, name: str) -> str:
        """Return an address of the app that a suite plays: redirect, launch, .well-known/jwks.json."""
        return f"{self.base}/custom/{suite}/{name}"

    def run(self, suite: str, config: dict[str, Any], folder: Path, *groups: str) -> Report:
        """Run groups of a suite, in one session, and return what they came to."""
        file, report = folder / "config.json", folder / "report.json"
        file.write_text(json.dumps(config))
        words = [sys.executable, str(self.kit / "drive.py"), "--inferno", self.base, "run", suite]
        words += ["--config", str(file), "--report", str(report), "--verbose", "--only", *groups]
        log = folder / "driver.log"
        with log.open("w") as out:
            try:
                subprocess.run(words, stdout=out, stderr=out, timeout=_RUN_SECONDS, check=False)
            except subprocess.TimeoutExpired:
                raise AssertionError(f"Inferno still waits for the browser:\n{log.read_text()}") from None
        assert report.exists(), f"the driver failed:\n{log.read_text()}"
        tests = json.loads(report.read_text())["tests"]
        assert tests, log.read_text()
        return Report(tests, log.read_text())


@contextmanager
def run_inferno(kit: Path, log: Path) -> Iterator[Inferno]:
    """Yield Inferno on a free port; it ends with the block.

    Its Ruby tree stays in a folder of the user's cache, so that only the first start takes minutes. One run
    at a time uses it.
    """
    if _ruby_is_missing():
        _cannot("Inferno needs Ruby 3.3, or root on Debian to make a tree with it")
    state = _state_folder()
    state.mkdir(parents=True, exist_ok=True)
    with (state / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for database in (state / "root/srv/inferno/inferno.db", state / "srv/inferno.db"):
            for file in database.parent.glob("inferno.db*"):
                file.unlink()
        with _process(kit, state, log) as base:
            yield Inferno(base, kit)


@contextmanager
def _process(kit: Path, state: Path, log: Path) -> Iterator[str]:
    port = free_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PDMP_", "BUNDLE_"))}
    with log.open("ab") as out:
        process = subprocess.Popen(
            [str(kit / "start"), str(port), str(state)],
            env=env,
            cwd=ROOT,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        base = f"http://localhost:{port}"
        _wait(process, base, log)
        yield base
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def _wait(process: subprocess.Popen[bytes], base: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if requests.get(f"{base}/api/test_suites", timeout=30).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.5)
    raise AssertionError(f"Inferno did not start:\n{log.read_text(errors='replace')[-3000:]}")


def _state_folder() -> Path:
    named = os.environ.get("INFERNO_STATE")
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(named) if named else Path(cache) / "pdmp-gateway-tests" / "inferno"


def _ruby_is_missing() -> bool:
    if os.geteuid() == 0:
        return False
    if shutil.which("ruby") is None:
        return True
    check = 'exit(RUBY_VERSION >= "3.3.6" && RUBY_VERSION < "3.4")'
    return subprocess.run(["ruby", "-e", check], check=False).returncode != 0


def _cannot(why: str) -> None:
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(f"{why} (REQUIRE_ALL=1)", pytrace=False)
    pytest.skip(why)
