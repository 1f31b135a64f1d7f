"""Answers of the FHIR interface, and what each view asks of a request first."""

from __future__ import annotations

from typing import cast

import flask
from flask import current_app, g, request

from gateway.fhir import wire
from gateway.services import Services

GRANT_HEADER = "PDMP-Grant"


def services() -> Services:
    """Return the services of this process."""
    return cast("Services", current_app.extensions["pdmp"])


def request_id() -> str:
    """Return the id of this request, as audit rows keep it."""
    return cast("str", g.request_id)


def check_acceptable() -> None:
    """Return when the client takes JSON. Raises NotAcceptable."""
    wire.check_acceptable(request.headers.get("Accept"), request.args.get("_format"))


def fhir_json(body: bytes, headers: dict[str, str] | None = None) -> flask.Response:
    """Return a 200 answer with `body`."""
    return flask.Response(body, 200, headers, content_type=wire.FHIR_JSON_UTF8)
