"""An `Authorization` header → the caller (RFC 6750 section 2.1, RFC 9068 section 4).

Only the header counts: a token in a query string or a body is never looked at. A verified token is kept in
memory for at most a minute, by its hash, so that the hot path costs no signature check. Revocation is a fact
of the database: the door reads it in the same statement as its other facts; others ask for `check_revoked`.
A user's token has the account as its `sub`, and names the consent that it belongs to in the claim `consent`.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any
from uuid import UUID

import jwt

from gateway.auth import tokens as access_tokens
from gateway.auth.keys import ACCESS_TOKEN_ALGORITHM, SigningKeys
from gateway.auth.strict_json import parse_object
from gateway.core.access import Principal
from gateway.core.clock import Clock
from gateway.core.errors import Unauthenticated
from gateway.store import tokens
from gateway.store.database import Database

# Two headers reach us joined by a comma, which no token holds.
_HEADER = re.compile(r"Bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)", re.ASCII | re.IGNORECASE)
_MAX_CHARS = 8192
_TYPES = frozenset({access_tokens.TYPE, f"application/{access_tokens.TYPE}"})
_KEPT_SECONDS = 60


def authenticate(
    authorization_header: str | None,
    *,
    database: Database,
    keys: SigningKeys,
    clock: Clock,
    issuer: str,
    audience: str,
    check_revoked: bool = False,
) -> Principal:
    """Return who is calling. Raises Unauthenticated, and Unavailable when a key must be looked up in vain.

    Without `check_revoked` a revoked token passes here, and the caller must see to it.
    """
    if authorization_header is None:
        raise Unauthenticated("An access token is required.")
    match = _HEADER.fullmatch(authorization_header) if len(authorization_header) <= _MAX_CHARS else None
    if match is None:
        raise _refused("not exactly one bearer token")
    text = match[1]
    now = clock.now().timestamp()
    key = hashlib.sha256(f"{issuer}\0{audience}\0{text}".encode()).digest()
    kept = keys.verified.get(key)
    if kept is not None and kept[1] > now:
        principal = kept[0]
    else:
        principal = _verified(text, keys, issuer=issuer, audience=audience, now=now)
        keys.verified.put(key, (principal, min(principal.expires_at, now + _KEPT_SECONDS)))
    if check_revoked:
        with database.connection() as connection:
            if tokens.is_revoked(connection, principal.token_id):
                raise _refused("revoked or unknown token")
    return principal


def peek(text: str, keys: SigningKeys, *, issuer: str, audience: str) -> Principal | None:
    """Return whose token `text` is, though it may have expired, or None: for revocation."""
    if len(text) > _MAX_CHARS or not _HEADER.fullmatch(f"Bearer {text}"):
        return None
    try:
        return _verified(text, keys, issuer=issuer, audience=audience, now=0.0)
    except Unauthenticated:
        return None


def _refused(why: str) -> Unauthenticated:
    return Unauthenticated("The access token is not valid.", detail=why)


def _verified(text: str, keys: SigningKeys, *, issuer: str, audience: str, now: float) -> Principal:
    try:
        header = jwt.get_unverified_header(text)
    except jwt.PyJWTError:
        raise _refused("header is not readable") from None
    # RFC 9068 section 4: the type keeps id_tokens and the like out.
    if str(header.get("typ", "")).lower() not in _TYPES or header.get("alg") != ACCESS_TOKEN_ALGORITHM:
        raise _refused("type or algorithm")
    kid = header.get("kid")
    key = keys.public(kid, ACCESS_TOKEN_ALGORITHM) if isinstance(kid, str) else None
    if key is None:
        raise _refused("unknown key")
    try:
        payload = jwt.PyJWS().decode(text, key, algorithms=[ACCESS_TOKEN_ALGORITHM])
        claims = parse_object(payload)
    except (jwt.PyJWTError, ValueError):
        raise _refused("signature") from None
    return _principal(claims, issuer=issuer, audience=audience, now=now)


def _principal(claims: dict[str, Any], *, issuer: str, audience: str, now: float) -> Principal:
    if claims.get("iss") != issuer or claims.get("aud") != audience:
        raise _refused("issuer or audience")
    expires, client_id, scope, token_id = (claims.get(n) for n in ("exp", "client_id", "scope", "jti"))
    if not isinstance(expires, int) or expires <= now:
        raise _refused("expired")
    if not (isinstance(client_id, str) and isinstance(scope, str) and isinstance(token_id, str)):
        raise _refused("a claim is missing")
    account_id = consent_id = None
    if "consent" in claims:
        account_id, consent_id = _uuid(claims.get("sub")), _uuid(claims["consent"])
    return Principal(
        client_id=client_id,
        scopes=frozenset(scope.split()),
        token_id=token_id,
        expires_at=expires,
        account_id=account_id,
        consent_id=consent_id,
    )


def _uuid(claim: object) -> UUID:
    try:
        return UUID(str(claim))
    except ValueError:
        raise _refused("a claim is malformed") from None
