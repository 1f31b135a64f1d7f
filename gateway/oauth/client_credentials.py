"""The client credentials grant of Backend Services (SMART 2.2; RFC 6749 section 4.4).

What is granted is what was asked and is registered: asking for more is narrowed, and refused when nothing
is left. No refresh token. Replay is settled in the database: the assertion's `jti` and the token are
written by one statement.
"""

from __future__ import annotations

import logging
from typing import Any

from flask import Request

from gateway.auth import tokens as access_tokens
from gateway.auth.scopes import OWN, ScopeSet, supported
from gateway.core.errors import BadRequest
from gateway.oauth.client_authentication import authenticate_client, replayed
from gateway.oauth.errors import InvalidScope, UnauthorizedClient
from gateway.oauth.server import AuthorizationServer
from gateway.store import tokens
from gateway.store.clients import Client

_log = logging.getLogger("gateway.oauth")

# A client needs one token in five minutes; the rest is for many processes that share none.
_TOKENS_A_MINUTE = 300


def grant(request: Request, form: dict[str, str], server: AuthorizationServer) -> dict[str, Any]:
    """Return the token response's members. Raises OAuthError, TooMany, Unavailable."""
    authenticated = authenticate_client(request, form, server)
    client, assertion = authenticated.client, authenticated.assertion
    server.throttle.count(f"token:{client.client_id}", limit=_TOKENS_A_MINUTE, seconds=60)
    # SMART 2.2, Backend Services: by a signed assertion, never by a secret.
    if assertion is None or "client_credentials" not in client.metadata.get("grant_types", ()):
        raise UnauthorizedClient("The client is not registered for client_credentials.")
    granted = _granted(form.get("scope", ""), client)
    token = access_tokens.for_backend_client(
        server.services.keys,
        issuer=server.issuer,
        audience=server.fhir_base,
        client_id=client.client_id,
        scopes=granted,
        now=server.services.clock.now(),
    )
    with server.services.database.connection() as connection:
        issued = tokens.issue(
            connection,
            token.record,
            jti_hash=assertion.jti_hash,
            assertion_expires_at=assertion.expires_at,
        )
    if not issued:
        raise replayed()
    server.purge_when_due()
    _log.info("token_issued", extra={"client": client.client_id})
    return {
        "access_token": token.text,
        "token_type": "Bearer",
        "expires_in": token.expires_in,
        "scope": str(granted),
    }


def _granted(asked: str, client: Client) -> ScopeSet:
    try:
        scopes = ScopeSet.parse(asked)
    except BadRequest as error:
        raise InvalidScope(error.public) from None
    if not scopes:
        # SMART 2.2, Backend Services: `scope` is required.
        raise InvalidScope("scope is missing.")
    of_backends = ScopeSet(tuple(s for s in scopes if s.context == "system" or s.text in OWN))
    both = of_backends & ScopeSet.parse(client.scope)
    granted = ScopeSet(tuple(scope for scope in both if supported(scope)))
    if not granted:
        raise InvalidScope("Nothing of the scope is registered for this client.")
    return granted
