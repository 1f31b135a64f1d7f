"""Check digits of the numbers that name practitioners and pharmacies: pure arithmetic.

NPI: 45 CFR 162.406, ISO/IEC 7812 Luhn over `80840` and the number. DEA number: two letters (or a letter
and 9) and seven digits, of which the last is the units digit of (1st + 3rd + 5th) + 2 x (2nd + 4th + 6th).
"""

from __future__ import annotations

import re

_NPI = re.compile(r"[12]\d{9}", re.ASCII)
_DEA = re.compile(r"[A-Z][A-Z9](\d{6})(\d)", re.ASCII)


def is_npi(text: str) -> bool:
    """Return whether `text` is ten digits beginning with 1 or 2 whose last is right."""
    if not _NPI.fullmatch(text):
        return False
    total = 24  # what the constant prefix 80840 adds
    for place, digit in enumerate(reversed(text)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def is_dea(text: str) -> bool:
    """Return whether `text`, without suffix and in capitals, is a DEA number whose last digit is right."""
    match = _DEA.fullmatch(text)
    if not match:
        return False
    digits = [int(digit) for digit in match[1]]
    return (sum(digits[0::2]) + 2 * sum(digits[1::2])) % 10 == int(match[2])
