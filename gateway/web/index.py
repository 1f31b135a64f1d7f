"""`/` says what is where: a page for people, JSON for programs."""

from __future__ import annotations

import json
from importlib.metadata import version
from importlib.resources import files

import flask
import orjson
from flask import Blueprint, request

from gateway.core.settings import Settings
from gateway.web import prefix
from gateway.web.guard import public

_LABELS = {
    "docs": "For the EHR’s engineer: how to connect",
    "fhir": "FHIR base",
    "metadata": "CapabilityStatement",
    "smart_configuration": "SMART configuration",
    "jwks": "Public keys",
    "token": "Token endpoint",
    "health": "Health of this process",
    "ready": "Readiness",
    "app": "The clinician's app (demonstration)",
    "ehr": "The EHR (demonstration): start here",
}


def blueprint(settings: Settings) -> Blueprint:
    """Return the page and its style sheet."""
    made = Blueprint("index", __name__, template_folder="templates")
    style = files("gateway.web").joinpath("static/index.css").read_bytes()

    @made.get("/")
    @public()
    def index() -> flask.Response:
        places = _places(settings)
        if request.accept_mimetypes.best_match(["application/json", "text/html"]) != "text/html":
            document = {"name": "PDMP Gateway", "version": version("pdmp-gateway"), **places}
            return flask.Response(orjson.dumps(document), content_type="application/json")
        rows = [(_LABELS[name], address) for name, address in places.items()]
        page = flask.render_template(
            "index.html", rows=rows, version=version("pdmp-gateway"), prefix=prefix.of(settings.base_url)
        )
        response = flask.Response(page, content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'"
        )
        return response

    @made.get("/index.css")
    @public()
    def index_css() -> flask.Response:
        headers = {"Cache-Control": "public, max-age=300"}
        return flask.Response(style, 200, headers, content_type="text/css; charset=utf-8")

    return made


def _places(settings: Settings) -> dict[str, str]:
    base, fhir = settings.base_url, settings.fhir_base
    places = {
        "docs": f"{base}/docs",
        "fhir": fhir,
        "metadata": f"{fhir}/metadata",
        "smart_configuration": f"{fhir}/.well-known/smart-configuration",
        "jwks": f"{base}/.well-known/jwks.json",
        "token": f"{base}/auth/token",
        "health": f"{base}/healthz",
        "ready": f"{base}/readyz",
    }
    return places | _demonstration(settings)


def _demonstration(settings: Settings) -> dict[str, str]:
    """Return the addresses of the demonstration's app and EHR, where one runs: nothing else of its file."""
    if not settings.loopback:
        return {}
    try:
        demo = json.loads((settings.home / "demo.json").read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(demo, dict) or demo.get("gateway") != settings.base_url:
        return {}
    return {name: demo[name] for name in ("app", "ehr") if isinstance(demo.get(name), str)}
