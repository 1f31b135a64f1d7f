"""Answers of the FHIR interface, and what each view asks of a request first."""

from __future__ import annotations

from typing import Any, cast

import flask
from flask import current_app, g, request

from gateway.fhir import wire, xml
from gateway.fhir.wire import Format
from gateway.services import Services
from gateway.web import guard

GRANT_HEADER = "PDMP-Grant"


def services() -> Services:
    """Return the services of this process."""
    return cast("Services", current_app.extensions["pdmp"])


def request_id() -> str:
    """Return the id of this request, as audit rows keep it."""
    return cast("str", g.request_id)


def check_acceptable(form_format: str | None = None) -> None:
    """Settle the format of the answer; `form_format` is a `_format` sent in a form. Raises NotAcceptable."""
    g.format = wire.choose(request.headers.get("Accept"), form_format or request.args.get("_format"))


def sent_resource() -> dict[str, Any]:
    """Return the resource in the body, JSON or XML. Raises UnsupportedMedia, BadRequest, TooLarge."""
    is_json = wire.format_of_body(request.content_type) is Format.JSON
    return wire.read_object(guard.body() if is_json else xml.to_json(guard.body()))


def fhir(body: bytes, headers: dict[str, str] | None = None) -> flask.Response:
    """Return a 200 answer with the resource `body` (JSON), in the format that was settled."""
    chosen: Format = g.get("format", Format.JSON)
    # Translated last, so that what is disclosed and recorded does not depend on the format.
    written = body if chosen is Format.JSON else xml.to_xml(body)
    return flask.Response(written, 200, headers, content_type=chosen.value)
