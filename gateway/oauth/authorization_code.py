"""The authorization code grant (RFC 6749 section 4.1.3, RFC 7636 section 4.6).

A code is good for a minute, once, for its client, redirect URI and PKCE verifier; one UPDATE asks for all of
it, so that a wrong attempt uses nothing up and of parallel ones one wins. A second use ends the consent with
everything issued (section 4.1.2).
"""

from __future__ import annotations

import base64
import hashlib
import logging
import re
from typing import Any

from flask import Request

from gateway.auth.scopes import ScopeSet
from gateway.oauth import issuance
from gateway.oauth.client_authentication import authenticate_client
from gateway.oauth.errors import InvalidGrant, InvalidRequest, UnauthorizedClient
from gateway.oauth.server import AuthorizationServer
from gateway.store import consents

#: SMART 2.2 asks for about a minute.
SECONDS = 60

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)
_log = logging.getLogger("gateway.oauth")


def grant(request: Request, form: dict[str, str], server: AuthorizationServer) -> dict[str, Any]:
    """Return the token response's members. Raises OAuthError, TooMany, Unavailable."""
    authenticated = authenticate_client(request, form, server)
    client = authenticated.client
    server.count("code", request, client.client_id, proven=authenticated.proven, limit=issuance.A_MINUTE)
    if "authorization_code" not in client.metadata.get("grant_types", ()):
        raise UnauthorizedClient("The client is not registered for authorization_code.")
    code, redirect_uri = form.get("code"), form.get("redirect_uri")
    if code is None or redirect_uri is None:
        raise InvalidRequest("code and redirect_uri are needed.")
    challenge = s256(form.get("code_verifier", ""))
    if challenge is None or "\0" in redirect_uri:
        raise InvalidGrant("code_verifier is missing or malformed (RFC 7636 section 4.1).")
    code_hash = consents.secret_hash(code)
    now = server.services.clock.now()
    response = None
    with server.services.database.transaction() as connection:
        authenticated.spend(connection)
        redeemed = consents.redeem_code(
            connection,
            code_hash,
            client_id=client.client_id,
            redirect_uri=redirect_uri,
            code_challenge=challenge,
            now=now,
        )
        if redeemed is None:
            replayed = consents.used_code(connection, code_hash)
            if replayed is not None:
                consents.revoke(connection, replayed, because="code used twice")
                _log.warning("code_replayed", extra={"client": client.client_id, "consent": str(replayed)})
        else:
            consent_id, nonce = redeemed
            consent = consents.standing(connection, consent_id, client.client_id, now)
            if consent is not None:
                scopes = ScopeSet.parse(consent.scope)
                response = issuance.issue(server, connection, consent, scopes, now=now, nonce=nonce)
    # Outside of the transaction, so that a revocation holds.
    if response is None:
        raise InvalidGrant(
            "The code is not valid: unknown, used, older than a minute, or bound to another client, "
            "redirect_uri or code_verifier."
        )
    server.purge_when_due()
    _log.info("token_issued", extra={"client": client.client_id, "consent": str(consent_id)})
    return response


def s256(verifier: str) -> str | None:
    """Return the code challenge of a verifier, or None when it is not one (RFC 7636 sections 4.1, 4.2)."""
    if not _VERIFIER.fullmatch(verifier):
        return None
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
