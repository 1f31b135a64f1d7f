"""What every answer carries, and how an error becomes a page.

Pages may appear only in the frames of the EHR that they belong to (`frame-ancestors`). Where an error
comes before the EHR is known, its page shows nothing of anybody and may appear in any registered EHR's
frame, so that the clinician can read it. X-Frame-Options is not sent: it can't name origins.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

from flask import Response, g, render_template, request
from werkzeug.exceptions import HTTPException

from smart_app.errors import AppError, GatewayFailed
from smart_app.registrations import Registration
from smart_app.services import current

log = logging.getLogger(__name__)

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors "
)


def framed_by(ehr: Registration) -> None:
    """Let this answer appear in the frames of `ehr`, and in no other's."""
    g.ancestors = ehr.frame_ancestors


def start_clock() -> None:
    """Remember when the request began."""
    g.began = time.monotonic()


def finish(response: Response) -> Response:
    """Return `response` with the headers that every answer has; log it by its route, never by its URL."""
    headers = response.headers
    headers["Referrer-Policy"] = "no-referrer"
    headers["X-Content-Type-Options"] = "nosniff"
    if current().settings.base_url.startswith("https:"):
        headers["Strict-Transport-Security"] = "max-age=31536000"
    if response.mimetype == "text/html":
        headers["Content-Security-Policy"] = _POLICY + _sources(g.get("ancestors", ()))
    if request.endpoint != "static":
        headers.setdefault("Cache-Control", "no-store")
        log.info(
            "request",
            extra={
                "route": request.url_rule.rule if request.url_rule else None,
                "method": request.method,
                "status": response.status_code,
                "ms": round(1000 * (time.monotonic() - g.get("began", time.monotonic()))),
            },
        )
    return response


def error_page(error: AppError) -> tuple[str, int]:
    """Return the page of an expected failure."""
    log.warning("refused", extra={"kind": error.kind, "detail": error.detail or error.public})
    if "ancestors" not in g:
        g.ancestors = _any_ehr()
    unknown = isinstance(error, GatewayFailed)
    page = render_template("error.html", error=error, unknown_record=unknown, retry=g.get("retry"))
    return page, error.status


def http_error(error: HTTPException) -> tuple[str, int]:
    """Return the page of an address that is not there, a method that is not served and the like."""
    status = error.code or 500
    known = AppError("There is nothing at this address. Open the PDMP from the chart.")
    known.status, known.title = status, error.name
    g.ancestors = _any_ehr()
    return render_template("error.html", error=known), status


def crash(error: Exception) -> tuple[str, int]:
    """Return the page of a fault of ours. The log gets its kind and place; its text may quote data."""
    trace, place = error.__traceback__, None
    while trace is not None:
        place, trace = f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}", trace.tb_next
    log.error("crash", extra={"kind": type(error).__name__, "place": place})
    if "ancestors" not in g:
        g.ancestors = _any_ehr()
    known = AppError(
        "This is a fault of the app, not of the chart. Try again; tell your help desk if it stays."
    )
    return render_template("error.html", error=known), 500


def _any_ehr() -> tuple[str, ...]:
    return current().registrations.all_frame_ancestors()


def _sources(origins: Iterable[str]) -> str:
    return " ".join(origins) or "'none'"
