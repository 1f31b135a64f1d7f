"""What goes over the wire: media types, the choice among them, and JSON bodies within limits.

FHIR R4, section 3.1.0.1.10 (content types) and 3.1.0.1.11 (`_format`); RFC 9110 section 12.5.1 (Accept).
Only JSON is served; XML is refused in plain words.
"""

from __future__ import annotations

from typing import Any

import orjson

from gateway.core.errors import BadRequest, NotAcceptable, TooLarge, UnsupportedMedia

FHIR_JSON = "application/fhir+json"
FHIR_JSON_UTF8 = "application/fhir+json; charset=utf-8"

#: Every spelling of JSON that clients send, the old DSTU2 one too; each is answered as FHIR JSON.
JSON_TYPES = frozenset({FHIR_JSON, "application/json", "application/json+fhir", "text/json"})
_FORMATS = JSON_TYPES | {"json"}
#: A browser asks for HTML; it gets JSON, which it can show.
_RANGES = JSON_TYPES | {"*/*", "application/*", "text/html", "application/xhtml+xml"}

_MAX_DEPTH = 64
_NOT_JSON = "Only JSON is served: application/fhir+json."


def check_acceptable(accept: str | None, format_parameter: str | None = None) -> None:
    """Return when JSON may be answered; `_format` outweighs `Accept`. Raises NotAcceptable otherwise."""
    if format_parameter:
        # An unencoded plus sign of `application/fhir+json` arrives as a space.
        if _bare(format_parameter).replace(" ", "+") not in _FORMATS:
            raise NotAcceptable(_NOT_JSON)
        return
    if not accept or accept == FHIR_JSON:
        return
    for part in accept.split(","):
        media_range, _, parameters = part.partition(";")
        if media_range.strip().lower() in _RANGES and not _refused(parameters):
            return
    raise NotAcceptable(_NOT_JSON)


def check_json_body(content_type: str | None) -> None:
    """Return when a body of `content_type` is read as JSON. Raises UnsupportedMedia otherwise."""
    if _bare(content_type or "") not in JSON_TYPES:
        raise UnsupportedMedia("The body must be JSON: application/fhir+json or application/json.")
    charset = (content_type or "").lower().partition("charset=")[2].strip(' "')
    if charset and charset not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMedia("The body must be in UTF-8.")


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


def _refused(parameters: str) -> bool:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return float(value) == 0
            except ValueError:
                return False
    return False


def _bare(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()
