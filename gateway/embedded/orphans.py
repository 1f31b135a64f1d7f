"""Data outside of a home that was removed: set aside, so that a new home of that name starts empty.

`/var/lib/pdmp-gateway/<hash>` is found by the home's path, and outlives the home. The keys lay in the home:
without them what is there can't be decrypted or matched any more. A token in both places tells whether they
belong together.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from pathlib import Path

from gateway.embedded.locks import Lock

_PATIENCE = 10.0


def set_aside(home: Path, state: Path) -> Path | None:
    """Return where the data in `state` went, if they were those of an earlier home; they are renamed.

    Data whose servers run are left alone.
    """
    with _alone(home).held():
        if not (state / "postgres").is_dir() or _read(_theirs(state)) in ("", _read(_ours(home))):
            return None
        owner = Lock(state / "owner.lock")
        if not owner.take():
            return None
        with owner.held():
            when = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
            aside = state.rename(state.with_name(f"{state.name}.{when}"))
            for copy in aside.glob("binaries-*"):
                shutil.rmtree(copy, ignore_errors=True)
            return aside


def tie(home: Path, state: Path) -> None:
    """Let `home` and `state` belong together, as their tokens tell from now on."""
    with _alone(home).held():
        token = _read(_theirs(state)) or secrets.token_hex(16)
        for path in (_theirs(state), _ours(home)):
            if _read(path) != token:
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                with os.fdopen(handle, "w") as file:
                    file.write(token)


def _alone(home: Path) -> Lock:
    lock = Lock(home / "run" / "place.lock")
    lock.take(timeout=_PATIENCE)
    return lock


def _theirs(state: Path) -> Path:
    return state / "home"


def _ours(home: Path) -> Path:
    return home / "run" / "place"


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""
