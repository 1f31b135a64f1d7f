"""The input of an operation: a Parameters resource, its parts by name.

FHIR R4, section 2.35 (Parameters). The US PDMP guide's profile types the resource inputs as references, yet
its examples and its OperationDefinition carry them inline; inv-1 forbids both: `resource` is what is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gateway.core.errors import BadRequest

_MOST = 50


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of one call, each at most once. Names are among those that were declared."""

    parts: dict[str, dict[str, Any]]

    def resource(self, name: str, resource_type: str, *, required: bool = False) -> dict[str, Any] | None:
        """Return the inline resource of input `name`. Raises BadRequest when missing or of another type."""
        part = self.parts.get(name)
        if part is None:
            if required:
                raise BadRequest(f"The input {name} is missing: a {resource_type} in parameter.resource.")
            return None
        resource = part.get("resource")
        if not isinstance(resource, dict):
            where = "valueReference is not read" if "valueReference" in part else "none is there"
            raise BadRequest(f"The input {name} must be a {resource_type} in parameter.resource: {where}.")
        if any(key.startswith("value") for key in part):
            raise BadRequest(f"The input {name} has both a resource and a value (inv-1).")
        if resource.get("resourceType") != resource_type:
            raise BadRequest(f"The input {name} must be a {resource_type}.")
        return resource

    def boolean(self, name: str) -> bool:
        """Return the value of input `name`, False when absent. Raises BadRequest when it is no boolean."""
        part = self.parts.get(name)
        if part is None:
            return False
        value = part.get("valueBoolean")
        if not isinstance(value, bool):
            raise BadRequest(f"The input {name} must have a valueBoolean.")
        return value

    def integer(self, name: str) -> int | None:
        """Return the value of input `name`, None when absent. Raises BadRequest when it is no integer."""
        part = self.parts.get(name)
        if part is None:
            return None
        value = part.get("valueInteger", part.get("valuePositiveInt"))
        if not isinstance(value, int) or isinstance(value, bool):
            raise BadRequest(f"The input {name} must have a valueInteger.")
        return value


def read(body: dict[str, Any], declared: frozenset[str]) -> Inputs:
    """Return the inputs in `body`. Raises BadRequest for another resource, a repeated or an undeclared input.

    The texts name inputs by place, never by what the sender wrote, which may be anything.
    """
    if body.get("resourceType") != "Parameters":
        raise BadRequest("The body must be a Parameters resource.")
    parameters = body.get("parameter", [])
    if not isinstance(parameters, list) or len(parameters) > _MOST:
        raise BadRequest("Parameters.parameter must be a list of a few inputs.")
    parts: dict[str, dict[str, Any]] = {}
    for place, part in enumerate(parameters):
        name = part.get("name") if isinstance(part, dict) else None
        if not isinstance(name, str):
            raise BadRequest(f"Parameters.parameter[{place}] has no name.")
        if name not in declared:
            raise BadRequest(f"Parameters.parameter[{place}] is not an input of this operation.")
        if name in parts:
            raise BadRequest(f"The input {name} is given more than once.")
        if "part" in part:
            raise BadRequest(f"The input {name} has no parts.")
        parts[name] = part
    return Inputs(parts)
