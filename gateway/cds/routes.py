"""The table of the CDS Hooks addresses, relative to {base}, with their CORS answers.

Discovery is public and open to every origin: it tells nothing. The services answer browsers of origins that
an EHR registered (`allowed_origins`, or its issuer's own); a preflight carries no token (Fetch, CORS).
"""

from __future__ import annotations

import flask
import orjson
from flask import Blueprint, request

from gateway.cds import errors
from gateway.cds.desk import Desk
from gateway.core.errors import GatewayError
from gateway.fhir import wire
from gateway.services import Services
from gateway.web import guard

_PUBLIC = {"Cache-Control": "public, max-age=300"}


def blueprint(services: Services) -> Blueprint:
    """Return the blueprint over these services. Raises Misconfigured."""
    desk = Desk(services)
    routes = Blueprint("cds", __name__)
    errors.install(routes)

    @routes.record_once
    def authenticate(state: flask.blueprints.BlueprintSetupState) -> None:
        base = services.settings.base_url
        guard.authenticate_cds_clients(
            state.app.extensions, lambda header, path: desk.callers.authenticate(header, base + path)
        )

    @routes.get("/cds-services")
    @guard.public(anywhere=True)
    def discovery() -> flask.Response:
        return _json(desk.discovered(), _PUBLIC)

    @routes.post("/cds-services/<service_id>")
    @guard.cds_client
    def call(service_id: str) -> flask.Response:
        service = desk.service(service_id)
        return _json(desk.answer(service, _body(), guard.cds_caller()))

    @routes.post("/cds-services/<service_id>/feedback")
    @guard.cds_client
    def feedback(service_id: str) -> flask.Response:
        service = desk.service(service_id)
        desk.keep_feedback(service, _body(), guard.cds_caller())
        return _json({})

    @routes.after_request
    def allow_origin(response: flask.Response) -> flask.Response:
        origin = request.headers.get("Origin")
        access = guard.access_of(flask.current_app.view_functions.get(request.endpoint or ""))
        if not origin or access is None or access.anywhere:
            return response
        response.headers.add("Vary", "Origin")
        if _known(desk, origin):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
            if request.method == "OPTIONS":
                response.headers["Access-Control-Allow-Methods"] = "POST, OPTIONS"
                response.headers["Access-Control-Allow-Headers"] = "Accept, Authorization, Content-Type"
                response.headers["Access-Control-Max-Age"] = "600"
        return response

    return routes


def _known(desk: Desk, origin: str) -> bool:
    try:
        return desk.callers.is_known_origin(origin)
    except GatewayError:
        return False


def _body() -> dict[str, object]:
    wire.check_json_body(request.content_type)
    return wire.read_object(guard.body())


def _json(value: object, headers: dict[str, str] | None = None) -> flask.Response:
    return flask.Response(orjson.dumps(value), content_type="application/json", headers=headers)
