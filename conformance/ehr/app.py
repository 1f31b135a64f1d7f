"""The double as a Flask app: everything mounted, the headers of every answer, errors."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from flask import Flask, Response, render_template, request
from werkzeug.exceptions import HTTPException, SecurityError

from conformance.ehr import authorize, discovery, fhir, orders, pages, token
from conformance.ehr.context import Ehr, install

#: The largest request body; forms and assertions are far smaller.
_MAX_BODY = 64 * 1024


def create_app(ehr: Ehr) -> Flask:
    """Return the WSGI app of one double."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = _MAX_BODY
    # A page of another site that rebinds its name to loopback must not sign in here.
    host = urlsplit(ehr.settings.base_url).hostname or "localhost"
    app.config["TRUSTED_HOSTS"] = [host, "localhost", "127.0.0.1"]
    install(ehr, app.extensions)
    for part in (discovery, authorize, token, fhir, orders, pages):
        app.register_blueprint(part.blueprint)
    app.add_url_rule("/healthz", "healthz", _healthz)
    app.register_error_handler(HTTPException, _http_error)
    app.after_request(lambda answer: _headers(ehr, answer))
    return app


def _healthz() -> tuple[dict[str, str], int]:
    return {"status": "ok"}, 200


def _http_error(error: HTTPException) -> Response:
    if isinstance(error, SecurityError):
        # A host name that is not ours: before routing, so that no page can be drawn.
        return Response("Unknown host name.\n", 400, mimetype="text/plain")
    status = error.code or 500
    if request.path.startswith("/fhir"):
        code = {404: "not-found", 405: "not-supported"}.get(status, "invalid")
        issue = {"severity": "error", "code": code, "diagnostics": error.description}
        body = json.dumps({"resourceType": "OperationOutcome", "issue": [issue]})
        return Response(body, status, mimetype="application/fhir+json")
    page = render_template("error.html", title=error.name, message=error.description)
    return Response(page, status)


def _headers(ehr: Ehr, answer: Response) -> Response:
    answer.headers["X-Content-Type-Options"] = "nosniff"
    # Not `no-referrer`: under that policy browsers send `Origin: null` with our own forms (Fetch Standard,
    # "append a request Origin header"). Nothing crosses to another site under either.
    answer.headers["Referrer-Policy"] = "same-origin"
    if answer.mimetype == "text/html":
        answer.headers["Content-Security-Policy"] = _policy(ehr)
        answer.headers["Cache-Control"] = "no-store"
    return answer


def _policy(ehr: Ehr) -> str:
    app_origin = ehr.book.content().app_origin
    # The frame begins at the app, comes back to /auth/authorize here, and returns to the app. An error page
    # of the authorization endpoint is then drawn inside our own chart, hence frame-ancestors 'self'.
    ancestors = "'self'" if request.path == "/auth/authorize" else "'none'"
    return (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; "
        "connect-src 'self'; "
        f"base-uri 'none'; frame-src 'self' {app_origin}; frame-ancestors {ancestors}"
    )
