"""Values of token search parameters: `code`, `system|code`, comma lists (FHIR R4, section 3.1.1.4.10).

Searches and granular scopes read them alike. `|code` asks for a code without a system: nothing here has one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from gateway.core.errors import BadRequest, UnknownParameter

NDC = "http://hl7.org/fhir/sid/ndc"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
_STATUS_SYSTEM = "http://terminology.hl7.org/CodeSystem/medicationdispense-status"
#: FHIR R4 value set medicationdispense-status.
STATUSES = frozenset(
    {
        "preparation", "in-progress", "cancelled", "on-hold", "completed", "entered-in-error",
        "stopped", "declined", "unknown",
    }
)  # fmt: skip

Token = tuple[str | None, str]
"""(system, code); a system of None is any, an empty one none."""

_MAX_VALUES = 100
_NDC_SEGMENTS = (5, 4, 2)


def statuses(values: Iterable[str]) -> frozenset[str] | None:
    """Return the statuses that every list of `values` admits, None without a list. Raises BadRequest."""
    admitted: frozenset[str] | None = None
    for value in values:
        codes = frozenset(_status(token) for token in value.split(",") if token)
        admitted = codes if admitted is None else admitted & codes
    return admitted


def drug_codes(values: Iterable[str]) -> tuple[Token, ...]:
    """Return the drug codes of a comma list, NDCs as 11 digits. Raises BadRequest, UnknownParameter."""
    return tuple(
        (system, _ndc11(code) if system in (None, NDC) else code) for system, code in tokens("code", values)
    )


def tokens(name: str, values: Iterable[str]) -> tuple[Token, ...]:
    """Return the tokens of a comma list of parameter `name`. Raises BadRequest, UnknownParameter.

    Several lists would have to hold at once, which is not served.
    """
    lists = list(values)
    if len(lists) > 1:
        raise UnknownParameter(f"{name}: several codes at once (AND) are not served; a comma list (OR) is.")
    found = [_token(name, text) for value in lists for text in _split(value) if text]
    if len(found) > _MAX_VALUES:
        raise BadRequest(f"{name} takes at most {_MAX_VALUES} codes.")
    return tuple(found)


def _status(token: str) -> str:
    system, bar, code = token.rpartition("|")
    if code not in STATUSES or (bar and system not in ("", _STATUS_SYSTEM)):
        raise BadRequest("status must be a code of medicationdispense-status.")
    return code


def _token(name: str, text: str) -> Token:
    system, bar, code = text.rpartition("|")
    code = re.sub(r"\\([\\,|$])", r"\1", code)
    if not code:
        raise UnknownParameter(f"{name} must hold a code: all codes of a system are not served.")
    if len(code) > 64 or not code.isprintable():
        raise BadRequest(f"{name} must hold codes of at most 64 characters.")
    return (system if bar else None), code


def _ndc11(code: str) -> str:
    """Return an NDC with hyphens as 11 digits (5-4-2, each part filled with zeros); other text as it is."""
    parts = code.split("-")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
        return code
    if any(len(part) > size for part, size in zip(parts, _NDC_SEGMENTS, strict=True)):
        return code
    return "".join(part.zfill(size) for part, size in zip(parts, _NDC_SEGMENTS, strict=True))


def _split(value: str) -> list[str]:
    return re.split(r"(?<!\\),", value)
