"""POST {base}/auth/token: the table of grants (RFC 6749 section 3.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flask
import orjson
from flask import Request

from gateway.oauth import authorization_code, client_credentials, refresh_token
from gateway.oauth.errors import NO_STORE, InvalidRequest, UnsupportedGrantType
from gateway.oauth.form import read_form
from gateway.oauth.server import AuthorizationServer

Grant = Callable[[Request, dict[str, str], AuthorizationServer], dict[str, Any]]

GRANTS: dict[str, Grant] = {
    "authorization_code": authorization_code.grant,
    "refresh_token": refresh_token.grant,
    "client_credentials": client_credentials.grant,
}


def answer(request: Request, server: AuthorizationServer) -> flask.Response:
    """Return the token response. Raises OAuthError, TooMany, Unavailable."""
    form = read_form(request)
    grant_type = form.get("grant_type")
    if grant_type is None:
        raise InvalidRequest("grant_type is missing.")
    if grant_type not in GRANTS:
        raise UnsupportedGrantType("This grant_type is not supported.")
    issued = GRANTS[grant_type](request, form, server)
    return flask.Response(orjson.dumps(issued), content_type="application/json", headers=NO_STORE)
