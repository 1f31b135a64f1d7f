"""The practitioner at the screen: an opaque cookie on the EHR's host, no password."""

from __future__ import annotations

from flask import request
from werkzeug.wrappers import Response

from conformance.ehr.context import Ehr
from conformance.ehr.state import SESSION_LIFE, Session

COOKIE = "ehr_session"


def signed_in(ehr: Ehr) -> Session | None:
    """Return the session of this request's cookie, or None."""
    session = ehr.state.sessions.get(request.cookies.get(COOKIE, ""))
    if session is None or session.practitioner not in ehr.book.content().practitioners:
        return None
    return session


def start(ehr: Ehr, practitioner: str, response: Response) -> None:
    """Begin a session; `response` carries its cookie."""
    name = ehr.state.sessions.put(Session(practitioner, ehr.state.now() + SESSION_LIFE))
    response.set_cookie(
        COOKIE,
        name,
        httponly=True,
        # Lax is the guard of every form here: no other site can post with this cookie.
        samesite="Lax",
        secure=ehr.settings.base_url.startswith("https:"),
    )


def end(ehr: Ehr) -> None:
    """Forget the session of this request; the cookie that stays behind names nothing."""
    ehr.state.sessions.take(request.cookies.get(COOKIE, ""))
