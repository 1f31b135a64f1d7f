"""GET /launch: the EHR opens the app. SMART App Launch 2.2, EHR launch.

`iss` must be a registered EHR, character by character: nothing is fetched from an address that a link
could name. The answer sends the browser, in a frame or not, straight to the EHR's authorization page.
"""

from __future__ import annotations

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response

from smart_app.errors import LaunchRefused
from smart_app.responses import framed_by
from smart_app.services import current
from smart_app.session import IDLE_SECONDS

blueprint = Blueprint("launch", __name__)


@blueprint.get("/launch")
def launch() -> Response:
    """Answer the redirect to the EHR's authorization endpoint, with the launch's own cookie."""
    services = current()
    if any(len(request.args.getlist(name)) != 1 for name in ("iss", "launch")):
        raise LaunchRefused("This address is opened from a patient's chart in the EHR.")
    ehr = services.registrations.of(request.args["iss"])
    framed_by(ehr)
    handle = request.args["launch"]
    if not 0 < len(handle) <= 4000:
        raise LaunchRefused("The EHR's launch is not usable.", detail="launch too long or empty")
    state, begun, value = services.sessions.begin(ehr.iss)
    answer = redirect(services.ehr.authorize_url(ehr, begun, state, handle), 302)
    set_cookie(answer, begun.cookie, value)
    return answer


def set_cookie(answer: Response, name: str, value: str) -> None:
    """Set a launch's cookie: the one kind that a frame of another site keeps (CHIPS), on loopback too."""
    answer.set_cookie(
        name,
        value,
        max_age=IDLE_SECONDS,
        path="/",
        secure=True,
        httponly=True,
        samesite="None",
        partitioned=True,
    )
