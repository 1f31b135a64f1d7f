"""Identifiers that are well-formed and belong to nobody: check digits right, ranges out of use.

Sources: NPI, CMS "Requirements for NPI check digit" (Luhn over 80840 + nine digits); DEA number, the check
digit over six digits; NCPDP number, the same rule over its first six (believed, not confirmed by a standard).
"""

from __future__ import annotations

# Numbers that the Social Security Administration never gives: areas 900 to 998 (999 is left to other
# test data), groups 01 to 49 (50 and above are taxpayer numbers of the IRS), serials 0001 to 9999.
_AREAS, _GROUPS, _SERIALS = 99, 49, 9999
_SSN_SPACE = _AREAS * _GROUPS * _SERIALS
_LICENSE_SPACE = 100_000_000


def npi(nine_digits: int) -> str:
    """Return the ten-digit NPI that begins with these nine digits."""
    body = f"{nine_digits:09d}"
    total = 24  # what the prefix 80840 adds
    for position, digit in enumerate(reversed(body)):
        value = int(digit)
        if position % 2 == 0:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return body + str(-total % 10)


def dea_check_digit(six_digits: str) -> str:
    """Return the seventh digit of a DEA number: (1st+3rd+5th) + 2 x (2nd+4th+6th), last digit."""
    digits = [int(digit) for digit in six_digits]
    return str((sum(digits[0::2]) + 2 * sum(digits[1::2])) % 10)


def dea(kind: str, name: str, number: int) -> str:
    """Return a DEA number: `kind` is its first letter, the second is the first letter of `name`."""
    body = f"{number:06d}"
    return f"{kind}{name[0].upper()}{body}{dea_check_digit(body)}"


def ncpdp(six_digits: int) -> str:
    """Return a seven-digit NCPDP number."""
    body = f"{six_digits:06d}"
    return body + dea_check_digit(body)


def ssn(seed: int, person: int) -> str:
    """Return the never-issued social security number of one person, unlike that of any other of the seed."""
    spot = _scattered(person, seed, _SSN_SPACE)
    area, rest = divmod(spot, _GROUPS * _SERIALS)
    group, serial = divmod(rest, _SERIALS)
    return f"{900 + area:03d}{1 + group:02d}{1 + serial:04d}"


def driving_license(seed: int, person: int, last_name: str) -> str:
    """Return a Kentucky driver's licence number: a letter and eight digits, unlike any other of the seed."""
    return f"{last_name[0].upper()}{_scattered(person, seed, _LICENSE_SPACE):08d}"


def _scattered(index: int, seed: int, space: int) -> int:
    # A prime that divides neither space: neighbours end far apart and no two indexes meet.
    return (index * 7_368_787 + seed * 104_729) % space
