"""The table of the authorization server's addresses. Paths are relative to {base}."""

from __future__ import annotations

from collections.abc import Callable

import flask
from flask import Blueprint, request

from gateway.oauth import (
    authorize,
    consent,
    discovery,
    errors,
    introspect,
    launch,
    pages,
    patient,
    proceed,
    revoke,
    sign_in,
    sign_out,
    style,
    token,
    upstream,
)
from gateway.oauth.server import AuthorizationServer
from gateway.oauth.shown import as_page
from gateway.services import Services
from gateway.web import guard

View = Callable[[], flask.Response]

_NOT_POST = ["GET", "HEAD", "PUT", "PATCH", "DELETE"]


def blueprint(services: Services) -> Blueprint:
    """Return the blueprint over these services. Raises Misconfigured."""
    server = AuthorizationServer(services)
    routes = Blueprint("oauth", __name__)
    errors.install(routes)

    for rule, methods, view in _pages(server):
        name = rule.strip("/").replace("/", " ").replace(".", " ")
        routes.add_url_rule(rule, name, guard.public()(as_page(view)), methods=methods)

    @routes.get(pages.STYLE_PATH)
    @guard.public()
    def pages_style(digest: str) -> flask.Response:
        return pages.style(digest)

    @routes.post("/auth/token")
    @guard.client_authenticated
    def token_endpoint() -> flask.Response:
        return token.answer(request, server)

    @routes.post("/auth/revoke")
    @guard.client_authenticated
    def revocation_endpoint() -> flask.Response:
        return revoke.answer(request, server)

    @routes.post("/auth/launch")
    @guard.client_authenticated
    def launch_endpoint() -> flask.Response:
        return launch.answer(request, server, flask.g.request_id)

    @routes.post("/auth/introspect")
    @guard.client_authenticated
    def introspection_endpoint() -> flask.Response:
        return introspect.answer(request, server)

    @routes.route("/auth/introspect", methods=_NOT_POST)
    @routes.route("/auth/launch", methods=_NOT_POST)
    @routes.route("/auth/token", methods=_NOT_POST)
    @routes.route("/auth/revoke", methods=_NOT_POST)
    @guard.public(registered=True)
    def only_post() -> flask.Response:
        # Answered here, so that a client with its credentials in the URL gets an OAuth error.
        response = errors.render(errors.InvalidRequest("Only POST is served here."))
        response.status_code = 405
        response.headers["Allow"] = "POST"
        return response

    @routes.get(style.PATH)
    @guard.public(anywhere=True)
    def style_document() -> flask.Response:
        return style.answer()

    @routes.get("/.well-known/smart-configuration")
    @routes.get("/fhir/.well-known/smart-configuration")
    @guard.public(anywhere=True)
    def smart_configuration() -> flask.Response:
        return discovery.smart_configuration(server)

    @routes.get("/.well-known/openid-configuration")
    @routes.get("/fhir/.well-known/openid-configuration")
    @guard.public(anywhere=True)
    def openid_configuration() -> flask.Response:
        return discovery.openid_configuration(server)

    @routes.get("/.well-known/jwks.json")
    @guard.public(anywhere=True)
    def jwks() -> flask.Response:
        return discovery.jwks(server)

    return routes


def _pages(server: AuthorizationServer) -> list[tuple[str, list[str], View]]:
    """Return the addresses that a person's browser visits: rule, methods, view."""

    def request_id() -> str:
        return str(flask.g.request_id)

    return [
        ("/auth/authorize", ["GET", "POST"], lambda: authorize.answer(request, server)),
        ("/auth/continue", ["GET"], lambda: proceed.answer(request, server, request_id())),
        ("/auth/sign-in", ["POST"], lambda: sign_in.answer(request, server)),
        ("/auth/sign-out", ["POST"], lambda: sign_out.answer(request, server)),
        ("/auth/patient", ["POST"], lambda: patient.answer(request, server, request_id())),
        ("/auth/consent", ["POST"], lambda: consent.answer(request, server)),
        ("/auth/upstream", ["GET"], lambda: upstream.begin(request, server)),
        ("/auth/upstream/callback", ["GET"], lambda: upstream.finish(request, server)),
    ]
