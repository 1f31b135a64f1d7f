"""The sign-in page and POST {base}/auth/sign-in: a username, a password, and perhaps a one-time code.

A sign-in belongs to a request of an app. Whoever signs in gets a session of a new name; one that this
browser had before is over. What went wrong is told in one sentence, whatever it was.
"""

from __future__ import annotations

import logging
from uuid import UUID

import flask
from flask import Request

from gateway.auth import known_browser, sessions, sign_in
from gateway.auth.sessions import Session
from gateway.auth.sign_in import Refused
from gateway.oauth import pages, pending, source, steps
from gateway.oauth.form import read_form
from gateway.oauth.pages import SignIn
from gateway.oauth.pending import PageProblem
from gateway.oauth.server import AuthorizationServer
from gateway.store.consents import Pending

_DID_NOT_FIT = "Username, password or code did not fit. Check them and try again."
_log = logging.getLogger("gateway.oauth")


def page(
    server: AuthorizationServer,
    found: Pending,
    handle: str,
    *,
    username: str = "",
    problem: str | None = None,
    wait_seconds: int = 0,
    status: int = 200,
) -> flask.Response:
    """Return the sign-in page of a request. Raises PageProblem when its client is gone."""
    client = server.find_client(found.client_id)
    if client is None:
        raise pending.ended()
    settings = server.services.settings.sign_in
    return pages.sign_in_page(
        SignIn(
            request=handle,
            csrf=sessions.csrf_token(server.services.vault, handle, None),
            client_name=steps.client_name(client),
            username_hint=username,
            problem=problem,
            needs_totp=settings.second_factor != "off",
            required_totp=settings.second_factor == "required",
            upstream=settings.upstream is not None,
            local=settings.local,
            wait_seconds=wait_seconds,
            form_action_origins=steps.origins(client, found.parameters["redirect_uri"]),
        ),
        status,
    )


def answer(request: Request, server: AuthorizationServer) -> flask.Response:
    """Return the redirect to the next step with a cookie, or the page again.

    Raises PageProblem, InvalidRequest, Unavailable.
    """
    services = server.services
    settings = services.settings.sign_in
    fields = read_form(request)
    handle = fields.get("request", "")
    found = pending.find(server, handle)
    check_form(request, server, handle, None, fields.get("csrf", ""))
    if not settings.local:
        raise PageProblem(
            "Not signed in", "Users of this program sign in with their state account.", status=403
        )
    username = fields.get("username", "")
    tried = sign_in.check(
        services.database,
        services.clock,
        services.vault,
        username=username,
        password=fields.get("password", ""),
        code=fields.get("totp", ""),
        address=source.address(request, settings.trusted_proxies),
        second_factor=settings.second_factor,
        browser=known_browser.read(request.cookies, services.settings, services.vault, services.clock.now()),
    )
    if isinstance(tried, Refused):
        _log.info("sign_in_refused", extra={"wait": tried.wait_seconds})
        wait = tried.wait_seconds
        told = f"{_DID_NOT_FIT} The next try counts in {wait} seconds." if wait else _DID_NOT_FIT
        return page(
            server,
            found,
            handle,
            username=username[:100],
            problem=told,
            wait_seconds=wait,
            status=429 if wait else 400,
        )
    response = signed_in(request, server, tried.account_id, tried.methods, pending.next_step(server, handle))
    known_browser.remember(
        response, services.settings, services.vault, tried.account_id, services.clock.now()
    )
    return response


def signed_in(
    request: Request,
    server: AuthorizationServer,
    account_id: UUID,
    methods: tuple[str, ...],
    response: flask.Response,
) -> flask.Response:
    """Return `response` with the cookie of a new session; the browser's old one is over."""
    services = server.services
    before = steps.current_session(request, server)
    if before is not None:
        sessions.end(services.database, before)
    value, session = sessions.start(services.database, services.clock, services.settings, account_id, methods)
    sessions.set_cookie(response, services.settings, value)
    _log.info("signed_in", extra={"account": str(session.account_id), "methods": " ".join(methods)})
    return response


def check_form(
    request: Request, server: AuthorizationServer, handle: str, session: Session | None, token: str
) -> None:
    """Return when a form is one that we gave. Raises PageProblem."""
    services = server.services
    if not (
        sessions.same_origin(request, services.settings)
        and sessions.check_csrf(services.vault, handle, session, token)
    ):
        raise PageProblem(
            "This form was not ours",
            "It did not come from a page that we showed you just now. Go back to the app and start again.",
            status=403,
            detail="csrf or origin",
        )
