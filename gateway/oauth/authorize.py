"""GET and POST {base}/auth/authorize: is this request one that a user may be asked about?

RFC 6749 section 4.1.1, RFC 7636 (S256, for every client), RFC 9207, SMART 2.2 ("Obtain authorization code"),
OpenID Connect Core section 3.1.2. Who the request is from is settled first: while client and redirect URI
are not known to belong together, a problem is a page of ours and no redirect. Every later one goes to the
app. What is good is kept (`gateway.oauth.pending`), and the browser goes on to `/auth/continue`: by GET, so
that a session's cookie comes along however the app sent its user here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import flask
from flask import Request

from gateway.auth.scopes import SPECIAL, ScopeSet, supported
from gateway.core.errors import BadRequest
from gateway.oauth import pending
from gateway.oauth.errors import (
    InvalidRequest,
    InvalidScope,
    NotSupported,
    OAuthError,
    UnauthorizedClient,
    UnsupportedResponseType,
)
from gateway.oauth.form import Asked, read_query_or_form
from gateway.oauth.pending import PageProblem, Reply
from gateway.oauth.server import AuthorizationServer
from gateway.store import launches
from gateway.store.clients import Client

#: What users grant: reading, of the types that are here. Letters beyond that are left out of every grant.
_GRANTABLE = ScopeSet.parse(" ".join(("patient/*.rs", "user/*.rs", *sorted(SPECIAL))))
_NOT_SERVED = ("request", "request_uri", "registration")
_PROMPTS = frozenset({"none", "login", "consent", "select_account"})
_LONGEST_STATE = 8000
_LONGEST_NONCE = 500
# The scope is told in the access token, which must stay below 8 kB.
_LONGEST_SCOPE = 4000
_LONGEST_HANDLE = 100
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_CLIENT_ID = re.compile(r"[A-Za-z0-9._~-]{1,100}", re.ASCII)
# RFC 8252 section 7.3: the IP literal, not the name `localhost`.
_LOOPBACK = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]))(?::\d{1,5})?((?:[/?].*)?)", re.ASCII | re.DOTALL)
_PER_MINUTE = 3000


@dataclass(frozen=True, slots=True)
class _Accepted:
    parameters: dict[str, Any]
    launch_hash: bytes | None


def answer(request: Request, server: AuthorizationServer) -> flask.Response:
    """Return the redirect to the next step, or one that tells the app an error. Raises PageProblem."""
    asked = read_query_or_form(request)
    client, redirect_uri = _addressee(asked, server)
    server.count("authorize", request, client.client_id, proven=False, limit=_PER_MINUTE)
    state = asked.get("state")
    usable = state is not None and "state" not in asked.repeated and _is_text(state, _LONGEST_STATE)
    try:
        accepted = _accept(asked, client, redirect_uri, server)
    except OAuthError as error:
        reply = Reply(redirect_uri, state if usable else None)
        return pending.redirect_error(server, reply, error, client_id=client.client_id)
    handle = pending.begin(
        server,
        client_id=client.client_id,
        parameters=accepted.parameters,
        launch_hash=accepted.launch_hash,
    )
    server.purge_when_due()
    return pending.next_step(server, handle)


def registered(uri: str, registered_uris: list[str]) -> bool:
    """Return whether a redirect URI is registered: the same string, but for the port of a loopback IP.

    RFC 6749 section 3.1.2.3, RFC 8252 section 7.3.
    """
    if uri in registered_uris:
        return True
    asked = _LOOPBACK.fullmatch(uri)
    if asked is None:
        return False
    known = (_LOOPBACK.fullmatch(one) for one in registered_uris)
    return any(one is not None and one.groups() == asked.groups() for one in known)


def _addressee(asked: Asked, server: AuthorizationServer) -> tuple[Client, str]:
    """Return the client and where its answer goes. Raises PageProblem, which says no more than needed."""
    client_id, redirect_uri = asked.get("client_id"), asked.get("redirect_uri")
    if client_id is None or redirect_uri is None or {"client_id", "redirect_uri"} & asked.repeated:
        raise _not_from_an_app("client_id and redirect_uri are needed, each once.")
    client = server.find_client(client_id) if _CLIENT_ID.fullmatch(client_id) else None
    uris = client.metadata.get("redirect_uris", []) if client is not None and client.active else []
    if client is None or not registered(redirect_uri, uris):
        # One text for both: which ids exist is nobody's business.
        raise _not_from_an_app(
            "client_id is not known here, or redirect_uri is not one that it registered, letter by letter."
        )
    return client, redirect_uri


def _not_from_an_app(what: str) -> PageProblem:
    return PageProblem(
        "This app is not known here",
        f"The app that sent you here made a mistake: {what} Tell the people who look after it.",
        detail="client or redirect URI",
    )


def _accept(asked: Asked, client: Client, redirect_uri: str, server: AuthorizationServer) -> _Accepted:
    if asked.repeated:
        raise InvalidRequest("A parameter is repeated.")
    for name in _NOT_SERVED:
        if name in asked:
            raise NotSupported(name)
    _check_response(asked, client)
    state = _text(asked, "state", _LONGEST_STATE)
    if state is None:
        raise InvalidRequest("state is missing.")
    _check_audience(asked, server)
    launch = asked.get("launch")
    scopes, scope_text = _scopes(asked, client)
    if ("launch" in scope_text.split()) != (launch is not None):
        raise InvalidRequest("launch goes with the scope launch, and the scope launch with it.")
    if launch is not None and "launch" not in scopes.texts:
        raise InvalidScope("The client is not registered for the scope launch.")
    parameters: dict[str, Any] = {
        "redirect_uri": redirect_uri,
        "scope": str(scopes),
        "state": state,
        "code_challenge": _challenge(asked),
        "nonce": _text(asked, "nonce", _LONGEST_NONCE),
        "prompt": _prompts(asked),
        "max_age": _max_age(asked),
        "login_hint": _text(asked, "login_hint", _LONGEST_HANDLE),
    }
    return _Accepted(parameters, None if launch is None else _launch(launch, client, server))


def _check_response(asked: Asked, client: Client) -> None:
    response_type = asked.get("response_type")
    if response_type is None:
        raise InvalidRequest("response_type is missing.")
    if response_type != "code":
        raise UnsupportedResponseType("response_type must be code.")
    if asked.get("response_mode") not in (None, "query"):
        raise InvalidRequest("response_mode must be query, or left out.")
    if "authorization_code" not in client.metadata.get("grant_types", ()):
        raise UnauthorizedClient("The client is not registered for authorization_code.")


def _check_audience(asked: Asked, server: AuthorizationServer) -> None:
    """SMART 2.2: `aud` keeps a counterfeit server from passing our tokens on; `resource` says the same."""
    named = [asked[name] for name in ("aud", "resource") if name in asked]
    if not named:
        raise InvalidRequest(f"aud is missing: {server.fhir_base}")
    if any(one not in (server.fhir_base, f"{server.fhir_base}/") for one in named):
        raise InvalidRequest(f"aud (or resource) must be {server.fhir_base}")


def _challenge(asked: Asked) -> str:
    # Section 4.3 of RFC 7636 makes a left-out method `plain`, which SMART forbids.
    if asked.get("code_challenge_method") != "S256":
        raise InvalidRequest("code_challenge_method must be S256.")
    challenge = asked.get("code_challenge")
    if challenge is None or not _CHALLENGE.fullmatch(challenge):
        raise InvalidRequest(
            "code_challenge must be the SHA-256 of the verifier in base64url: 43 characters."
        )
    return challenge


def _scopes(asked: Asked, client: Client) -> tuple[ScopeSet, str]:
    """Return what may be granted, and all that was asked for. Raises InvalidRequest, InvalidScope."""
    text = asked.get("scope")
    if text is None:
        raise InvalidRequest("scope is missing.")
    if len(text) > _LONGEST_SCOPE:
        raise InvalidScope(f"scope may hold {_LONGEST_SCOPE} characters.")
    try:
        wanted = ScopeSet.parse(text)
    except BadRequest as error:
        raise InvalidScope(error.public) from None
    both = wanted & ScopeSet.parse(client.scope) & _GRANTABLE
    granted = ScopeSet(tuple(scope for scope in both if supported(scope)))
    if not any(scope.letters or scope.text in ("openid", "fhirUser") for scope in granted):
        raise InvalidScope("Nothing of the scope is registered for this client and served here.")
    return granted, text


def _launch(handle: str, client: Client, server: AuthorizationServer) -> bytes:
    found = None
    launch_hash = launches.handle_hash(handle)
    if len(handle) <= _LONGEST_HANDLE:
        with server.services.database.connection() as connection:
            found = launches.find(connection, launch_hash, client.client_id, server.services.clock.now())
    if found is None:
        raise InvalidRequest("launch is not known, was used, has ended, or is another client's.")
    return launch_hash


def _prompts(asked: Asked) -> list[str]:
    prompts = (asked.get("prompt") or "").split(" ")
    named = [prompt for prompt in dict.fromkeys(prompts) if prompt]
    if set(named) - _PROMPTS:
        raise InvalidRequest("prompt must be none, login, consent or select_account.")
    if "none" in named and len(named) > 1:
        raise InvalidRequest("prompt=none goes with no other prompt.")
    return named


def _max_age(asked: Asked) -> int | None:
    text = asked.get("max_age")
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise InvalidRequest("max_age must be a number of seconds.")
    return int(text)


def _text(asked: Asked, name: str, longest: int) -> str | None:
    value = asked.get(name)
    if value is not None and not _is_text(value, longest):
        raise InvalidRequest(f"{name} may hold {longest} characters, and no NUL.")
    return value


def _is_text(value: str, longest: int) -> bool:
    # PostgreSQL's jsonb takes neither NUL nor half a surrogate pair; UTF-8 has none of the latter.
    return len(value) <= longest and "\0" not in value
