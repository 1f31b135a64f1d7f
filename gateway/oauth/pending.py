"""A request between the app and the user's answer: kept in the database, named by a handle in URL and form.

Nothing of it lies in a cookie: a `state` of thousands of characters would not fit, and two tabs would share
it. The handle is 256 random bits of which only the SHA-256 is stored; it says which request, never who is
asking: that is the session's part, and a request that has become one session's is nobody else's.
"""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import flask

from gateway.auth.scopes import ScopeSet
from gateway.auth.sessions import Session
from gateway.core.errors import Category, GatewayError
from gateway.core.ids import opaque_token
from gateway.oauth.errors import NO_STORE, OAuthError
from gateway.oauth.server import AuthorizationServer
from gateway.store import consents
from gateway.store.consents import Pending

#: How long a user may take from the app to the answer.
SECONDS = 900

_MAX_HANDLE = 100
_log = logging.getLogger("gateway.oauth")


class PageProblem(GatewayError):
    """A problem that is told to the user on a page of ours, because there is no app to send it to."""

    category = Category.INVALID

    def __init__(self, title: str, public: str, *, status: int = 400, detail: str = "") -> None:
        super().__init__(public, detail=detail)
        self.title = title
        self.status = status


@dataclass(frozen=True, slots=True)
class Reply:
    """Where an answer to the app goes, and what every answer repeats."""

    redirect_uri: str
    state: str | None

    @classmethod
    def of(cls, pending: Pending) -> Reply:
        """Return where this request's answer goes."""
        return cls(pending.parameters["redirect_uri"], pending.parameters["state"])

    def url(self, issuer: str, **members: str) -> str:
        """Return the redirect URI with the answer in its query (RFC 6749 section 4.1.2, RFC 9207)."""
        answer = members | ({} if self.state is None else {"state": self.state}) | {"iss": issuer}
        # Spaces as %20: not every app reads `+` as one.
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in answer.items())
        return f"{self.redirect_uri}{'&' if urlsplit(self.redirect_uri).query else '?'}{query}"


def begin(
    server: AuthorizationServer,
    *,
    client_id: str,
    parameters: dict[str, Any],
    launch_hash: bytes | None,
) -> str:
    """Keep a request that was found good and return its handle. Raises Unavailable."""
    handle = opaque_token()
    now = server.services.clock.now()
    with server.services.database.connection() as connection:
        consents.add_pending(
            connection,
            pending_hash=consents.secret_hash(handle),
            client_id=client_id,
            parameters=parameters,
            launch_hash=launch_hash,
            created_at=now,
            expires_at=now + dt.timedelta(seconds=SECONDS),
        )
    return handle


def find(server: AuthorizationServer, handle: str | None) -> Pending:
    """Return the request of a handle. Raises PageProblem when it is not there, answered or too old."""
    found = None
    if handle and len(handle) <= _MAX_HANDLE:
        with server.services.database.connection() as connection:
            found = consents.find_pending(
                connection, consents.secret_hash(handle), server.services.clock.now()
            )
    if found is None:
        raise ended()
    return found


def bind(server: AuthorizationServer, pending: Pending, session: Session) -> None:
    """Make the request this session's. Raises PageProblem when it is another user's."""
    if pending.session_hash == session.session_hash:
        return
    with server.services.database.connection() as connection:
        bound = consents.bind_pending(
            connection,
            pending.pending_hash,
            session_hash=session.session_hash,
            account_id=session.account_id,
            now=server.services.clock.now(),
        )
    if not bound:
        raise PageProblem(
            "This request belongs to another user",
            "Another user began this request. Go back to the app and start again.",
            status=403,
            detail="pending request of another session",
        )


def ended() -> PageProblem:
    """Return the problem of a request that can't be gone on with."""
    return PageProblem(
        "This request has ended",
        "It was answered already, or it has waited too long. Go back to the app and start again.",
        detail="no such pending request",
    )


def scopes(pending: Pending) -> ScopeSet:
    """Return what may be granted: asked for, registered, and served here."""
    return ScopeSet.parse(pending.parameters["scope"])


def refuse(server: AuthorizationServer, pending: Pending, error: OAuthError) -> flask.Response:
    """Answer the request by an error that the app is told. Raises PageProblem when it was answered before."""
    with server.services.database.connection() as connection:
        answered = consents.answer_pending(
            connection, pending.pending_hash, session_hash=None, now=server.services.clock.now()
        )
    if not answered:
        raise ended()
    return redirect_error(server, Reply.of(pending), error, client_id=pending.client_id)


def redirect_error(
    server: AuthorizationServer, reply: Reply, error: OAuthError, *, client_id: str
) -> flask.Response:
    """Return the redirect that tells the app an error (RFC 6749 section 4.1.2.1)."""
    _log.info(
        "authorization_refused",
        extra={"client": client_id, "error": error.code, "detail": error.detail},
    )
    return redirect(reply.url(server.issuer, error=error.code, error_description=error.described))


def next_step(server: AuthorizationServer, handle: str) -> flask.Response:
    """Return the redirect to the request's next step."""
    return redirect(f"{server.issuer}/auth/continue?request={quote(handle, safe='')}")


def redirect(url: str) -> flask.Response:
    """Return a redirect that a browser follows by GET, and that nobody keeps."""
    return flask.Response(status=303, headers={"Location": url, **NO_STORE})
