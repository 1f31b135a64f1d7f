"""Errors on their way out: rendered once for FHIR, once as plain JSON for everything else.

A blueprint that speaks another protocol (OAuth) registers its own handler for `GatewayError`, which goes
before these. Nothing unexpected is told to the caller; the log gets its class and where it passed.
"""

from __future__ import annotations

import logging

import flask
import orjson
from flask import Flask, request
from werkzeug.exceptions import HTTPException

from gateway.core import errors
from gateway.core.errors import Category, GatewayError, NotAcceptable
from gateway.fhir import outcome, wire, xml
from gateway.fhir.wire import Format

_log = logging.getLogger("gateway.web")

_OF_STATUS: dict[int, tuple[type[GatewayError], str]] = {
    400: (errors.BadRequest, "The request is malformed."),
    404: (errors.NotFound, "There is nothing at this address."),
    405: (errors.MethodNotAllowed, "This method is not served at this address."),
    406: (errors.NotAcceptable, "No representation that you accept is served."),
    413: (errors.TooLarge, "The request is too large."),
    415: (errors.UnsupportedMedia, "A body of this media type is not read."),
    429: (errors.TooMany, "Too many requests."),
}


def install(app: Flask) -> None:
    """Register the handlers on `app`."""
    app.register_error_handler(GatewayError, render)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def render(error: GatewayError) -> flask.Response:
    """Return the answer to `error` in the protocol of the request's address."""
    status, body = outcome.of_error(error)
    if status >= 500:
        _log.error("request_failed", extra={"category": error.category.value, "detail": error.detail})
    if request.path == "/fhir" or request.path.startswith("/fhir/"):
        chosen = _format()
        written = body if chosen is Format.JSON else xml.to_xml(body)
        response = flask.Response(written, status, content_type=chosen.value)
    else:
        public = "Internal error." if error.category is Category.INTERNAL else error.public
        plain = {"error": error.category.value, "message": public}
        response = flask.Response(orjson.dumps(plain), status, content_type="application/json")
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    challenge = _challenge(error)
    if challenge:
        response.headers["WWW-Authenticate"] = challenge
    return response


def _format() -> Format:
    """Return the format of an error: what was asked for, or JSON where that cannot be had."""
    try:
        return wire.choose(request.headers.get("Accept"), request.args.get("_format"))
    except NotAcceptable:
        return Format.JSON


def _challenge(error: GatewayError) -> str | None:
    """Return the WWW-Authenticate header of RFC 6750 section 3, where there is one."""
    if error.category is Category.UNAUTHENTICATED:
        # Section 3.1: a request without any token gets no error code.
        return 'Bearer error="invalid_token"' if "Authorization" in request.headers else "Bearer"
    if isinstance(error, errors.Forbidden) and error.scope:
        return f'Bearer error="insufficient_scope", scope="{error.scope}"'
    return None


def _http(error: HTTPException) -> flask.Response:
    kind, text = _OF_STATUS.get(error.code or 500, (None, ""))
    if kind is None:
        if (error.code or 500) < 400:
            return flask.make_response(error.get_response())
        kind, text = (
            (errors.BadRequest, "The request is malformed.")
            if (error.code or 500) < 500
            else (
                GatewayError,
                "Internal error.",
            )
        )
    response = render(kind(text))
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def _unexpected(error: Exception) -> flask.Response:
    _log.error("unexpected_error", exc_info=error)
    return render(GatewayError("Internal error."))
