"""A launcher that drops root, ties its own life to its parent's, and becomes the server.

Run as a script, `python -I -S tether.py PARENT UID GID SIGNAL PROGRAM ARGUMENT…`: when the parent dies,
by `kill -9` too, the kernel sends SIGNAL (prctl(2), PR_SET_PDEATHSIG), so that no server is orphaned.
The kernel forgets that wish when the user changes; hence user first, then wish, then exec. UID -1
keeps the user. A script and not a hook between fork and exec, because such hooks are unsafe beside
threads.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1


def become(parent: int, uid: int, gid: int, signal_number: int, command: list[str]) -> None:
    """Replace this process by `command`, as `uid` and `gid` without supplementary groups."""
    prctl = _prctl()  # loaded as the user that can read this Python's library
    if uid >= 0:
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    os.umask(0o077)
    if prctl:
        prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
    if os.getppid() != parent:
        return  # The parent died before the wish was spoken.
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted


def _prctl() -> Callable[..., int] | None:
    try:
        import ctypes

        function: Callable[..., int] = ctypes.CDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return None  # The next start finds and stops what is left behind.
    return function


if __name__ == "__main__":
    PARENT, UID, GID, SIGNAL = (int(word) for word in sys.argv[1:5])
    become(PARENT, UID, GID, SIGNAL, sys.argv[5:])
