"""The Encounter that an EHR sends with a launch: checked against FHIR R4, then made ours.

Its id and subject become ours, for what we serve must refer to what we serve. What it says of other things
of the EHR's keeps their display and identifier, and loses a relative address that would point into our house
to nothing. The narrative is left out: it is a stranger's XHTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import orjson

from gateway.core.errors import BadRequest

MAX_BYTES = 65_536

#: EncounterStatus, a required binding (FHIR R4, section 8.11.2.1): the models check no bindings.
_STATUSES = frozenset(
    {
        "planned", "arrived", "triaged", "in-progress", "onleave", "finished", "cancelled",
        "entered-in-error", "unknown",
    }
)  # fmt: skip
_ABSOLUTE = re.compile(r"(?:https?|urn):", re.ASCII)
_RELATIVE = re.compile(
    r"([A-Z][A-Za-z]{1,63})/[A-Za-z0-9.-]{1,64}(?:/_history/[A-Za-z0-9.-]{1,64})?", re.ASCII
)
_KEPT_META = ("profile", "security", "tag")
_OURS = frozenset({"resourceType", "id", "meta", "text", "subject"})
_PLACE = re.compile(r"[A-Za-z0-9.]{1,60}", re.ASCII)


def checked(resource: dict[str, Any]) -> dict[str, Any]:
    """Return what is kept of the Encounter. Raises BadRequest; its text quotes no value."""
    # Half a second of imports that most processes never need.
    from fhir.resources.R4B.encounter import Encounter
    from pydantic import ValidationError

    if resource.get("resourceType") != "Encounter":
        raise BadRequest("encounter must be an Encounter resource.")
    try:
        size = len(orjson.dumps(resource))
    except TypeError:
        raise BadRequest("encounter holds a number that is too large.") from None
    if size > MAX_BYTES:
        raise BadRequest(f"encounter may hold {MAX_BYTES} bytes.")
    if "contained" in resource:
        raise BadRequest("encounter must not contain other resources.")
    status = resource.get("status")
    if not isinstance(status, str) or status not in _STATUSES:
        raise BadRequest("encounter.status is missing or not one of EncounterStatus.")
    if _has_null(resource):
        raise BadRequest("encounter holds a null, which FHIR's JSON does not know.")
    try:
        Encounter.model_validate({name: value for name, value in resource.items() if name != "text"})
    except ValidationError as error:
        raise BadRequest(f"encounter is not a valid R4 Encounter: {_places(error.errors())}.") from None
    kept: dict[str, Any] = _without_dangling(
        {name: value for name, value in resource.items() if name not in _OURS}
    )
    if meta := {name: value for name, value in resource.get("meta", {}).items() if name in _KEPT_META}:
        kept["meta"] = meta
    return kept


def ours(kept: dict[str, Any], *, encounter_id: UUID, person_id: UUID) -> bytes:
    """Return the JSON of what `checked` kept, as it is served: under our id, of our Patient."""
    subject = {"reference": f"Patient/{person_id}"}
    return orjson.dumps({"resourceType": "Encounter", "id": str(encounter_id), **kept, "subject": subject})


def _has_null(value: Any) -> bool:
    if isinstance(value, dict):
        return any(item is None or _has_null(item) for item in value.values())
    # In a list of primitives null stands beside an extension (FHIR R4, section 2.6.2.3).
    return isinstance(value, list) and any(_has_null(item) for item in value)


def _without_dangling(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_dangling(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {name: _without_dangling(item) for name, item in value.items()}
    reference = value.get("reference")
    if isinstance(reference, str) and not _ABSOLUTE.match(reference):
        match = _RELATIVE.fullmatch(reference)
        if match is None:
            raise BadRequest("encounter holds a reference that is neither Type/id nor absolute.")
        del kept["reference"]
        kept.setdefault("type", match[1])
    return kept


def _places(errors: Iterable[Mapping[str, Any]]) -> str:
    places: dict[str, None] = {}
    for error in errors:
        # A name that the model does not know is the sender's, and not repeated.
        path = error["loc"][:-1] if error["type"] == "extra_forbidden" else error["loc"]
        places.setdefault(".".join(str(step) for step in path))
    plain = [place for place in places if _PLACE.fullmatch(place)]
    return "look at " + (", ".join(plain[:5]) or "its elements")
