"""POST {base}/auth/sign-out: the session is over, and what was granted for its time only."""

from __future__ import annotations

import flask
from flask import Request

from gateway.auth import sessions
from gateway.oauth import pages, sign_in, steps
from gateway.oauth.form import read_form
from gateway.oauth.server import AuthorizationServer


def answer(request: Request, server: AuthorizationServer) -> flask.Response:
    """Return the page that says so. Raises PageProblem for a form that is not ours, Unavailable."""
    fields = read_form(request)
    session = steps.current_session(request, server)
    if session is not None:
        sign_in.check_form(request, server, fields.get("request", ""), session, fields.get("csrf", ""))
        sessions.end(server.services.database, session)
    response = pages.signed_out_page()
    sessions.clear_cookie(response, server.services.settings)
    return response
