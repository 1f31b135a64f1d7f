"""A home for embedded servers, and an owner of them in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.core.settings import Settings
from gateway.embedded import processes
from tests.support.databases import remove_home
from tests.support.processes import ROOT

_OWNER = """
import json, sys, time
from gateway.core.settings import Settings
from gateway.embedded import embedded_servers, resolve
with (embedded_servers if sys.argv[1] == "own" else resolve)(Settings.from_env()) as found:
    urls = getattr(found, "urls", found)
    children = {name: child.pid for name, child in getattr(found, "children", {}).items()}
    print(json.dumps({"database": urls.owner_database_url, "cache": urls.redis_url, "admin":
        urls.admin_database_url, "notice": getattr(found, "notice", None), "children": children}), flush=True)
    time.sleep(float(sys.argv[2]))
"""


@dataclass(frozen=True, slots=True)
class Owner:
    """A process that runs the servers of a home: their URLs and process numbers."""

    process: subprocess.Popen[str]
    database: str
    cache: str
    admin: str
    notice: str | None
    children: dict[str, int]


@pytest.fixture
def home() -> Iterator[Path]:
    """Yield a home that the servers' system user can reach when we are root."""
    outer = Path(tempfile.mkdtemp(prefix="pdmp-embedded-"))
    if os.geteuid() == 0:
        outer.chmod(0o711)
    yield outer / "home"
    remove_home(outer / "home")
    outer.rmdir()


def settings_of(home: Path) -> Settings:
    return Settings.from_env({"PDMP_HOME": str(home)})


def spawn(home: Path, kind: str = "own", seconds: float = 120) -> subprocess.Popen[str]:
    """Start a process that has the servers of `home`: `own` or `resolve`."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PDMP_")}
    return subprocess.Popen(
        [sys.executable, "-c", _OWNER, kind, str(seconds)],
        env={**env, "PDMP_HOME": str(home)},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def read_owner(process: subprocess.Popen[str]) -> Owner:
    assert process.stdout
    return Owner(process, **json.loads(process.stdout.readline()))


@contextmanager
def owner(home: Path, kind: str = "own", seconds: float = 120) -> Iterator[Owner]:
    """Yield a running owner; it is told to stop at the end, if it still runs."""
    process = spawn(home, kind, seconds)
    try:
        yield read_owner(process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(60)
        assert process.stdout
        process.stdout.close()


def servers_in(home: Path) -> list[int]:
    """Return the server processes that stand in the data folders of `home`."""
    found = processes.standing_in(home / "servers" / "postgres", "postgres")
    return found + processes.standing_in(home / "servers" / "valkey", "valkey-server")


def eventually(true: Callable[[], bool], seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
