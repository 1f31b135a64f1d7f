"""Keys for comparing what was reported: names, suffixes, addresses, telephones, identifiers.

Two spellings of one thing give one key; an empty key says nothing and never counts as evidence.
Case, accents, hyphens, apostrophes and spaces do not matter. Street words follow USPS Publication 28,
appendix C. Nothing here is ever shown: what is shown is the description as it was sent.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_NOT_WORD = re.compile(r"[^A-Z0-9]+")
_NOT_DIGIT = re.compile(r"[^0-9]+")

_SUFFIXES = {
    "JUNIOR": "JR", "SENIOR": "SR", "FIRST": "I", "1ST": "I", "SECOND": "II", "2ND": "II", "2": "II",
    "THIRD": "III", "3RD": "III", "3": "III", "FOURTH": "IV", "4TH": "IV", "4": "IV", "5TH": "V",
}  # fmt: skip

_STREET_WORDS = {
    "STREET": "ST", "AVENUE": "AVE", "AV": "AVE", "ROAD": "RD", "LANE": "LN", "DRIVE": "DR", "COURT": "CT",
    "BOULEVARD": "BLVD", "CIRCLE": "CIR", "PLACE": "PL", "PARKWAY": "PKWY", "HIGHWAY": "HWY", "TRAIL": "TRL",
    "TERRACE": "TER", "SQUARE": "SQ", "ROUTE": "RTE", "TURNPIKE": "TPKE", "NORTH": "N", "SOUTH": "S",
    "EAST": "E", "WEST": "W", "NORTHEAST": "NE", "NORTHWEST": "NW", "SOUTHEAST": "SE", "SOUTHWEST": "SW",
    "APARTMENT": "UNIT", "APT": "UNIT", "SUITE": "UNIT", "STE": "UNIT", "NUMBER": "UNIT", "NO": "UNIT",
    "MOUNT": "MT", "SAINT": "ST", "FORT": "FT", "CREEK": "CRK", "HOLLOW": "HOLW", "RIDGE": "RDG",
}  # fmt: skip

# An address that says that there is none is shared by everybody who has none.
_NO_ADDRESS = frozenset(
    (
        "UNKNOWN",
        "UNK",
        "NONE",
        "NA",
        "N A",
        "HOMELESS",
        "NO ADDRESS",
        "NOT PROVIDED",
        "GENERAL DELIVERY",
        "TRANSIENT",
    )
)
_NO_IDENTIFIER = frozenset(
    ("NONE", "UNKNOWN", "UNK", "NA", "REFUSED", "NOID", "NOTAVAILABLE", "PENDING", "TEST")
)
_SEQUENCES = frozenset(("123456789", "987654321", "012345678", "876543210", "1234567890"))
# Printed on sample cards or in advertisements, and typed in ever since (SSA, "misused numbers").
_MISUSED_SSNS = frozenset(("078051120", "219099999"))

SSN = "07"
LICENSE = "06"


def fold(text: str) -> str:
    """Return `text` in capitals, without accents; other letters stay what they are."""
    if text.isascii():
        return text.upper()
    decomposed = unicodedata.normalize(
        "NFKD", text.upper().replace("Æ", "AE").replace("Ø", "O").replace("Œ", "OE")
    )
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).upper()


def _letters(text: str) -> str:
    # isalnum keeps letters of every script, so that two names in another script stay two names.
    folded = fold(text)
    return folded if folded.isalnum() else "".join(letter for letter in folded if letter.isalnum())


@lru_cache(maxsize=65536)
def name_key(last: str, first: str, animal_name: str = "") -> str:
    """Return `FAMILY|GIVEN`, and `|ANIMAL` for an animal, without anything but letters and digits."""
    key = f"{_letters(last)}|{_letters(first)}"
    return f"{key}|{_letters(animal_name)}" if animal_name else key


def suffix_key(suffix: str) -> str:
    """Return a generational suffix as JR, SR, I, II … or empty."""
    letters = _letters(suffix)
    return _SUFFIXES.get(letters, letters)


@lru_cache(maxsize=65536)
def address_key(line1: str, line2: str, postal_code: str) -> str:
    """Return the street line and ZIP (five digits; a foreign code whole), or empty if either lacks."""
    words = _NOT_WORD.sub(" ", fold(f"{line1} {line2}".replace("#", " UNIT ").replace("'", ""))).split()
    line = " ".join(_STREET_WORDS.get(word, word) for word in words)
    # "APT #4" and "UNIT NO 4" name the unit twice.
    line = re.sub(r"\bUNIT(?: UNIT)+\b", "UNIT", line)
    code = _NOT_WORD.sub("", fold(postal_code))
    zip5 = code[:5] if code.isdigit() else code
    if not line or not zip5 or line in _NO_ADDRESS or _one_character(zip5):
        return ""
    return f"{line}|{zip5}"


def phone_key(phone: str) -> str:
    """Return the ten digits of a telephone number, or empty when it is none or a filler."""
    digits = _NOT_DIGIT.sub("", phone)
    if len(digits) == 11 and digits[0] == "1":
        digits = digits[1:]
    if len(digits) < 7 or _one_character(digits) or digits in _SEQUENCES or _one_character(digits[-7:]):
        return ""
    return digits


def identifier_key(qualifier: str, value: str) -> str:
    """Return an identifier without hyphens, spaces and case. `qualifier` is ASAP PAT02."""
    return _NOT_DIGIT.sub("", value) if qualifier == SSN else _NOT_WORD.sub("", fold(value))


def is_filler(qualifier: str, value: str) -> bool:
    """Return whether the identifier says nothing: 000000000 and the like, NONE, an SSN without nine digits.

    The SSA never assigned an area 000: such a number is a few last digits, filled up with zeros. The series
    900 to 999 as such is not filler.
    """
    key = identifier_key(qualifier, value)
    if not key or _one_character(key) or key in _SEQUENCES or key in _NO_IDENTIFIER:
        return True
    return qualifier == SSN and (len(key) != 9 or key.startswith("000") or key in _MISUSED_SSNS)


def _one_character(text: str) -> bool:
    return bool(text) and text == text[0] * len(text)
