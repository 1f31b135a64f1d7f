"""Identifiers as senders write them: which kind each one is, and which state issued it.

Systems and types of the US PDMP guide, US Core and HL7 v2 table 0203. A masked, partial or absent value is
no identifier: it is left out, because matching on it would join strangers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

NPI = "http://hl7.org/fhir/sid/us-npi"
DEA = "http://terminology.hl7.org/NamingSystem/usdeanumber"
SSN = "http://hl7.org/fhir/sid/us-ssn"

_NPI_SYSTEMS = frozenset({NPI, "urn:oid:2.16.840.1.113883.4.6"})
_DEA_SYSTEMS = frozenset({DEA, "http://hl7.org/fhir/sid/us-dea", "urn:oid:2.16.840.1.113883.4.814"})
_SSN_SYSTEMS = frozenset({SSN, "urn:oid:2.16.840.1.113883.4.1"})

#: HL7 v2-0203: licences to practise, of any profession.
_LICENSE_TYPES = frozenset(
    {
        "LN", "SL", "MD", "DO", "DDS", "DPM", "DP", "NP", "PA", "OD", "RPH", "RN", "VET", "LPN", "LIC",
        "MCR", "ACSN", "CNM", "CRNA", "PHC", "STATE",
    }
)  # fmt: skip

#: Driver's licence systems are `urn:oid:2.16.840.1.113883.4.3.<FIPS state number>`.
_STATE_OID = re.compile(r"(?:urn:oid:)?2\.16\.840\.1\.113883\.4\.3\.(\d{1,2})")
_STATE_AT_END = re.compile(r"[/:.#_-]([A-Za-z]{2})/?")
_FIPS = {
    "1": "AL", "2": "AK", "4": "AZ", "5": "AR", "6": "CA", "8": "CO", "9": "CT", "10": "DE",
    "11": "DC", "12": "FL", "13": "GA", "15": "HI", "16": "ID", "17": "IL", "18": "IN", "19": "IA",
    "20": "KS", "21": "KY", "22": "LA", "23": "ME", "24": "MD", "25": "MA", "26": "MI", "27": "MN",
    "28": "MS", "29": "MO", "30": "MT", "31": "NE", "32": "NV", "33": "NH", "34": "NJ", "35": "NM",
    "36": "NY", "37": "NC", "38": "ND", "39": "OH", "40": "OK", "41": "OR", "42": "PA", "44": "RI",
    "45": "SC", "46": "SD", "47": "TN", "48": "TX", "49": "UT", "50": "VT", "51": "VA", "53": "WA",
    "54": "WV", "55": "WI", "56": "WY", "60": "AS", "66": "GU", "69": "MP", "72": "PR", "78": "VI",
}  # fmt: skip
_STATES = frozenset(_FIPS.values())
_JURISDICTION = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-jurisdiction"

_MASK = re.compile(r"[*#?•]|[Xx]{3}")
_DEA_NUMBER = re.compile(r"[A-Z][A-Z0-9]\d{7}(?:-[A-Z0-9]{1,15})?", re.ASCII)
_MOST = 50
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class Named:
    """One identifier that we can use. `kind`: npi, dea, practice (licence), ssn, driver, person or other."""

    kind: str
    value: str = field(repr=False)
    state: str = ""
    system: str = ""


def usable(identifiers: Any) -> Iterator[Named]:
    """Yield what can be used of a resource's `identifier` list, of at most fifty; pass the malformed by."""
    if not isinstance(identifiers, list):
        return
    for identifier in identifiers[:_MOST]:
        if not isinstance(identifier, dict):
            continue
        value, system = identifier.get("value"), identifier.get("system")
        if not isinstance(value, str) or not value.strip() or _MASK.search(value):
            continue
        if len(value) > _LONGEST or not value.isprintable():
            continue
        system = system.strip() if isinstance(system, str) else ""
        named = _named(value.strip(), system, _types(identifier), identifier)
        if named is not None:
            yield named


def _named(value: str, system: str, types: frozenset[str], identifier: dict[str, Any]) -> Named | None:
    if system in _NPI_SYSTEMS or (not system and "NPI" in types):
        return Named("npi", value) if re.fullmatch(r"\d{10}", value, re.ASCII) else None
    if system in _DEA_SYSTEMS or (not system and "DEA" in types):
        number = value.upper().replace(" ", "")
        return Named("dea", number) if _DEA_NUMBER.fullmatch(number) else None
    # An EHR's own system does not make a number of type SS another number.
    if system in _SSN_SYSTEMS or "SS" in types:
        digits = re.sub(r"[-\s]", "", value)
        return Named("ssn", digits) if re.fullmatch(r"\d{9}", digits, re.ASCII) else None
    if "DL" in types or _STATE_OID.fullmatch(system):
        return Named("driver", value, issuing_state(identifier, system))
    if types & _LICENSE_TYPES:
        return Named("practice", value, issuing_state(identifier, system))
    return Named("other", value, system=system)


def issuing_state(identifier: dict[str, Any], system: str) -> str:
    """Return the USPS code of the state that issued `identifier`, or empty when it does not say."""
    oid = _STATE_OID.fullmatch(system)
    if oid:
        return _FIPS.get(str(int(oid[1])), "")
    for extension in _dicts(identifier.get("extension")):
        if extension.get("url") == _JURISDICTION:
            for code in _codes(extension.get("valueCodeableConcept")):
                state = code.upper().removeprefix("US-")
                if state in _STATES:
                    return state
    assigner = identifier.get("assigner")
    display = assigner.get("display") if isinstance(assigner, dict) else None
    for text in (system, f":{display}" if isinstance(display, str) else ""):
        end = _STATE_AT_END.search(text[-4:]) if text else None
        if end and text.rstrip("/").endswith(end[0].rstrip("/")) and end[1].upper() in _STATES:
            return end[1].upper()
    return ""


def _types(identifier: dict[str, Any]) -> frozenset[str]:
    return frozenset(code.upper() for code in _codes(identifier.get("type")))


def _codes(concept: Any) -> list[str]:
    if not isinstance(concept, dict):
        return []
    codes = (coding.get("code") for coding in _dicts(concept.get("coding")))
    return [code for code in codes if isinstance(code, str)]


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
