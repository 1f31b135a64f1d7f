"""Passwords as Argon2id hashes (RFC 9106): made, and compared at the same cost whoever is named."""

from __future__ import annotations

from functools import lru_cache

import argon2

from gateway.core.errors import BadRequest

# NIST SP 800-63B section 5.1.1: at least 8 characters, no rules of composition.
_SHORTEST, _LONGEST = 8, 1024


def hashed(password: str) -> str:
    """Return the hash to keep of a new password. Raises BadRequest for one that is too short or too long."""
    if not _SHORTEST <= len(password) <= _LONGEST:
        raise BadRequest(f"A password has at least {_SHORTEST} characters.")
    return argon2.PasswordHasher().hash(password)


def fits(kept: str | None, password: str) -> bool:
    """Return whether `password` is the one whose hash is kept; None, nobody's, takes as long and never is."""
    try:
        argon2.PasswordHasher().verify(kept or _nobodys(), password[:_LONGEST])
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False
    return kept is not None and len(password) <= _LONGEST


def renewed(kept: str, password: str) -> str | None:
    """Return the same password's hash under today's parameters, or None where `kept` has them."""
    hasher = argon2.PasswordHasher()
    return hasher.hash(password) if hasher.check_needs_rehash(kept) else None


@lru_cache(maxsize=1)
def _nobodys() -> str:
    """Return a hash that no password fits, as costly as an account's."""
    return argon2.PasswordHasher().hash("nobody has this password, and no account this hash")
