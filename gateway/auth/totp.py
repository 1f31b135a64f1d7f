"""One-time passwords by time: RFC 6238 with SHA-1, 30 seconds and six digits, as apps take it."""

from __future__ import annotations

import hashlib
import hmac
import struct

SECONDS = 30
_DIGITS = 6
#: A clock may be off by one step (RFC 6238 section 5.2).
_DRIFT = 1


def code(secret: bytes, step: int) -> str:
    """Return the code of a time step: HOTP of RFC 4226 section 5.3."""
    digest = hmac.new(secret, struct.pack(">Q", step), hashlib.sha1).digest()
    offset = digest[-1] & 0xF
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return str(number % 10**_DIGITS).zfill(_DIGITS)


def step_of(secret: bytes, sent: str, now: float) -> int | None:
    """Return the time step whose code was sent, or None. `now`: Unix seconds."""
    text = "".join(sent.split())
    if len(text) != _DIGITS or not text.isascii() or not text.isdigit():
        return None
    at = int(now // SECONDS)
    found = None
    # Every step is computed, so that the time taken does not tell which one it was.
    for step in range(at - _DRIFT, at + _DRIFT + 1):
        if hmac.compare_digest(code(secret, step), text):
            found = step
    return found
