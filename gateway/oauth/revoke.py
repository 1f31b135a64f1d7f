"""POST {base}/auth/revoke (RFC 7009): a client gives back its own token.

An access token ends by itself; with a refresh token the whole consent ends, and every token that came of it
(section 2.1). 200 for a token that is unknown, ended or someone else's, so that nothing can be learnt by
asking. It holds from the next request on: the door reads both facts in its own statement.
"""

from __future__ import annotations

import logging

import flask
from flask import Request

from gateway.auth import bearer
from gateway.oauth.client_authentication import authenticate_client
from gateway.oauth.errors import NO_STORE, InvalidRequest
from gateway.oauth.form import read_form
from gateway.oauth.server import AuthorizationServer
from gateway.store import standing, tokens

_log = logging.getLogger("gateway.oauth")


def answer(request: Request, server: AuthorizationServer) -> flask.Response:
    """Return 200 with an empty body. Raises OAuthError, Unavailable."""
    form = read_form(request)
    caller = authenticate_client(request, form, server)
    text = form.get("token")
    if text is None:
        raise InvalidRequest("token is missing.")
    client_id = caller.client.client_id
    # token_type_hint may be ignored (RFC 7009 section 2.1): the two kinds can't be mistaken for each other.
    token = bearer.peek(text, server.services.keys, issuer=server.issuer, audience=server.fhir_base)
    with server.services.database.transaction() as connection:
        caller.spend(connection)
        if token is not None:
            tokens.revoke(connection, token.token_id, client_id)
            ended = False
        else:
            ended = standing.give_back_refresh_token(connection, text, client_id)
    _log.info("token_given_back", extra={"client": client_id, "consent": ended})
    return flask.Response(status=200, headers=NO_STORE)
