"""Which client sent this request to an OAuth endpoint (RFC 6749 section 2.3), by the way it registered.

    none                 `client_id` in the body, nothing else: a public client, bound by PKCE
    client_secret_basic  HTTP Basic; ids and secrets as they are or percent-encoded (section 2.3.1), because
                         clients differ and none of ours holds a character that the two ways would tell apart
    private_key_jwt      a signed assertion (SMART 2.2, "Client Authentication: Asymmetric")

One request authenticates in one way, and a client only in its own. What is wrong is told to the log alone:
which ids exist is nobody's business. An assertion is verified here; whoever acts on it spends its `jti` in
the transaction of what it buys.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

from flask import Request
from psycopg import Connection

from gateway.auth import assertions
from gateway.auth.assertions import Assertion
from gateway.auth.registration import secret_hash
from gateway.core.errors import Unauthenticated
from gateway.oauth.errors import InvalidClient, InvalidRequest
from gateway.oauth.server import AuthorizationServer
from gateway.store import tokens
from gateway.store.clients import Client
from gateway.store.database import Row
from gateway.web import guard

#: As discovery names them; public clients (`none`) beside them.
METHODS = ("client_secret_basic", "private_key_jwt")

_HOW = "Clients authenticate with private_key_jwt or client_secret_basic; public ones send client_id."
_BASIC = re.compile(r"Basic +([A-Za-z0-9+/]{1,1000}={0,2})", re.ASCII | re.IGNORECASE)
_CLIENT_ID = re.compile(r"[A-Za-z0-9._~-]{1,100}", re.ASCII)
# What an unknown client's secret is compared with, so that it takes as long as a known one's.
_NOBODYS = secret_hash("")


@dataclass(frozen=True, slots=True)
class AuthenticatedClient:
    """An active client and how it showed who it is. `assertion`: with `private_key_jwt` only."""

    client: Client
    method: str
    assertion: Assertion | None = None

    @property
    def proven(self) -> bool:
        """Return whether it showed a secret or a key: a public client's id may be anybody's word."""
        return self.method != "none"

    def spend(self, connection: Connection[Row]) -> None:
        """Use up the assertion in the caller's transaction; nothing to do for other methods.

        Raises InvalidClient when it was used before.
        """
        if self.assertion is None:
            return
        fresh = tokens.spend_assertion(
            connection,
            self.client.client_id,
            jti_hash=self.assertion.jti_hash,
            expires_at=self.assertion.expires_at,
        )
        if not fresh:
            raise replayed()


def authenticate_client(
    request: Request, form: dict[str, str], server: AuthorizationServer
) -> AuthenticatedClient:
    """Return the client. Raises InvalidClient, InvalidRequest, Unavailable."""
    found = _authenticated(request, form, server)
    guard.client_is(found.client.client_id)
    return found


def _authenticated(
    request: Request, form: dict[str, str], server: AuthorizationServer
) -> AuthenticatedClient:
    header = request.headers.get("Authorization")
    by_assertion = "client_assertion" in form or "client_assertion_type" in form
    if header is not None:
        if by_assertion or "client_secret" in form:
            raise InvalidRequest("A client authenticates in one way only.")
        return _by_secret(header, form, server)
    if by_assertion:
        if "client_secret" in form:
            raise InvalidRequest("A client authenticates in one way only.")
        return _by_assertion(form, server)
    if "client_secret" in form:
        raise InvalidClient("client_secret is not taken from the body: use HTTP Basic.", scheme="Basic")
    if "client_id" in form:
        return _public(form["client_id"], server)
    raise InvalidClient(_HOW, scheme="Basic")


def replayed() -> InvalidClient:
    """Return the refusal of an assertion that was used before."""
    return InvalidClient("The client assertion is not valid.", detail="jti was used before")


def _public(client_id: str, server: AuthorizationServer) -> AuthenticatedClient:
    client = _active(server.find_client, client_id, "none")
    if client is None:
        # No HTTP authentication was tried: RFC 6749 section 5.2 asks for no 401.
        raise InvalidClient(f"No public client of this client_id may do this. {_HOW}", detail="not public")
    return AuthenticatedClient(client, "none")


def _by_secret(header: str, form: dict[str, str], server: AuthorizationServer) -> AuthenticatedClient:
    scheme = header.partition(" ")[0]
    if scheme.lower() != "basic":
        # The scheme goes back into a header.
        known = scheme if scheme.isalnum() and scheme.isascii() else "Basic"
        raise InvalidClient(_HOW, scheme=known, detail="another scheme")
    client_id, secret = _credentials(header)
    client = _active(server.find_client, client_id, "client_secret_basic")
    kept = client.secret_hash if client is not None else None
    same = hmac.compare_digest(secret_hash(secret), kept or _NOBODYS)
    if client is None or kept is None or not same:
        raise InvalidClient("The client id or its secret is wrong.", scheme="Basic", detail="id or secret")
    if form.get("client_id", client_id) != client_id:
        raise InvalidClient("client_id and Authorization name different clients.", scheme="Basic")
    return AuthenticatedClient(client, "client_secret_basic")


def _credentials(header: str) -> tuple[str, str]:
    match = _BASIC.fullmatch(header)
    try:
        clear = base64.b64decode(match[1], validate=True).decode("utf-8", "strict") if match else ""
    except (binascii.Error, UnicodeDecodeError):
        clear = ""
    client_id, colon, secret = clear.partition(":")
    if not colon:
        raise InvalidClient("The Authorization header is not HTTP Basic.", scheme="Basic")
    return unquote(client_id), unquote(secret)


def _by_assertion(form: dict[str, str], server: AuthorizationServer) -> AuthenticatedClient:
    if form.get("client_assertion_type") != assertions.TYPE:
        raise InvalidClient(f"client_assertion_type must be {assertions.TYPE}.")
    if "client_assertion" not in form:
        raise InvalidClient("client_assertion is missing.")
    try:
        verified = assertions.verify(
            form["client_assertion"],
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
    return AuthenticatedClient(verified.client, "private_key_jwt", verified)


def _active(find: Callable[[str], Client | None], client_id: str, method: str) -> Client | None:
    # What can't be an id isn't looked for: PostgreSQL takes no NUL.
    client = find(client_id) if _CLIENT_ID.fullmatch(client_id) else None
    return client if client is not None and client.active and client.auth_method == method else None
