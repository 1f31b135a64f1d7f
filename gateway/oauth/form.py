"""What is sent to an OAuth endpoint, read strictly.

RFC 6749 section 3.2: form-encoded, no parameter twice, one without a value counts as left out, unknown ones
are ignored. Section 2.3.1: credentials never in the URL; what is posted takes no query at all. The
authorization endpoint takes its parameters from the query of a GET or from the body of a POST (section 3.1).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from urllib.parse import parse_qsl

from flask import Request

from gateway.oauth.errors import InvalidRequest

_MAX_BYTES = 65536
_MAX_FIELDS = 100


class Asked(dict[str, str]):
    """Parameters by name, and in `repeated` the names of those that came more than once."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        super().__init__({name: value for name, value in pairs if value})
        counts = Counter(name for name, _ in pairs)
        self.repeated = frozenset(name for name, count in counts.items() if count > 1)


def read_form(request: Request) -> dict[str, str]:
    """Return the parameters by name. Raises InvalidRequest."""
    asked = Asked(_posted(request))
    if asked.repeated:
        raise InvalidRequest("A parameter is repeated.")
    return dict(asked)


def read_choices(request: Request, several: str) -> tuple[Mapping[str, str], list[str]]:
    """Return a form's fields by name, and all values of the field `several`. Raises InvalidRequest."""
    pairs = _posted(request)
    asked = Asked([(name, value) for name, value in pairs if name != several])
    if asked.repeated:
        raise InvalidRequest("A parameter is repeated.")
    return asked, [value for name, value in pairs if name == several]


def read_query_or_form(request: Request) -> Asked:
    """Return the parameters of a GET's query or of a POST's body. Raises InvalidRequest."""
    if request.method == "POST":
        return Asked(_posted(request))
    return Asked(_pairs(request.query_string))


def _posted(request: Request) -> list[tuple[str, str]]:
    if request.query_string:
        raise InvalidRequest("Parameters belong in the body, not in the URL.")
    if request.mimetype != "application/x-www-form-urlencoded":
        raise InvalidRequest("The body must be application/x-www-form-urlencoded.")
    if (request.content_length or 0) > _MAX_BYTES:
        raise InvalidRequest("The body is too large.")
    body = request.get_data(cache=False)
    if len(body) > _MAX_BYTES:
        raise InvalidRequest("The body is too large.")
    return _pairs(body)


def _pairs(encoded: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            encoded.decode("ascii", "strict"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=_MAX_FIELDS,
        )
    except ValueError:
        raise InvalidRequest("The parameters are malformed.") from None
