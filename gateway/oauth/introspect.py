"""POST {base}/auth/introspect (RFC 7662; SMART 2.2, "Token Introspection").

Who asks is a client, authenticated in its own way or by a bearer token of its own, and is told about the
tokens of that client; with the scope `__introspect` (registered, and in the bearer token if it comes with
one) about every client's. Everything else is `{"active": false}`: unknown, ended, revoked, another's.
An active one repeats what the token response said: scope, launch context, and who the user is where an
id_token told it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flask
import orjson
from flask import Request
from psycopg import Connection

from gateway.auth import bearer
from gateway.auth.scopes import ScopeSet
from gateway.core.errors import Unauthenticated
from gateway.oauth.client_authentication import authenticate_client
from gateway.oauth.context import token_members
from gateway.oauth.errors import NO_STORE, InvalidRequest, InvalidToken
from gateway.oauth.form import read_form
from gateway.oauth.server import AuthorizationServer
from gateway.store import standing
from gateway.store.database import Row
from gateway.store.standing import Standing
from gateway.web import guard

SCOPE = "__introspect"

#: Whose tokens the caller sees: one client's, or with None everybody's. Spends an assertion.
_Caller = Callable[[Connection[Row]], str | None]


def answer(request: Request, server: AuthorizationServer) -> flask.Response:
    """Return what there is to say about the token. Raises OAuthError, Unavailable."""
    form = read_form(request)
    caller = _caller(request, form, server)
    text = form.get("token")
    if text is None:
        raise InvalidRequest("token is missing.")
    peeked = bearer.peek(text, server.services.keys, issuer=server.issuer, audience=server.fhir_base)
    now = server.services.clock.now()
    with server.services.database.transaction() as connection:
        sees = caller(connection)
        found = (
            standing.access_token(connection, peeked.token_id, now)
            if peeked is not None
            else standing.refresh_token(connection, text, now)
        )
        if found is None or sees not in (None, found.client_id):
            described: dict[str, Any] = {"active": False}
        else:
            described = _described(found, server, all_of_it=sees is None)
    return flask.Response(orjson.dumps(described), content_type="application/json", headers=NO_STORE)


def _caller(request: Request, form: dict[str, str], server: AuthorizationServer) -> _Caller:
    """Return the caller's authority, to be asked inside the transaction. Raises OAuthError."""
    header = request.headers.get("Authorization", "")
    if header.partition(" ")[0].lower() != "bearer":
        client = authenticate_client(request, form, server)

        def by_itself(connection: Connection[Row]) -> str | None:
            client.spend(connection)
            registered = ScopeSet.parse(client.client.scope).texts
            return None if SCOPE in registered else client.client.client_id

        return by_itself
    if form.keys() & {"client_assertion", "client_assertion_type", "client_secret"}:
        raise InvalidRequest("A client authenticates in one way only.")
    services = server.services
    try:
        principal = bearer.authenticate(
            header,
            database=services.database,
            keys=services.keys,
            clock=services.clock,
            issuer=server.issuer,
            audience=server.fhir_base,
        )
    except Unauthenticated as error:
        raise InvalidToken(error.public, detail=error.detail) from None
    guard.client_is(principal.client_id)

    def by_token(connection: Connection[Row]) -> str | None:
        if standing.access_token(connection, principal.token_id, services.clock.now()) is None:
            raise InvalidToken("The access token is not valid.", detail="it stands no more")
        registered = server.find_client(principal.client_id)
        everything = registered is not None and SCOPE in ScopeSet.parse(registered.scope).texts
        return None if everything and SCOPE in principal.scopes else principal.client_id

    return by_token


def _described(token: Standing, server: AuthorizationServer, *, all_of_it: bool) -> dict[str, Any]:
    scopes = token.scope.split()
    described: dict[str, Any] = {
        "active": True,
        "scope": token.scope,
        "client_id": token.client_id,
        "token_type": "refresh_token" if token.refresh else "Bearer",
        "iss": server.issuer,
        "sub": str(token.account_id) if token.account_id else token.client_id,
        "iat": int(token.issued_at.timestamp()),
        "exp": int(token.expires_at.timestamp()),
    }
    if not token.refresh:
        described["aud"] = server.fhir_base
    if token.account_id is not None and token.consent_id is not None:
        if "openid" in scopes or all_of_it:
            described["username"] = token.username
        if "openid" in scopes and {"fhirUser", "profile"} & set(scopes):
            described["fhirUser"] = f"{server.fhir_base}/Practitioner/{token.account_id}"
        described |= token_members(
            server.issuer,
            person_id=token.person_id,
            encounter_id=token.encounter_id,
            context=token.context or {},
        )
    return described
