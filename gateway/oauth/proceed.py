"""GET {base}/auth/continue: the next step of a request, by what is known so far.

    nobody signed in, or not freshly enough   the sign-in page
    an EHR opened it for another user         a page that says so; no answer to the app
    patient needed and not chosen             the patient page
    all known                                 the consent page

With prompt=none no page is shown: the app gets what the user granted it before, or an error (OpenID Connect
Core, section 3.1.2.6).
"""

from __future__ import annotations

import flask
from flask import Request

from gateway.oauth import consent, patient, pending, sign_in, steps
from gateway.oauth.errors import ConsentRequired, InteractionRequired, LoginRequired
from gateway.oauth.server import AuthorizationServer


def answer(request: Request, server: AuthorizationServer, request_id: str) -> flask.Response:
    """Return the next page, or the redirect that ends the request.

    Raises PageProblem, Elsewhere, Unavailable.
    """
    handle = request.args.get("request", "")
    found = pending.find(server, handle)
    session = steps.current_session(request, server)
    silent = "none" in found.parameters["prompt"]
    if session is None or not steps.fresh_enough(found, session, server.services.clock.now()):
        if silent:
            return pending.refuse(server, found, LoginRequired("Nobody is signed in."))
        hint = found.parameters["login_hint"] or (session.username if session else "")
        return sign_in.page(server, found, handle, username=hint)
    step = steps.take(server, found, handle, session)
    if step.needs_patient:
        if silent:
            return pending.refuse(server, found, InteractionRequired("The user must choose a patient."))
        return patient.page(server, step)
    if silent:
        required = ConsentRequired("The user must consent.")
        return consent.again(server, step) or pending.refuse(server, found, required)
    return consent.page(server, step, request_id)
