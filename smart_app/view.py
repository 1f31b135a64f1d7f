"""The page: GET /view/<handle> after a launch, POST /view to ask again.

Each view reads the Patient and the practitioner from the EHR and asks the PDMP anew: what stands on the
page is what was answered at the time that it names, and each look is in the PDMP's audit.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

from flask import Blueprint, g, make_response, render_template, request
from werkzeug.wrappers import Response

from smart_app import facts, history, order, persons, timeline
from smart_app.errors import EhrFailed, LaunchRefused
from smart_app.launch import set_cookie
from smart_app.registrations import Registration
from smart_app.responses import framed_by
from smart_app.services import Services, current
from smart_app.session import Page

blueprint = Blueprint("view", __name__)


@blueprint.get("/view/<handle>")
def first(handle: str) -> Response:
    """Answer the page of a launch."""
    return _answer(handle)


@blueprint.post("/view")
def again() -> Response:
    """Answer the page anew, by the handle in the form."""
    # With no-referrer, Origin is `null` on our own forms: Sec-Fetch-Site tells, and the handle protects.
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise LaunchRefused("This form was not sent by its own page.", detail="Sec-Fetch-Site")
    return _answer(request.form.get("page", ""))


def _answer(handle: str) -> Response:
    services = current()
    following, page = services.sessions.page(handle, request.cookies)
    ehr = services.registrations.of(page.iss)
    framed_by(ehr)
    g.retry = following
    if page.token_ends <= time.time():
        raise EhrFailed("The EHR's permission for this page has ended. Open the PDMP again from the chart.")
    answer = make_response(render_template("page.html", **_shown(services, ehr, page), handle=following))
    if page.binding is not None:
        set_cookie(answer, page.cookie, request.cookies[page.cookie])
    return answer


def _shown(services: Services, ehr: Registration, page: Page) -> dict[str, Any]:
    patient = services.ehr.patient(ehr, page.access_token, page.patient)
    user = services.ehr.user(ehr, page.access_token, page.fhir_user, page.scope)
    opened = order.weigh(page.order, patient, user)
    answer = history.read(services.gateway.history(ehr, patient, opened.user))
    asked_at = dt.datetime.now(services.settings.zone)
    today = services.settings.today()
    chart = persons.person(patient)
    return {
        "chart": chart,
        "requester": persons.person(user.practitioner),
        "requester_npi": persons.npi(user.practitioner),
        "answer": answer,
        "matched": [(p, persons.compare(chart, p)) for p in answer.persons],
        "facts": facts.of(answer.rows, today),
        "at": {row.id: i for i, row in enumerate(answer.rows)},
        "picture": timeline.draw(answer.rows, today, answer.start, answer.end),
        "order": opened.fate,
        "asked_at": asked_at,
        "today": today,
        "jurisdiction": services.settings.jurisdiction_name,
    }
