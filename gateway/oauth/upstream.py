"""Sign-in through an upstream OpenID Provider, as a state's own sign-on (OpenID Connect Core, section 3.1).

    GET {base}/auth/upstream?request=…       → the provider, with state, nonce and PKCE
    GET {base}/auth/upstream/callback        ← its answer: code → id_token → claim → an account of ours

The provider says who it is; whether that person has an account here is the program's decision: none is ever
made. What the two steps share travels in `state`, encrypted, and is bound to the browser by a cookie of its
own, so that nobody can finish a sign-in that another began.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any

import flask
import orjson
from authlib.common.errors import AuthlibBaseError
from flask import Request
from requests import RequestException

from gateway.core.errors import Unavailable
from gateway.core.ids import opaque_token
from gateway.core.settings import Settings
from gateway.oauth import pending
from gateway.oauth.pending import PageProblem
from gateway.oauth.provider import Provider, methods
from gateway.oauth.server import AuthorizationServer
from gateway.oauth.sign_in import signed_in
from gateway.store import sessions as store

_CONTEXT = b"upstream"
_SECONDS = 600
_log = logging.getLogger("gateway.oauth")


@dataclass(frozen=True, slots=True)
class _Begun:
    """What the two steps share."""

    handle: str
    nonce: str
    verifier: str


def begin(request: Request, server: AuthorizationServer) -> flask.Response:
    """Return the redirect to the provider. Raises PageProblem, Unavailable."""
    provider = _provider(server)
    handle = request.args.get("request", "")
    found = pending.find(server, handle)
    begun = _Begun(handle, opaque_token(), opaque_token())
    browser = opaque_token()
    settings = server.services.settings
    with provider.client(_redirect_uri(settings)) as client:
        url, _ = client.create_authorization_url(
            provider.endpoint("authorization_endpoint"),
            state=_seal(server, begun, browser),
            nonce=begun.nonce,
            code_verifier=begun.verifier,
            # Who must sign in anew here must do so there.
            **({"prompt": "login"} if _anew(found.parameters) else {}),
        )
    response = pending.redirect(url)
    secure = settings.base_url.startswith("https:")
    response.set_cookie(
        _cookie(settings), browser, max_age=_SECONDS, path="/", httponly=True, samesite="Lax", secure=secure
    )
    return response


def finish(request: Request, server: AuthorizationServer) -> flask.Response:
    """Return the redirect to the request's next step, signed in. Raises PageProblem, Unavailable."""
    provider = _provider(server)
    begun = _unseal(request, server)
    # RFC 9207 section 2.4: an answer that says it is another issuer's is nobody's.
    if request.args.get("iss", provider.upstream.issuer) != provider.upstream.issuer:
        raise _not_signed_in("upstream iss")
    if "error" in request.args or "code" not in request.args:
        raise _not_signed_in("upstream said no")
    try:
        with provider.client(_redirect_uri(server.services.settings)) as client:
            answer = client.fetch_token(
                provider.endpoint("token_endpoint"),
                code=request.args["code"],
                code_verifier=begun.verifier,
                grant_type="authorization_code",
                timeout=10,
                allow_redirects=False,
            )
        claims = provider.claims(str(answer.get("id_token", "")), begun.nonce)
    except (AuthlibBaseError, ValueError) as error:
        raise _not_signed_in(
            f"upstream: {error}" if isinstance(error, ValueError) else "upstream code"
        ) from None
    except RequestException as error:
        raise Unavailable("The sign-in of the state does not answer.", detail=type(error).__name__) from None
    value = claims.get(provider.upstream.claim)
    account_id = None
    if isinstance(value, str) and value and value.isprintable():
        with server.services.database.connection() as connection:
            account_id = store.account_by(connection, provider.upstream.account_member, value)
    if account_id is None:
        _log.info("upstream_without_account", extra={"claim": provider.upstream.claim})
        raise PageProblem(
            "No account here",
            "You are signed in with your state account, but this program has no active account for it. "
            "Ask the program to set one up.",
            status=403,
        )
    onward = pending.next_step(server, begun.handle)
    response = signed_in(request, server, account_id, methods(claims), onward)
    response.delete_cookie(_cookie(server.services.settings), path="/")
    return response


def _provider(server: AuthorizationServer) -> Provider:
    if server.provider is None:
        raise PageProblem("Not here", "Users sign in with a username of this program.", status=404)
    return server.provider


def _anew(parameters: dict[str, Any]) -> bool:
    return bool({"login", "select_account"} & set(parameters["prompt"])) or parameters["max_age"] is not None


def _seal(server: AuthorizationServer, begun: _Begun, browser: str) -> str:
    clear = orjson.dumps(
        [begun.handle, begun.nonce, begun.verifier, int(server.services.clock.now().timestamp())]
    )
    context = _CONTEXT + hashlib.sha256(browser.encode()).digest()
    return urlsafe_b64encode(server.services.vault.seal_link(clear, context)).rstrip(b"=").decode()


def _unseal(request: Request, server: AuthorizationServer) -> _Begun:
    state = request.args.get("state", "")
    browser = request.cookies.get(_cookie(server.services.settings), secrets.token_hex())
    context = _CONTEXT + hashlib.sha256(browser.encode()).digest()
    try:
        sealed = urlsafe_b64decode(state.encode("ascii") + b"=" * (-len(state) % 4))
    except ValueError:
        sealed = b""
    clear = server.services.vault.open_link(sealed, context) if len(state) <= 2000 else None
    if clear is None:
        raise _not_signed_in("upstream state or cookie")
    handle, nonce, verifier, begun_at = orjson.loads(clear)
    if server.services.clock.now().timestamp() - begun_at > _SECONDS:
        raise _not_signed_in("upstream state too old")
    return _Begun(handle, nonce, verifier)


def _not_signed_in(why: str) -> PageProblem:
    return PageProblem(
        "Not signed in",
        "Signing in with your state account did not work. Go back to the app and start again.",
        status=400,
        detail=why,
    )


def _redirect_uri(settings: Settings) -> str:
    return f"{settings.issuer}/auth/upstream/callback"


def _cookie(settings: Settings) -> str:
    return "__Host-pdmp_up" if settings.base_url.startswith("https:") else "pdmp_up"
