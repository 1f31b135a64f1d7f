"""Numbers that name practitioners and organisations, checked and brought to the one form that is stored."""

from __future__ import annotations

import re

from gateway.core.checkdigits import is_dea, is_npi
from gateway.core.errors import BadRequest

# ASAP 4.2B PRE03: a DEA suffix has at most 7 characters.
_SUFFIX = re.compile(r"[A-Z0-9]{1,7}", re.ASCII)
_LICENSE = re.compile(r"[A-Z0-9][A-Z0-9./ -]{0,29}", re.ASCII)
_STATE = re.compile(
    "A[KLRSZ]|C[AOT]|D[CE]|F[LM]|G[AU]|HI|I[ADLN]|K[SY]|LA|M[ADEHINOPST]|N[CDEHJMVY]|O[HKR]|P[ARW]|RI|S[CD]|"
    "T[NX]|UT|V[AIT]|W[AIVY]"
)


def npi(text: str) -> str:
    """Return an NPI. Raises BadRequest."""
    number = text.strip()
    if not is_npi(number):
        raise BadRequest("An NPI is ten digits, the last a check digit; this one is not right.")
    return number


def dea(text: str) -> str:
    """Return a DEA number as NUMBER or NUMBER-SUFFIX, in capitals. Raises BadRequest."""
    number, dash, suffix = text.strip().upper().partition("-")
    if not is_dea(number):
        raise BadRequest(
            "A DEA number is two letters and seven digits, the last a check digit; this one is not."
        )
    if not dash:
        return number
    if not _SUFFIX.fullmatch(suffix):
        raise BadRequest("The suffix of a DEA number is 1 to 7 letters and digits.")
    return f"{number}-{suffix}"


def license_number(text: str) -> str:
    """Return a state licence as ST:NUMBER, in capitals. Raises BadRequest."""
    state, _, number = text.strip().upper().partition(":")
    if not _STATE.fullmatch(state) or not _LICENSE.fullmatch(number.strip()):
        raise BadRequest("A licence is written ST:NUMBER, with the state's two-letter code.")
    return f"{state}:{number.strip()}"


def organization(text: str) -> str:
    """Return the NPI or DEA number of an organisation. Raises BadRequest."""
    number = text.strip().upper()
    if is_npi(number) or is_dea(number):
        return number
    raise BadRequest("An organization is named by its NPI or DEA number; this is neither.")
