"""GET /callback: the EHR sends the browser back with a code. SMART 2.2; RFC 6749 4.1.2; RFC 9207.

Order matters: the state is taken out of the cache before anything else, so that no answer is looked at
twice; the issuer is checked before the code goes anywhere. No patient data is read here; /view does.
"""

from __future__ import annotations

import secrets
import time

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response

from smart_app import order
from smart_app.errors import LaunchRefused
from smart_app.launch import set_cookie
from smart_app.responses import framed_by
from smart_app.services import current
from smart_app.session import PAGE_SECONDS, Page, bound

blueprint = Blueprint("callback", __name__)

#: RFC 6749 4.1.2.1. The EHR's own text is not repeated: anybody could have written it into the address.
_ERRORS = {
    "access_denied": "The EHR did not permit the PDMP page for this user.",
    "invalid_scope": "The EHR does not permit what the app's registration asks for.",
    "unauthorized_client": "The EHR does not permit this app.",
    "server_error": "The EHR could not complete the launch. Open the PDMP again from the chart.",
    "temporarily_unavailable": "The EHR can't complete the launch just now. Try again in a minute.",
}


@blueprint.get("/callback")
def callback() -> Response:
    """Answer the redirect to the page of this launch."""
    services = current()
    if any(len(request.args.getlist(name)) > 1 for name in request.args):
        raise LaunchRefused("The EHR's answer is not usable.", detail="a parameter is sent twice")
    begun = services.sessions.finish(request.args.get("state", ""))
    ehr = services.registrations.of(begun.iss)
    framed_by(ehr)
    keeps_cookie = bound(begun, request.cookies)
    services.ehr.check_issuer(ehr, request.args.get("iss"))
    if error := request.args.get("error"):
        raise LaunchRefused(
            _ERRORS.get(error, "The EHR refused the launch. Open the PDMP again from the chart."),
            detail=f"authorization: {error if error in _ERRORS else 'another error code'}",
        )
    code = request.args.get("code")
    if not code:
        raise LaunchRefused("The EHR's answer is not usable.", detail="no code")
    context = services.ehr.exchange(ehr, begun, code)
    handle = services.sessions.open(
        Page(
            iss=ehr.iss,
            patient=context.patient,
            fhir_user=context.fhir_user,
            access_token=context.access_token,
            scope=context.scope,
            cookie=begun.cookie,
            binding=begun.binding if keeps_cookie else None,
            token_ends=context.token_ends,
            ends=time.time() + PAGE_SECONDS,
            order=order.keep(context.app_context, context.patient),
        )
    )
    answer = redirect(f"{services.settings.base_url}/view/{handle}", 303)
    if not keeps_cookie:
        # A browser that sends this one back keeps cookies, so it is not the one that began the launch.
        set_cookie(answer, begun.cookie, secrets.token_urlsafe(32))
    return answer
