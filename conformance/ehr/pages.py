"""The EHR's screens: sign-in, patient list, chart with the app in a frame.

Every form is guarded by the session cookie's SameSite=Lax and by Origin; no page can be framed. The launch
handle is minted by the click on "PDMP", never by drawing a page: the click posts, and is answered by a
redirect to the page that holds the frame, so a reload asks for a new click instead of launching again.
"""

from __future__ import annotations

import unicodedata
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from conformance.ehr.book import Content, Resource, display_name, identifier, listed_name
from conformance.ehr.chart import age, us_date, visit_of
from conformance.ehr.context import Ehr, current
from conformance.ehr.faults import Fault
from conformance.ehr.sessions import COOKIE, end, signed_in, start
from conformance.ehr.state import LAUNCH_LIFE, Click, Launch

blueprint = Blueprint("pages", __name__)

NPI = "http://hl7.org/fhir/sid/us-npi"
DEA = "http://terminology.hl7.org/NamingSystem/usdeanumber"

#: Tabs drawn from the file: path segment -> label. PDMP stands beside them as a button.
TABS = {"summary": "Summary", "visit": "Visit", "orders": "Orders"}

# What a real EHR grants an embedded app (athenahealth's list without pointer lock); no top navigation.
SANDBOX = (
    "allow-forms allow-modals allow-popups allow-popups-to-escape-sandbox allow-same-origin "
    "allow-scripts allow-downloads"
)


@blueprint.get("/")
def home() -> str:
    """Draw the sign-in, or the patient list of who is signed in."""
    ehr = current()
    content = ehr.book.content()
    session = signed_in(ehr)
    if session is None:
        people = sorted(content.practitioners.values(), key=_sort_key)
        return _draw("sign_in.html", practitioners=[_practitioner(p) for p in people])
    patients = sorted(content.patients.values(), key=_sort_key)
    return _draw("patients.html", patients=[_patient(ehr, p) for p in patients])


@blueprint.post("/sign-in")
def sign_in() -> BaseResponse:
    """Begin the session of the practitioner picked."""
    _same_origin()
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
    _same_origin()
    end(current())
    response = redirect(url_for("pages.home"), 303)
    response.delete_cookie(COOKIE)
    return response


@blueprint.get("/chart/<patient_id>")
def chart(patient_id: str) -> BaseResponse | str:
    """Draw a chart at its first tab."""
    return chart_tab(patient_id, "summary")


@blueprint.get("/chart/<patient_id>/<tab>")
def chart_tab(patient_id: str, tab: str) -> BaseResponse | str:
    """Draw a chart at a tab; the PDMP tab holds the frame only after a click."""
    ehr = current()
    content, patient = ehr.book.content(), _charted(ehr, patient_id)
    if patient is None:
        return redirect(url_for("pages.home"), 303)
    if tab not in TABS and tab != "pdmp":
        abort(404, "There is no such page in the chart.")
    frame = None
    if tab == "pdmp":
        click = ehr.state.clicks.take(f"{request.cookies[COOKIE]} {patient_id}")
        frame = _launch_url(ehr, content, click.launch) if click else None
    return _draw(
        "chart.html",
        patient=_patient(ehr, patient),
        tabs=TABS,
        tab=tab,
        frame=frame,
        sandbox=SANDBOX,
        visit=visit_of(patient_id),
        today=us_date(ehr.today().isoformat()),
    )


@blueprint.post("/chart/<patient_id>/pdmp")
def open_pdmp(patient_id: str) -> BaseResponse:
    """Mint a launch handle for this user and patient, then show the page with the frame."""
    _same_origin()
    ehr = current()
    content, session = ehr.book.content(), signed_in(ehr)
    if session is None or _charted(ehr, patient_id) is None:
        return redirect(url_for("pages.home"), 303)
    client = content.app_client
    if client is None:
        abort(500, "No client of the EHR's file has a redirect URI where app_launch_url lies.")
    now = ehr.state.now()
    expires = now - 1 if Fault.EXPIRED_LAUNCH in content.faults else now + LAUNCH_LIFE
    launch = ehr.state.launches.put(Launch(client.client_id, session.practitioner, patient_id, expires))
    click = f"{request.cookies[COOKIE]} {patient_id}"
    ehr.state.clicks.take(click)
    ehr.state.clicks.put_new(click, Click(launch, now + LAUNCH_LIFE))
    return redirect(url_for("pages.chart_tab", patient_id=patient_id, tab="pdmp"), 303)


def _launch_url(ehr: Ehr, content: Content, launch: str) -> str:
    joint = "&" if "?" in content.app_launch_url else "?"
    return content.app_launch_url + joint + urlencode({"iss": ehr.settings.fhir_base, "launch": launch})


def _charted(ehr: Ehr, patient_id: str) -> Resource | None:
    """Return the patient when somebody is signed in, None when nobody is. Aborts 404 for an unknown one."""
    if signed_in(ehr) is None:
        return None
    patient = ehr.book.content().patients.get(patient_id)
    if patient is None:
        abort(404, "There is no such chart.")
    return patient


def _same_origin() -> None:
    # Browsers send Origin with every POST; a script without one has no cookie to abuse.
    if request.headers.get("Origin", current().settings.base_url) != current().settings.base_url:
        abort(403, "This form was sent from another site.")


def _draw(template: str, **facts: Any) -> str:
    ehr = current()
    content = ehr.book.content()
    session = signed_in(ehr)
    user = content.practitioners[session.practitioner] if session else None
    return render_template(
        template,
        hospital=content.organization.get("name") or "Hospital",
        user=_practitioner(user) if user else None,
        faults=sorted(content.faults),
        **facts,
    )


def _sort_key(resource: Resource) -> tuple[str, str]:
    # Á sorts with A.
    plain = unicodedata.normalize("NFKD", listed_name(resource))
    letters = "".join(c for c in plain if not unicodedata.combining(c)).casefold()
    return letters, str(resource.get("birthDate") or "")


def _practitioner(resource: Resource) -> dict[str, Any]:
    qualifications = [
        (entry.get("code") or {}).get("text") for entry in resource.get("qualification") or [] if entry
    ]
    return {
        "id": resource["id"],
        "name": display_name(resource),
        "initials": _initials(resource),
        "title": ", ".join(q for q in qualifications if q),
        "npi": identifier(resource, system=NPI),
        "dea": identifier(resource, system=DEA),
    }


def _patient(ehr: Ehr, resource: Resource) -> dict[str, Any]:
    born = str(resource.get("birthDate") or "")
    contacts = resource.get("telecom") or []
    return {
        "id": resource["id"],
        "name": listed_name(resource),
        "initials": _initials(resource),
        "birthdate": born,
        "born": us_date(born),
        "age": age(born, ehr.today()),
        "sex": str(resource.get("gender") or "unknown").capitalize(),
        "mrn": identifier(resource, code="MR") or "—",
        "address": [_address(entry) for entry in resource.get("address") or []],
        "phone": next((c.get("value") for c in contacts if c.get("system") == "phone"), None),
    }


def _address(entry: dict[str, Any]) -> list[str]:
    town = " ".join(part for part in (entry.get("state"), entry.get("postalCode")) if part)
    last = ", ".join(part for part in (entry.get("city"), town) if part)
    return [line for line in [*entry.get("line", []), last] if line]


def _initials(resource: Resource) -> str:
    family, _, given = listed_name(resource).partition(", ")
    return f"{given[:1]}{family[:1]}".upper()


@blueprint.get("/favicon.ico")
def favicon() -> Response:
    """Answer an empty icon; the pages name their own."""
    return Response(status=204)
