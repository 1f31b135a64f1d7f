"""The refresh grant (RFC 6749 section 6), with rotation: each token is good once and brings the next.

A token that comes a second time was stolen, from the app or by it: its consent ends, with everything issued
under it (RFC 9700 section 4.14.2). The scope may be narrowed for the new access token, by text; the next
refresh token has all of it again.

SMART 2.2 ("Refresh access token") names no `client_id` among the parameters, and SMART's own JavaScript app
sends none: a public client's refresh token says whose it is.
"""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

from flask import Request
from psycopg import Connection

from gateway.auth.scopes import ScopeSet
from gateway.oauth import issuance
from gateway.oauth.client_authentication import authenticate_client
from gateway.oauth.errors import InvalidGrant, InvalidRequest, InvalidScope, OAuthError
from gateway.oauth.server import AuthorizationServer
from gateway.store import consents
from gateway.store.database import Row

_CREDENTIALS = frozenset({"client_id", "client_secret", "client_assertion", "client_assertion_type"})

_log = logging.getLogger("gateway.oauth")


def grant(request: Request, form: dict[str, str], server: AuthorizationServer) -> dict[str, Any]:
    """Return the token response's members. Raises OAuthError, TooMany, Unavailable."""
    authenticated = authenticate_client(request, _named(request, form, server), server)
    client_id = authenticated.client.client_id
    server.count("refresh", request, client_id, proven=authenticated.proven, limit=issuance.A_MINUTE)
    text = form.get("refresh_token")
    if text is None:
        raise InvalidRequest("refresh_token is missing.")
    with server.services.database.transaction() as connection:
        authenticated.spend(connection)
        answer = _rotated(
            server,
            connection,
            consents.secret_hash(text),
            client_id,
            form.get("scope"),
            server.services.clock.now(),
        )
    # Outside of the transaction, so that a revocation holds.
    if isinstance(answer, OAuthError):
        raise answer
    server.purge_when_due()
    _log.info("token_refreshed", extra={"client": client_id})
    return answer


def _named(request: Request, form: dict[str, str], server: AuthorizationServer) -> dict[str, str]:
    """Return the form; with the client_id of its refresh token's client where nothing says who sends it.

    A confidential client is not authenticated by that: public ones alone are by their id.
    """
    if "Authorization" in request.headers or _CREDENTIALS & form.keys() or "refresh_token" not in form:
        return form
    with server.services.database.connection() as connection:
        found = consents.find_refresh_token(connection, consents.secret_hash(form["refresh_token"]))
    return form if found is None else {**form, "client_id": found.client_id}


def _rotated(
    server: AuthorizationServer,
    connection: Connection[Row],
    token_hash: bytes,
    client_id: str,
    asked: str | None,
    now: dt.datetime,
) -> dict[str, Any] | OAuthError:
    found = consents.find_refresh_token(connection, token_hash)
    if found is None:
        return _refused()
    # Locks the consent: of two that bring the same token, the second waits here.
    consent = consents.standing(connection, found.consent_id, client_id, now)
    if consent is not None and not found.used:
        scopes = _narrowed(asked, found.scope)
        if scopes is None:
            return InvalidScope("scope must be a part of what was granted, spelt as it was granted.")
        if consents.use_refresh_token(connection, token_hash, now):
            return issuance.issue(server, connection, consent, scopes, now=now)
        found = consents.find_refresh_token(connection, token_hash)
    if found is not None and found.used:
        consents.revoke(connection, found.consent_id, because="refresh token used twice")
        _log.warning("refresh_token_replayed", extra={"client": client_id, "consent": str(found.consent_id)})
    return _refused()


def _refused() -> InvalidGrant:
    return InvalidGrant(
        "The refresh token is not valid: unknown, used, ended, another client's, or its consent has ended."
    )


def _narrowed(asked: str | None, granted: str) -> ScopeSet | None:
    """Return what was asked for, spelt as it was granted; None when it is no part of it.

    SMART clients compare scopes as texts: `patient/Patient.r` is no part of `patient/Patient.rs` here.
    """
    if asked is None:
        return ScopeSet.parse(granted)
    wanted = list(dict.fromkeys(text for text in asked.split(" ") if text))
    if not wanted or not set(wanted) <= set(granted.split(" ")):
        return None
    return ScopeSet.of(wanted)
