"""Identifiers: UUIDv7, so that keys sort by time and carry no sequence (RFC 9562 section 5.7)."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from uuid import UUID

_DRAWN = 256


def uuid7() -> UUID:
    """Return a new UUIDv7: 48 bits of Unix milliseconds, 74 random bits."""
    return _uuid7(secrets.randbits(80))


def uuid7s() -> Iterator[UUID]:
    """Yield new UUIDv7s without end: random bits are drawn for many at once, which is what they cost."""
    while True:
        drawn = secrets.token_bytes(10 * _DRAWN)
        for place in range(0, len(drawn), 10):
            yield _uuid7(int.from_bytes(drawn[place : place + 10], "big"))


def _uuid7(random: int) -> UUID:
    millis = time.time_ns() // 1_000_000
    value = (millis & ((1 << 48) - 1)) << 80 | random
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)


def opaque_token() -> str:
    """Return 256 random bits as 43 URL-safe characters, for handles and secrets."""
    return secrets.token_urlsafe(32)
