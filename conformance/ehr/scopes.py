"""SMART scopes, v1 and v2, as far as an EHR launch needs them. SMART 2.2 §scopes-and-launch-context.

`patient/Patient.rs` and `patient/Patient.read` say the same; each is granted in the spelling that was
asked. Letters out of order (`.sr`) grant nothing: the specification lets a server ignore them.
"""

from __future__ import annotations

import re

#: Scopes without a resource type that this double honours. No offline or online access, no `launch/patient`.
SPECIAL = ("launch", "openid", "fhirUser")

#: The resource types that the double serves; each can be read and searched (`rs`), none written.
SERVED = ("Patient", "Practitioner", "PractitionerRole", "Organization", "Encounter")

_V1 = {"read": "rs", "write": "cud", "*": "cruds"}
_SCOPE = re.compile(r"(patient|user)/([A-Za-z]+|\*)\.(read|write|\*|c?r?u?d?s?)")

#: (level, resource type, letter), e.g. ("patient", "Patient", "r").
Right = tuple[str, str, str]


def supported() -> list[str]:
    """Return the scopes that discovery lists; each of them works."""
    listed = [f"{level}/{kind}" for level in ("patient", "user") for kind in SERVED]
    return [*SPECIAL, *(f"{kind}.rs" for kind in listed), *(f"{kind}.read" for kind in listed)]


def rights(scope: str) -> frozenset[Right]:
    """Return what one scope asks for, `*` spread over the types served; nothing for a special one."""
    match = _SCOPE.fullmatch(scope)
    if not match:
        return frozenset()
    level, kind, access = match.groups()
    kinds = SERVED if kind == "*" else (kind,)
    return frozenset((level, k, letter) for k in kinds for letter in _V1.get(access, access))


def granted(asked: str, registered: str) -> str:
    """Return the scopes of `asked` that are served and registered whole, in order, each once.

    A scope that reaches further is left out, not trimmed: a client that reads the granted `scope` sees at
    once what it lacks.
    """
    allowed = set(registered.split())
    ceiling = frozenset[Right]().union(*(rights(scope) for scope in allowed))
    ceiling = frozenset(right for right in ceiling if right[1] in SERVED and right[2] in "rs")
    out: dict[str, None] = {}
    for scope in asked.split(" "):
        wanted = rights(scope)
        if (scope in SPECIAL and scope in allowed) or (wanted and wanted <= ceiling):
            out[scope] = None
    return " ".join(out)


def allows(granted_scope: str, kind: str, letter: str) -> bool:
    """Return whether the granted scopes let their holder do `letter` with resources of `kind`."""
    return any(
        (level, kind, letter) in rights(scope)
        for scope in granted_scope.split()
        for level in ("patient", "user")
    )
