"""Two locks of one home: who owns its servers, and who else uses them.

flock(2) is given back by the kernel when its holder dies, so neither can be stale; both files stay.

    owner.lock   exclusive: the one process that starts and stops the servers
    users.lock   shared by processes that found the servers running; a passing owner waits for them
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PAUSE = 0.05


class Lock:
    """One advisory lock on `path`; not inherited by children."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    def take(self, *, shared: bool = False, timeout: float = 0) -> bool:
        """Return whether the lock was had within `timeout` seconds."""
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(handle, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    os.close(handle)
                    return False
                time.sleep(_PAUSE)
            except BaseException:
                os.close(handle)
                raise
            else:
                self._handle = handle
                return True

    def release(self) -> None:
        """Give the lock back, if it is held."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Give back, at the end of the block, a lock that was taken before it."""
        try:
            yield
        finally:
            self.release()
