"""Errors of CDS Hooks endpoints: a small JSON object, the status of CDS Hooks 2.0, and never what was sent.

CDS Hooks 2.0, "HTTP Status Codes": 412 when data that a service needs were neither sent nor to be had. The
other statuses are HTTP's own.
"""

from __future__ import annotations

import logging

import flask
import orjson
from flask import Blueprint, request
from werkzeug.exceptions import HTTPException

from gateway.core.errors import Category, GatewayError

_log = logging.getLogger("gateway.cds")

_STATUS = {
    Category.INVALID: 400,
    Category.UNAUTHENTICATED: 401,
    Category.NOT_FOUND: 404,
    Category.METHOD_NOT_ALLOWED: 405,
    Category.TOO_LARGE: 413,
    Category.UNSUPPORTED_MEDIA: 415,
    Category.THROTTLED: 429,
    Category.UNAVAILABLE: 503,
}


class PreconditionFailed(GatewayError):
    """Data that the service needs were neither in the prefetch nor to be had from the EHR's FHIR server."""

    category = Category.INVALID


def install(blueprint: Blueprint) -> None:
    """Render every error of the blueprint's views, and of the guard before them."""
    blueprint.register_error_handler(GatewayError, render)
    blueprint.register_error_handler(HTTPException, _http)
    blueprint.register_error_handler(Exception, _unexpected)


def render(error: GatewayError) -> flask.Response:
    """Return the answer to `error`."""
    precondition = isinstance(error, PreconditionFailed)
    status = 412 if precondition else _STATUS.get(error.category, 500)
    code = "precondition-failed" if precondition else error.category.value
    public = "Internal error." if status == 500 else error.public
    body = orjson.dumps({"error": code, "message": public})
    response = flask.Response(body, status, content_type="application/json")
    if status == 401:
        given = "Authorization" in request.headers
        response.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"' if given else "Bearer"
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    level = logging.ERROR if status >= 500 else logging.INFO
    _log.log(level, "hook_refused", extra={"status": status, "detail": error.detail})
    return response


def _http(error: HTTPException) -> flask.Response:
    status = error.code or 500
    if status < 400:
        return flask.make_response(error.get_response())
    response = render(GatewayError(""))
    if status < 500:
        response.set_data(orjson.dumps({"error": "invalid", "message": "The request is malformed."}))
    response.status_code = status
    return response


def _unexpected(error: Exception) -> flask.Response:
    _log.error("unexpected_error", exc_info=error)
    return render(GatewayError("Internal error."))
