"""The body of a POST to an OAuth endpoint, read strictly.

RFC 6749 section 3.2: form-encoded, no parameter twice, one without a value counts as left out, unknown ones
are ignored. Section 2.3.1: credentials never in the URL; these endpoints take no query at all.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from flask import Request

from gateway.oauth.errors import InvalidRequest

_MAX_BYTES = 65536
_MAX_FIELDS = 40


def read_form(request: Request) -> dict[str, str]:
    """Return the parameters by name. Raises InvalidRequest."""
    if request.query_string:
        raise InvalidRequest("Parameters belong in the body, not in the URL.")
    if request.mimetype != "application/x-www-form-urlencoded":
        raise InvalidRequest("The body must be application/x-www-form-urlencoded.")
    if (request.content_length or 0) > _MAX_BYTES:
        raise InvalidRequest("The body is too large.")
    body = request.get_data(cache=False)
    if len(body) > _MAX_BYTES:
        raise InvalidRequest("The body is too large.")
    try:
        pairs = parse_qsl(
            body.decode("ascii", "strict"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=_MAX_FIELDS,
        )
    except ValueError:
        raise InvalidRequest("The body is malformed.") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise InvalidRequest("A parameter is repeated.")
    return {name: value for name, value in form.items() if value}
