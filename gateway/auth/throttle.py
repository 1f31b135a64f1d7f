"""Rate limits: so many in a window, counted together by all workers in Redis or Valkey.

Without it each process counts for itself and allows its share only: losing the cache never loosens a limit.
"""

from __future__ import annotations

import threading
import time

from gateway.auth.shared import SharedCache
from gateway.core.errors import TooMany

_MAX_LOCAL = 10_000


class Throttle:
    """Counts in fixed windows. `workers`: how many processes share a limit. Thread-safe."""

    def __init__(self, cache: SharedCache, *, workers: int) -> None:
        self._cache = cache
        self._workers = max(1, workers)
        self._lock = threading.Lock()
        self._counts: dict[str, tuple[int, int]] = {}

    def count(self, name: str, *, limit: int, seconds: int) -> None:
        """Count one under `name`. Raises TooMany above `limit` in this window of `seconds`."""
        now = time.time()
        window = int(now // seconds)
        counted = self._cache.count(_key(name, window), seconds=2 * seconds)
        if counted is None:
            counted, limit = self._local(name, window), max(1, limit // self._workers)
        if counted > limit:
            raise _too_many(now, window, seconds)

    def check(self, name: str, *, limit: int, seconds: int) -> None:
        """Raise TooMany when `limit` has been counted under `name` in this window; count nothing."""
        now = time.time()
        window = int(now // seconds)
        kept = self._cache.get(_key(name, window))
        with self._lock:
            before, local = self._counts.get(name, (window, 0))
        # What was counted here, while the cache was away, counts too.
        here = local if before == window else 0
        if int(kept or 0) >= limit or here >= max(1, limit // self._workers):
            raise _too_many(now, window, seconds)

    def _local(self, name: str, window: int) -> int:
        with self._lock:
            before, counted = self._counts.pop(name, (window, 0))
            counted = counted + 1 if before == window else 1
            self._counts[name] = (window, counted)
            if len(self._counts) > _MAX_LOCAL:
                self._counts.pop(next(iter(self._counts)))
            return counted


def _key(name: str, window: int) -> str:
    return f"gateway:rate:{name}:{window}"


def _too_many(now: float, window: int, seconds: int) -> TooMany:
    return TooMany("Too many requests.", retry_after=max(1, int((window + 1) * seconds - now) + 1))
