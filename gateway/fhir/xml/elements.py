"""What elements a FHIR R4 type has, in the order of its definition: from the models of `fhir.resources`.

The models are asked for their structure only and never see a value. They load at the first XML that is read
or written, not with the process.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any

#: How the library spells the version of the models in `fhir.resources.R4B`.
_PREFIX = "R4."
_NUMBERS = frozenset({"decimal", "integer", "unsignedInt", "positiveInt"})


class Kind(Enum):
    """How an element's value is written."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    XHTML = "xhtml"
    COMPLEX = "complex"
    RESOURCE = "resource"


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a type. `type` is the name of a complex one's own type, else empty."""

    name: str
    kind: Kind
    many: bool
    type: str = ""


@dataclass(frozen=True, slots=True)
class Structure:
    """One type. Resources carry their `id` as an element, everything else as an attribute."""

    is_resource: bool
    elements: dict[str, Element]


class UnknownType(ValueError):
    """FHIR R4 has no such type."""


@cache
def structure(name: str) -> Structure:
    """Return the structure of the type `name`. Raises UnknownType."""
    from fhir.resources.R4B import get_fhir_model_class

    try:
        model: Any = get_fhir_model_class(name)
    except ValueError:
        raise UnknownType(name) from None
    resource: Any = get_fhir_model_class("Resource")
    by_alias = {field.alias or key: field for key, field in model.model_fields.items()}
    order: list[str] = model.elements_sequence()
    return Structure(
        is_resource=issubclass(model, resource),
        elements={key: _element(key, by_alias[key]) for key in order if key in by_alias},
    )


def resource_structure(name: str) -> Structure:
    """Return the structure of the resource type `name`. Raises UnknownType for anything else."""
    found = structure(name)
    if not found.is_resource:
        raise UnknownType(name)
    return found


def _element(name: str, field: Any) -> Element:
    from fhir_core.utils import get_fhir_type_name, is_list_type, is_primitive_type

    many, type_name = is_list_type(field), get_fhir_type_name(field, prefix=_PREFIX)
    if not is_primitive_type(field):
        kind = Kind.RESOURCE if type_name == "Resource" else Kind.COMPLEX
        return Element(name, kind, many, "" if kind is Kind.RESOURCE else type_name)
    if type_name == "xhtml":
        return Element(name, Kind.XHTML, many)
    if type_name == "boolean":
        return Element(name, Kind.BOOLEAN, many)
    return Element(name, Kind.NUMBER if type_name in _NUMBERS else Kind.TEXT, many)
