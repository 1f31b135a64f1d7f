"""Errors of OAuth endpoints: the codes of RFC 6749 section 5.2 as values, rendered here and nowhere else.

An error has a code and a description for the caller, and a `detail` for the log. Other errors of the house
become the nearest code; what nobody expected is `server_error`, without a word more.
"""

from __future__ import annotations

import logging

import flask
import orjson
from flask import Blueprint
from werkzeug.exceptions import HTTPException

from gateway.core.errors import Category, GatewayError

_log = logging.getLogger("gateway.oauth")

# RFC 6749 section 5.1: of every answer that may hold a token; Inferno asks for both on errors too.
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}

_OF_CATEGORY = {
    Category.INVALID: (400, "invalid_request"),
    Category.UNSUPPORTED_MEDIA: (400, "invalid_request"),
    Category.TOO_LARGE: (413, "invalid_request"),
    Category.METHOD_NOT_ALLOWED: (405, "invalid_request"),
    Category.UNAUTHENTICATED: (400, "invalid_client"),
    Category.THROTTLED: (429, "temporarily_unavailable"),
    Category.UNAVAILABLE: (503, "temporarily_unavailable"),
}


_UNEXPECTED = (500, "server_error")


class OAuthError(GatewayError):
    """One answer of RFC 6749 section 5.2."""

    category = Category.INVALID
    code = "invalid_request"
    status = 400
    challenge: str | None = None

    @property
    def described(self) -> str:
        """Return `error_description`, in the characters that the RFC allows there."""
        return _plain(self.public)


class InvalidRequest(OAuthError):
    """A parameter is missing, repeated or malformed, or two ways of authentication were used."""


class InvalidClient(OAuthError):
    """Client authentication failed.

    400 for a bad assertion: no HTTP authentication scheme was tried. 401 with a challenge when one was
    (`scheme`), or nothing at all.
    """

    category = Category.UNAUTHENTICATED
    code = "invalid_client"

    def __init__(self, public: str, *, detail: str = "", scheme: str | None = None) -> None:
        super().__init__(public, detail=detail)
        if scheme is not None:
            self.status = 401
            self.challenge = f'{scheme} realm="pdmp"'


class UnauthorizedClient(OAuthError):
    """The client is not registered for this grant."""

    code = "unauthorized_client"


class UnsupportedGrantType(OAuthError):
    """No such grant here."""

    code = "unsupported_grant_type"


class InvalidScope(OAuthError):
    """The scope is missing or garbled, or nothing of it is registered for the client."""

    code = "invalid_scope"


class InvalidGrant(OAuthError):
    """A code or refresh token that is unknown, ended, used, another client's, or ended with its consent."""

    code = "invalid_grant"


class UnsupportedResponseType(OAuthError):
    """Only the code flow is served (RFC 6749 section 4.1.2.1)."""

    code = "unsupported_response_type"


class NotSupported(OAuthError):
    """A parameter that is not served: request, request_uri, registration (OpenID Connect, 3.1.2.6)."""

    def __init__(self, parameter: str) -> None:
        super().__init__(f"The parameter {parameter} is not supported.")
        self.code = f"{parameter}_not_supported"


class LoginRequired(OAuthError):
    """With prompt=none, nobody is signed in (OpenID Connect Core 1.0, section 3.1.2.6)."""

    code = "login_required"


class InteractionRequired(OAuthError):
    """With prompt=none, the user would have to choose something."""

    code = "interaction_required"


class ConsentRequired(OAuthError):
    """With prompt=none, the user has not consented to this before."""

    code = "consent_required"


class AccessDenied(OAuthError):
    """The caller is known and may not do this, whatever it asks."""

    category = Category.FORBIDDEN
    code = "access_denied"
    status = 403


class InvalidToken(OAuthError):
    """No bearer token, or none that is valid now (RFC 6750 section 3.1). `sent`: whether there was one."""

    category = Category.UNAUTHENTICATED
    code = "invalid_token"
    status = 401

    def __init__(self, public: str, *, detail: str = "", sent: bool = True) -> None:
        super().__init__(public, detail=detail)
        self.challenge = 'Bearer realm="pdmp", error="invalid_token"' if sent else 'Bearer realm="pdmp"'


class InsufficientScope(OAuthError):
    """The token lacks the scope that this address asks for (RFC 6750 section 3.1)."""

    category = Category.FORBIDDEN
    code = "insufficient_scope"
    status = 403

    def __init__(self, public: str, *, scope: str) -> None:
        super().__init__(public)
        self.challenge = f'Bearer realm="pdmp", error="insufficient_scope", scope="{scope}"'


class UnresolvedPatient(OAuthError):
    """The patient of a launch is nobody that is known here, or several may be meant. Codes of our own."""

    def __init__(self, public: str, *, code: str, detail: str = "") -> None:
        super().__init__(public, detail=detail)
        self.code = code


def status_of(error: GatewayError) -> int:
    """Return the HTTP status of an error."""
    return error.status if isinstance(error, OAuthError) else _OF_CATEGORY.get(error.category, _UNEXPECTED)[0]


def install(blueprint: Blueprint) -> None:
    """Render every error of the blueprint's views."""
    blueprint.register_error_handler(GatewayError, render)
    blueprint.register_error_handler(HTTPException, _http)
    blueprint.register_error_handler(Exception, _unexpected)


def render(error: GatewayError) -> flask.Response:
    """Return the answer: JSON that is never stored, the status of its code."""
    if isinstance(error, OAuthError):
        status, code, challenge = error.status, error.code, error.challenge
    else:
        status, code = _OF_CATEGORY.get(error.category, _UNEXPECTED)
        challenge = None
    described = "Internal error." if status == 500 else error.public
    body = {"error": code, "error_description": _plain(described)}
    response = flask.Response(orjson.dumps(body), status, content_type="application/json", headers=NO_STORE)
    if challenge:
        response.headers["WWW-Authenticate"] = challenge
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    level = logging.ERROR if status >= 500 else logging.INFO
    _log.log(level, "oauth_refused", extra={"error": code, "status": status, "detail": error.detail})
    return response


def _plain(text: str) -> str:
    # RFC 6749 section 5.2: %x20-21 / %x23-5B / %x5D-7E.
    return "".join(c if " " <= c <= "~" and c not in '"\\' else "'" for c in text)


def _http(error: HTTPException) -> flask.Response:
    status = error.code or 500
    if status < 400:
        return flask.make_response(error.get_response())
    response = render(OAuthError("The request is malformed.") if status < 500 else GatewayError(""))
    response.status_code = status
    return response


def _unexpected(error: Exception) -> flask.Response:
    _log.error("unexpected_error", exc_info=error)
    return render(GatewayError("Internal error."))
