"""A resource's JSON → the same resource in XML (FHIR R4, section 2.6.1).

Numbers are taken over as text: `1.50` stays `1.50`. What the type does not have is an error of ours, never
left out in silence.
"""

from __future__ import annotations

import json
import re
from itertools import zip_longest
from typing import Any

from lxml import etree

from gateway.fhir.xml.elements import Element, Kind, Structure, resource_structure, structure
from gateway.fhir.xml.safe import parser

FHIR = "http://hl7.org/fhir"
XHTML = "http://www.w3.org/1999/xhtml"

# XML 1.0 section 2.2 has no way to write these, FHIR strings may not hold them, and JSON could.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_NOTHING: dict[str, Any] = {}


class _Number(str):
    """A number as it stood in the JSON."""

    __slots__ = ()


def to_xml(body: bytes) -> bytes:
    """Return the resource of `body` as an XML document in UTF-8. Raises ValueError: it is no R4 resource."""
    resource = json.loads(body, parse_float=_Number, parse_int=_Number)
    root = _resource(resource, None)
    document: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return document


def _resource(resource: dict[str, Any], parent: Any) -> Any:
    name = resource["resourceType"]
    tag = f"{{{FHIR}}}{name}"
    node = etree.Element(tag, nsmap={None: FHIR}) if parent is None else etree.SubElement(parent, tag)
    _members(node, resource, resource_structure(name), but={"resourceType"})
    return node


def _members(node: Any, value: dict[str, Any], of: Structure, but: set[str] = frozenset()) -> None:  # type: ignore[assignment]
    known = but.copy()
    for element in of.elements.values():
        beside = f"_{element.name}"
        known |= {element.name, beside}
        if not of.is_resource and element.name == "id":
            _attribute(node, "id", value.get("id"))
        elif element.name in value or beside in value:
            _values(node, element, value.get(element.name), value.get(beside))
    if unknown := value.keys() - known:
        raise ValueError(f"{etree.QName(node).localname} has no element {min(unknown)}")


def _values(node: Any, element: Element, value: Any, beside: Any) -> None:
    if element.name == "url" and etree.QName(node).localname in ("extension", "modifierExtension"):
        _attribute(node, "url", value)
        return
    if not element.many:
        _one(node, element, value, beside)
        return
    for item, its in zip_longest(value or (), beside or ()):
        _one(node, element, item, its)


def _one(node: Any, element: Element, value: Any, beside: Any) -> None:
    if element.kind is Kind.XHTML:
        node.append(etree.fromstring(value.encode(), parser()))
        return
    child = etree.SubElement(node, f"{{{FHIR}}}{element.name}")
    if element.kind is Kind.RESOURCE:
        _resource(value, child)
    elif element.kind is Kind.COMPLEX:
        _members(child, value, structure(element.type))
    else:
        _members(child, beside or _NOTHING, structure("Element"))
        _attribute(child, "value", _text(value))


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if value is None else str(value)


def _attribute(node: Any, name: str, value: str | None) -> None:
    if value is not None:
        node.set(name, _UNWRITABLE.sub("\ufffd", value))
