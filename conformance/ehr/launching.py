"""Opening the app from a chart: the launch handle, and its way from the click to the frame.

The handle is minted by a click, never by drawing a page: the click posts, and is answered by a redirect to
the page that holds the frame, so a reload asks for a new click instead of launching again.
"""

from __future__ import annotations

from urllib.parse import urlencode

from flask import abort, redirect, request, url_for
from werkzeug.wrappers import Response

from conformance.ehr.context import Ehr
from conformance.ehr.faults import Fault
from conformance.ehr.sessions import COOKIE
from conformance.ehr.state import LAUNCH_LIFE, Click, Launch, Session

# What a real EHR grants an embedded app (athenahealth's list without pointer lock); no top navigation.
SANDBOX = (
    "allow-forms allow-modals allow-popups allow-popups-to-escape-sandbox allow-same-origin "
    "allow-scripts allow-downloads"
)


def open_app(ehr: Ehr, session: Session, patient_id: str, app_context: str | None = None) -> Response:
    """Mint a launch handle for this user and patient; answer a redirect to the page with the frame."""
    content = ehr.book.content()
    client = content.app_client
    if client is None:
        abort(500, "No client of the EHR's file has a redirect URI where app_launch_url lies.")
    now = ehr.state.now()
    expires = now - 1 if Fault.EXPIRED_LAUNCH in content.faults else now + LAUNCH_LIFE
    launch = Launch(client.client_id, session.practitioner, patient_id, expires, app_context)
    ehr.state.clicks.put_as(place(patient_id), Click(ehr.state.launches.put(launch), now + LAUNCH_LIFE))
    return redirect(url_for("pages.chart_tab", patient_id=patient_id, tab="pdmp"), 303)


def frame_url(ehr: Ehr, patient_id: str) -> str | None:
    """Return the address that the frame opens, once after each click; None without one."""
    click = ehr.state.clicks.take(place(patient_id))
    if click is None:
        return None
    launch_url = ehr.book.content().app_launch_url
    joint = "&" if "?" in launch_url else "?"
    return launch_url + joint + urlencode({"iss": ehr.settings.fhir_base, "launch": click.launch})


def place(patient_id: str) -> str:
    """Return the name under which this session's things of that chart are kept."""
    return f"{request.cookies[COOKIE]} {patient_id}"
