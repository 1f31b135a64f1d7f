"""A resource in XML → its JSON (FHIR R4, sections 2.6.1 and 2.6.2).

Parsed safely: a document type declaration is refused outright, so there are no entities to expand and none
to fetch. Errors name the line, never what stands there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson
from lxml import etree

from gateway.core.errors import BadRequest, TooLarge
from gateway.fhir.xml.elements import Element, Kind, Structure, UnknownType, resource_structure, structure
from gateway.fhir.xml.safe import parser
from gateway.fhir.xml.write import FHIR, XHTML

_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_UTF8 = frozenset({"UTF-8", "US-ASCII", "ASCII"})
_MAX_DEPTH = 64


def to_json(body: bytes) -> bytes:
    """Return the resource of `body` as JSON. Raises BadRequest with the line, or TooLarge (64 levels)."""
    try:
        root = etree.fromstring(body, parser())
    except etree.XMLSyntaxError as error:
        line, column = error.position
        if "depth" in str(error).lower():
            raise TooLarge("The body nests too deeply.") from None
        raise BadRequest(f"The body is not XML: line {line}, column {column}.") from None
    document = root.getroottree().docinfo
    if document.doctype or document.internalDTD is not None:
        raise BadRequest("A document type declaration is not allowed.")
    if (document.encoding or "UTF-8").upper() not in _UTF8:
        raise BadRequest("The body must be in UTF-8.")
    return orjson.dumps(_resource(root, 0))


def _resource(node: Any, depth: int) -> dict[str, Any]:
    name = _name(node)
    try:
        of = resource_structure(name)
    except UnknownType:
        raise _wrong(node, "not a resource type of FHIR R4") from None
    return {"resourceType": name, **_members(node, of, depth + 1)}


def _members(node: Any, of: Structure, depth: int) -> dict[str, Any]:
    if depth > _MAX_DEPTH:
        raise TooLarge("The body nests too deeply.")
    if (node.text or "").strip():
        raise _wrong(node, "text where only elements may stand")
    made: dict[str, Any] = {}
    for name in ("id", "url"):
        # An element's id, an extension's url.
        if name in node.attrib and not of.is_resource and name in of.elements:
            made[name] = node.attrib[name]
    for child in node:
        if (child.tail or "").strip():
            raise _wrong(child, "text where only elements may stand")
        if isinstance(child.tag, str) and child.tag == f"{{{XHTML}}}div" and "div" in of.elements:
            made["div"] = etree.tostring(child, encoding="unicode", with_tail=False)
            continue
        element = of.elements.get(_name(child))
        if element is None or (element.name == "id" and not of.is_resource):
            raise _wrong(child, "an element that does not belong here")
        value, beside = _value(child, element, depth)
        _put(made, element, value, beside, child)
    return made


def _value(node: Any, element: Element, depth: int) -> tuple[Any, dict[str, Any]]:
    if element.kind is Kind.RESOURCE:
        inner = list(node)
        if len(inner) != 1:
            raise _wrong(node, "exactly one resource belongs here")
        return _resource(inner[0], depth + 1), {}
    if element.kind is Kind.COMPLEX:
        return _members(node, structure(element.type), depth + 1), {}
    if element.kind is Kind.XHTML:
        raise _wrong(node, "XHTML belongs here, in its own namespace")
    beside = _members(node, structure("Element"), depth + 1)
    text = node.attrib.get("value")
    if text is None and not beside:
        raise _wrong(node, "neither a value nor an extension")
    return None if text is None else _typed(node, element, text), beside


def _typed(node: Any, element: Element, text: str) -> Any:
    if element.kind is Kind.BOOLEAN:
        if text not in ("true", "false"):
            raise _wrong(node, "true or false belongs here")
        return text == "true"
    if element.kind is Kind.NUMBER:
        if not _NUMBER.fullmatch(text):
            raise _wrong(node, "a number belongs here")
        return orjson.Fragment(text)
    return text


def _put(made: dict[str, Any], element: Element, value: Any, beside: dict[str, Any], node: Any) -> None:
    name, next_to = element.name, f"_{element.name}"
    if not element.many:
        if name in made or next_to in made:
            raise _wrong(node, "an element that may stand once only")
        if value is not None:
            made[name] = value
        if beside:
            made[next_to] = beside
        return
    values = made.setdefault(name, [])
    values.append(value)
    if beside or next_to in made:
        # FHIR R4, section 2.6.2.1: the two arrays run side by side, null where one has nothing.
        others = made.setdefault(next_to, [])
        others.extend(_nulls(len(values) - 1 - len(others)))
        others.append(beside or None)


def _nulls(count: int) -> Iterator[None]:
    return (None for _ in range(count))


def _name(node: Any) -> str:
    tag = node.tag
    if not isinstance(tag, str) or not tag.startswith(f"{{{FHIR}}}"):
        raise _wrong(node, f"an element that is not of the namespace {FHIR}")
    return tag[len(FHIR) + 2 :]


def _wrong(node: Any, what: str) -> BadRequest:
    return BadRequest(f"The body is not a FHIR R4 resource in XML: line {node.sourceline}: {what}.")
