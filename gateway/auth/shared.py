"""The cache that workers share, as something that may be away: it then says nothing, and costs nothing.

After a failure it is left alone for some seconds, so that requests do not each wait for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import redis

T = TypeVar("T")

_PAUSE_SECONDS = 5.0


class SharedCache:
    """Redis or Valkey, or nothing. Keys start with `gateway:`. Thread-safe."""

    def __init__(self, client: redis.Redis | None) -> None:
        self._client = client
        self._away_until = 0.0

    def get(self, key: str) -> bytes | None:
        """Return the value, or None."""
        found = self._ask(lambda client: client.get(key))
        return found if isinstance(found, bytes) else None

    def put(self, key: str, value: bytes, *, seconds: int) -> None:
        """Keep a value for some seconds, if that can be done."""
        self._ask(lambda client: client.set(key, value, ex=seconds))

    def count(self, key: str, *, seconds: int) -> int | None:
        """Add one to a count that ends after `seconds` and return it, or None when nobody counts."""

        def add(client: redis.Redis) -> int:
            with client.pipeline(transaction=False) as pipeline:
                pipeline.incr(key)
                pipeline.expire(key, seconds)
                return int(pipeline.execute()[0])

        return self._ask(add)

    def _ask(self, question: Callable[[redis.Redis], T]) -> T | None:
        if self._client is None or time.monotonic() < self._away_until:
            return None
        try:
            return question(self._client)
        except redis.RedisError:
            self._away_until = time.monotonic() + _PAUSE_SECONDS
            return None
