"""Which client sent this request to an OAuth endpoint (RFC 6749 section 2.3).

Today by a signed assertion only (`private_key_jwt`). The assertion is verified here; whoever acts on it
spends its `jti` in the transaction of what it does.
"""

from __future__ import annotations

from flask import Request

from gateway.auth import assertions
from gateway.auth.assertions import Assertion
from gateway.core.errors import Unauthenticated
from gateway.oauth.errors import InvalidClient, InvalidRequest
from gateway.oauth.server import AuthorizationServer

METHODS = ("private_key_jwt",)


def authenticate_client(request: Request, form: dict[str, str], server: AuthorizationServer) -> Assertion:
    """Return the verified assertion. Raises InvalidClient or InvalidRequest."""
    assertion = form.get("client_assertion")
    scheme = request.headers.get("Authorization", "").partition(" ")[0]
    if scheme:
        if assertion is not None:
            raise InvalidRequest("A client authenticates in one way only.")
        raise InvalidClient(
            "Clients authenticate with private_key_jwt here.",
            # The scheme goes back into a header.
            scheme=scheme if scheme.isalnum() and scheme.isascii() else "Basic",
        )
    if assertion is None or "client_secret" in form:
        raise InvalidClient("Clients authenticate with private_key_jwt here.", scheme="Bearer")
    if form.get("client_assertion_type") != assertions.TYPE:
        raise InvalidClient(f"client_assertion_type must be {assertions.TYPE}.")
    try:
        verified = assertions.verify(
            assertion,
            find_client=server.find_client,
            remote=server.key_sets,
            audiences=(server.token_endpoint, server.issuer),
            now=server.services.clock.now(),
        )
    except Unauthenticated as error:
        raise InvalidClient(error.public, detail=error.detail) from error
    # RFC 7521 section 4.2: a client_id beside the assertion must name the same client.
    if form.get("client_id", verified.client.client_id) != verified.client.client_id:
        raise InvalidClient("client_id and client_assertion name different clients.")
    return verified
