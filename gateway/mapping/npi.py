"""National Provider Identifiers. Rule: 45 CFR 162.406; US Core invariants us-core-16 and us-core-17."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=65536)
def is_npi(text: str) -> bool:
    """Return whether `text` is ten digits with a right check digit (Luhn over 80840 and the number)."""
    if len(text) != 10 or not (text.isascii() and text.isdigit()):
        return False
    total = 24  # what the prefix 80840 adds
    for position, digit in enumerate(reversed(text)):
        value = int(digit) * (2 if position % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
