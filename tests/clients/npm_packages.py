"""JavaScript clients from npm: installed once into the user's cache, exactly those of the lock file."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

_HERE = Path(__file__).parent / "npm"
#: SMART's own client. Its package brings its bundle for browsers; what it depends on is only for building it.
_FHIRCLIENT = "fhirclient@2.6.3"
_INTEGRITY = "sha512-CirZixcwWelbkIXxpxlNQx5+ZdJirl6F1s4y4yvA1X7hHAkr9n99aVHaMi0wX+97nATjKQ65X6NB5as/wZoJzg=="


def folder() -> Path:
    """Return a folder with node_modules and fhir-client.pure.js; skip the test by name without."""
    npm = shutil.which("npm")
    if npm is None:
        return _cannot("needs npm, which this machine lacks")
    wanted = hashlib.sha256((_HERE / "package-lock.json").read_bytes() + _INTEGRITY.encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    made = cache / "pdmp-gateway-tests" / f"npm-{wanted}"
    made.mkdir(parents=True, exist_ok=True)
    with (made / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (made / "complete").exists():
            for file in _HERE.glob("package*.json"):
                shutil.copy(file, made)
            if not (_install(npm, made) and _bundle(npm, made)):
                return _cannot("needs packages of npm, which can't be had here")
            (made / "complete").touch()
    return made


def _install(npm: str, made: Path) -> bool:
    return _npm([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], made) is not None


def _bundle(npm: str, made: Path) -> bool:
    told = _npm([npm, "pack", _FHIRCLIENT, "--json"], made)
    if told is None:
        return False
    packed = json.loads(told)[0]
    assert packed["integrity"] == _INTEGRITY, f"{_FHIRCLIENT} is not what it was"
    member = "package/build/fhir-client.pure.js"
    subprocess.run(["tar", "-xzf", packed["filename"], "--strip-components=2", member], cwd=made, check=True)
    return True


def _npm(words: list[str], made: Path) -> str | None:
    done = subprocess.run(words, cwd=made, capture_output=True, text=True, timeout=240, check=False)
    return done.stdout if done.returncode == 0 else None


def _cannot(why: str) -> Path:
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(f"{why} (REQUIRE_ALL=1)", pytrace=False)
    pytest.skip(why)
