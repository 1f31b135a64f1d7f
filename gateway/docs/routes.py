"""`/docs` and what belongs to it: static documents without a script, the same for everybody."""

from __future__ import annotations

from importlib.metadata import version
from importlib.resources import files

import flask
import orjson
from flask import Blueprint

from gateway.core.settings import Settings
from gateway.docs import openapi
from gateway.web import prefix
from gateway.web.guard import public

_PUBLIC = {"Cache-Control": "public, max-age=300"}
_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def blueprint(settings: Settings) -> Blueprint:
    """Return the page, its style sheet and the OpenAPI document."""
    made = Blueprint("docs", __name__, template_folder="templates")
    style = files("gateway.docs").joinpath("static/docs.css").read_bytes()
    document = orjson.dumps(openapi.document(settings.base_url, version("pdmp-gateway")))

    @made.get("/docs")
    @public()
    def docs() -> flask.Response:
        page = flask.render_template(
            "docs/page.html",
            base=settings.base_url,
            fhir=settings.fhir_base,
            prefix=prefix.of(settings.base_url),
            version=version("pdmp-gateway"),
        )
        headers = {**_PUBLIC, "Content-Security-Policy": _POLICY}
        return flask.Response(page, 200, headers, content_type="text/html; charset=utf-8")

    @made.get("/docs/docs.css")
    @public()
    def docs_css() -> flask.Response:
        return flask.Response(style, 200, _PUBLIC, content_type="text/css; charset=utf-8")

    @made.get("/docs/openapi.json")
    @public(anywhere=True)
    def docs_openapi() -> flask.Response:
        return flask.Response(document, 200, _PUBLIC, content_type="application/json")

    return made
