"""Server processes: started so that they die with us, found again when something went wrong, stopped.

A server is known by what the kernel says of it, the program it runs and the folder it stands in, and
never by a number in a file: such numbers outlive their processes and come to mean others.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from gateway.core.errors import Unavailable
from gateway.embedded import tether
from gateway.embedded.place import Account

_PAUSE = 0.02
_LOG_LIMIT = 8 * 1024 * 1024

#: What a server sees of our environment: nothing.
SERVER_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C", "TZ": "UTC"}


def start(
    command: list[str],
    *,
    folder: Path,
    log: Path | None,
    account: Account | None,
    death_signal: signal.Signals,
    env: Mapping[str, str] = MappingProxyType(SERVER_ENVIRONMENT),
) -> subprocess.Popen[bytes]:
    """Return the started process, in a session of its own (Ctrl-C is ours).

    `command` begins with an absolute path. `log` is a 0600 file; None: our own output.

    It gets `death_signal` when we die. That follows the thread that starts it, so only the main one
    ties; from any other thread it is started untied.
    """
    tied = threading.current_thread() is threading.main_thread()
    uid, gid = (account.uid, account.gid) if account else (-1, -1)
    words = [str(os.getpid()), str(uid), str(gid), str(int(death_signal) if tied else 0)]
    launcher = [sys.executable, "-I", "-S", str(Path(tether.__file__)), *words, *command]
    handle = _open_log(log) if log else None
    try:
        return subprocess.Popen(
            launcher,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=handle,
            start_new_session=True,
        )
    finally:
        if handle is not None:
            os.close(handle)


def _open_log(log: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > _LOG_LIMIT:
            log.replace(log.with_suffix(".log.1"))
    return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def run(command: list[str], *, account: Account | None) -> None:
    """Run `command` to its end as the servers' user. Raises Unavailable with its last words."""
    drop: dict[str, object] = {}
    if account:
        drop = {"user": account.uid, "group": account.gid, "extra_groups": []}
    done = subprocess.run(  # type: ignore[call-overload]
        command,
        cwd="/",
        env=SERVER_ENVIRONMENT,
        check=False,
        capture_output=True,
        text=True,
        umask=0o077,
        **drop,
    )
    if done.returncode:
        tail = " ".join(done.stderr.strip().splitlines()[-3:])
        raise Unavailable(f"{Path(command[0]).name} failed: {tail}")


def wait_until(
    ready: Callable[[], bool], process: subprocess.Popen[bytes], *, name: str, timeout: float
) -> None:
    """Wait until `ready()`. Raises Unavailable when the process ends before, or after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not ready():
        if process.poll() is not None:
            raise Unavailable(f"{name} ended at its start with status {process.returncode}.")
        if time.monotonic() > deadline:
            raise Unavailable(f"{name} was not ready within {timeout:.0f} seconds.")
        time.sleep(_PAUSE)


def stop(process: subprocess.Popen[bytes], signals: list[tuple[signal.Signals, float]]) -> None:
    """Stop our own child: each signal with the seconds it is given, the next one after that."""
    for number, patience in signals:
        if process.poll() is not None:
            return
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            return


def standing_in(folder: Path, program: str) -> list[int]:
    """Return the live processes that run `program` with `folder` as their working folder."""
    wanted = str(folder.resolve())
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        pid = int(entry.name)
        try:
            here = os.readlink(f"/proc/{pid}/cwd")
            runs = os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")
        except OSError:
            continue  # ended meanwhile, a zombie, or somebody else's
        if here == wanted and Path(runs).name == program:
            found.append(pid)
    return found


def stop_leftovers(folder: Path, program: str, signals: list[tuple[signal.Signals, float]]) -> bool:
    """Stop every `program` that stands in `folder`, left by an owner that died; return if there were any.

    Call only as the holder of the owner's lock. Raises Unavailable when one can't be stopped.
    """
    left = standing_in(folder, program)
    if not left:
        return False
    for number, patience in signals:
        for pid in _elders(left):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + patience
        while left and time.monotonic() < deadline:
            time.sleep(_PAUSE)
            left = standing_in(folder, program)
        if not left:
            return True
    raise Unavailable(f"A {program} of an earlier run can't be stopped: process {left[0]}.")


def _elders(pids: list[int]) -> list[int]:
    """Return those whose parent is not among them: the head of a server looks after its own children."""
    return [pid for pid in pids if _parent(pid) not in pids] or pids


def _parent(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    return int(text.rpartition(")")[2].split()[1])
