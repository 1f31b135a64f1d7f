"""What goes over the wire: media types, the choice among them, and JSON bodies within limits.

FHIR R4, section 3.1.0.1.10 (content types) and 3.1.0.1.11 (`_format`); RFC 9110 section 12.5.1 (Accept).
JSON is what is stored and the default; XML (`gateway.fhir.xml`) is translated from it and into it.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

import orjson

from gateway.core.errors import BadRequest, NotAcceptable, TooLarge, UnsupportedMedia

FHIR_JSON = "application/fhir+json"
FHIR_JSON_UTF8 = "application/fhir+json; charset=utf-8"
FHIR_XML = "application/fhir+xml"
FHIR_XML_UTF8 = "application/fhir+xml; charset=utf-8"


class Format(Enum):
    """The two formats; the value is the answer's Content-Type."""

    JSON = FHIR_JSON_UTF8
    XML = FHIR_XML_UTF8


#: Every spelling that clients send, the old DSTU2 ones too; each is answered as FHIR JSON or FHIR XML.
JSON_TYPES = frozenset({FHIR_JSON, "application/json", "application/json+fhir", "text/json"})
XML_TYPES = frozenset({FHIR_XML, "application/xml", "application/xml+fhir", "text/xml"})
_FORMATS = {
    **dict.fromkeys((*JSON_TYPES, "json"), Format.JSON),
    **dict.fromkeys((*XML_TYPES, "xml"), Format.XML),
}
#: A browser asks for HTML, and for XML as a last resort; it gets JSON, which it can show.
_RANGES = {
    **_FORMATS,
    **dict.fromkeys(("*/*", "application/*", "text/html", "application/xhtml+xml"), Format.JSON),
}

_MAX_DEPTH = 64
_NEITHER = "FHIR is served as application/fhir+json and application/fhir+xml."


def choose(accept: str | None, format_parameter: str | None = None) -> Format:
    """Return the format to answer in; `_format` outweighs `Accept`. Raises NotAcceptable.

    The range of the highest quality wins, the first among equals.
    """
    if format_parameter:
        # An unencoded plus sign of `application/fhir+json` arrives as a space.
        asked = _FORMATS.get(_bare(format_parameter).replace(" ", "+"))
        if asked is None:
            raise NotAcceptable(_NEITHER)
        return asked
    if not accept or accept == FHIR_JSON:
        return Format.JSON
    best, highest = None, 0.0
    for part in accept.split(","):
        media_range, _, parameters = part.partition(";")
        offered = _RANGES.get(media_range.strip().lower())
        quality = _quality(parameters)
        if offered is not None and quality > highest:
            best, highest = offered, quality
    if best is None:
        raise NotAcceptable(_NEITHER)
    return best


def format_of_body(content_type: str | None) -> Format:
    """Return the format in which a body of `content_type` is read. Raises UnsupportedMedia."""
    bare = _bare(content_type or "")
    if bare not in JSON_TYPES and bare not in XML_TYPES:
        raise UnsupportedMedia(f"The body must be a FHIR resource: {FHIR_JSON} or {FHIR_XML}.")
    _check_charset(content_type)
    return Format.JSON if bare in JSON_TYPES else Format.XML


def check_json_body(content_type: str | None) -> None:
    """Return when a body of `content_type` is read as JSON, where XML is not. Raises UnsupportedMedia."""
    if _bare(content_type or "") not in JSON_TYPES:
        raise UnsupportedMedia("The body must be JSON: application/json.")
    _check_charset(content_type)


def read_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in `body`. Raises BadRequest, or TooLarge when it nests over 64 levels deep."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if "depth" in error.msg:
            raise TooLarge("The body nests too deeply.") from None
        # The decoder's own message can quote the body, so only the place is told.
        raise BadRequest(f"The body is not JSON: line {error.lineno}, column {error.colno}.") from None
    if not isinstance(value, dict):
        raise BadRequest("The body must be a JSON object.")
    _check_depth(value)
    return value


def _check_depth(value: dict[str, Any]) -> None:
    level: list[Any] = [value]
    for _ in range(_MAX_DEPTH):
        below: list[Any] = []
        for item in level:
            children = item.values() if isinstance(item, dict) else item
            below += [child for child in children if isinstance(child, dict | list)]
        if not below:
            return
        level = below
    raise TooLarge("The body nests too deeply.")


def _check_charset(content_type: str | None) -> None:
    charset = (content_type or "").lower().partition("charset=")[2].strip(' "')
    if charset and charset not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMedia("The body must be in UTF-8.")


def _quality(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 1.0
    return 1.0


def _bare(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()
