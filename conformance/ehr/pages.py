"""The EHR's screens: sign-in, patient list, chart with the app in a frame.

Every form is guarded by the session cookie's SameSite=Lax and by Origin; no page can be framed.
"""

from __future__ import annotations

from flask import Blueprint, Response, abort, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from conformance.ehr.chart import us_date, visit_of
from conformance.ehr.context import current
from conformance.ehr.launching import SANDBOX, frame_url, open_app, place
from conformance.ehr.screen import (
    TABS,
    charted,
    draw,
    patient_facts,
    practitioner_facts,
    same_origin,
    sort_key,
)
from conformance.ehr.sessions import COOKIE, end, signed_in, start

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
def home() -> str:
    """Draw the sign-in, or the patient list of who is signed in."""
    ehr = current()
    content = ehr.book.content()
    session = signed_in(ehr)
    if session is None:
        people = sorted(content.practitioners.values(), key=sort_key)
        return draw("sign_in.html", practitioners=[practitioner_facts(p) for p in people])
    patients = sorted(content.patients.values(), key=sort_key)
    return draw("patients.html", patients=[patient_facts(ehr, p) for p in patients])


@blueprint.post("/sign-in")
def sign_in() -> BaseResponse:
    """Begin the session of the practitioner picked."""
    same_origin()
    ehr = current()
    picked = request.form.get("practitioner", "")
    if picked not in ehr.book.content().practitioners:
        abort(400, "There is no such practitioner.")
    response = redirect(url_for("pages.home"), 303)
    end(ehr)
    start(ehr, picked, response)
    return response


@blueprint.post("/sign-out")
def sign_out() -> BaseResponse:
    """End the session."""
    same_origin()
    end(current())
    response = redirect(url_for("pages.home"), 303)
    response.delete_cookie(COOKIE)
    return response


@blueprint.get("/chart/<patient_id>")
def chart(patient_id: str) -> BaseResponse | str:
    """Open a chart at its first tab. Going back to that tab is no opening: see `chart_tab`."""
    if signed_in(current()):
        current().state.greetings.take(place(patient_id))
    return chart_tab(patient_id, "summary")


@blueprint.get("/chart/<patient_id>/<tab>")
def chart_tab(patient_id: str, tab: str) -> BaseResponse | str:
    """Draw a chart at a tab; the PDMP tab holds the frame only after a click. Orders have their own view."""
    ehr = current()
    patient = charted(ehr, patient_id)
    if patient is None:
        return redirect(url_for("pages.home"), 303)
    if tab not in TABS and tab != "pdmp":
        abort(404, "There is no such page in the chart.")
    return draw(
        "chart.html",
        patient=patient_facts(ehr, patient),
        tabs=TABS,
        tab=tab,
        frame=frame_url(ehr, patient_id) if tab == "pdmp" else None,
        sandbox=SANDBOX,
        visit=visit_of(patient_id),
        today=us_date(ehr.today().isoformat()),
        asks_on_opening=tab == "summary" and ehr.book.content().cds is not None,
    )


@blueprint.post("/chart/<patient_id>/pdmp")
def open_pdmp(patient_id: str) -> BaseResponse:
    """Launch the app for this user and patient, then show the page with the frame."""
    same_origin()
    ehr = current()
    session = signed_in(ehr)
    if session is None or charted(ehr, patient_id) is None:
        return redirect(url_for("pages.home"), 303)
    return open_app(ehr, session, patient_id)


@blueprint.get("/favicon.ico")
def favicon() -> Response:
    """Answer an empty icon; the pages name their own."""
    return Response(status=204)
