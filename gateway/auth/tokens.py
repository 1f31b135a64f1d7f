"""Access tokens as RFC 9068 makes them: `at+jwt`, signed ES256; five minutes for backend clients, fifteen for
users.

The token itself is not kept; its `jti` is on record so that it can be revoked (`gateway.store.tokens`).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from gateway.auth.keys import ACCESS_TOKEN_ALGORITHM, SigningKeys
from gateway.auth.scopes import ScopeSet
from gateway.core.ids import opaque_token
from gateway.store.tokens import IssuedToken

TYPE = "at+jwt"
# SMART 2.2, Backend Services: "expires_in … SHOULD NOT exceed 300".
BACKEND_SECONDS = 300
USER_SECONDS = 900


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A signed token, and what is recorded of it."""

    text: str = field(repr=False)
    record: IssuedToken
    expires_in: int


def for_backend_client(
    keys: SigningKeys, *, issuer: str, audience: str, client_id: str, scopes: ScopeSet, now: dt.datetime
) -> AccessToken:
    """Return a token by which the client acts for itself. `audience` is the FHIR base URL."""
    # RFC 9068 section 2.2: without a resource owner, `sub` is the client.
    return _signed(keys, issuer, audience, client_id, {"sub": client_id}, scopes, BACKEND_SECONDS, now)


def for_user(
    keys: SigningKeys,
    *,
    issuer: str,
    audience: str,
    client_id: str,
    account_id: UUID,
    consent_id: UUID,
    scopes: ScopeSet,
    now: dt.datetime,
    seconds: int = USER_SECONDS,
) -> AccessToken:
    """Return a token by which the client acts for a user, under a consent of theirs; at most 15 minutes."""
    who = {"sub": str(account_id), "consent": str(consent_id)}
    return _signed(keys, issuer, audience, client_id, who, scopes, min(seconds, USER_SECONDS), now)


def _signed(
    keys: SigningKeys,
    issuer: str,
    audience: str,
    client_id: str,
    who: dict[str, Any],
    scopes: ScopeSet,
    seconds: int,
    now: dt.datetime,
) -> AccessToken:
    issued_at = now.replace(microsecond=0)
    expires_at = issued_at + dt.timedelta(seconds=seconds)
    token_id = opaque_token()
    claims = {
        "iss": issuer,
        "aud": audience,
        **who,
        "client_id": client_id,
        "scope": str(scopes),
        "jti": token_id,
        "iat": int(issued_at.timestamp()),
        "exp": int(expires_at.timestamp()),
    }
    return AccessToken(
        text=keys.sign(claims, algorithm=ACCESS_TOKEN_ALGORITHM, typ=TYPE),
        record=IssuedToken(token_id, client_id, str(scopes), issued_at, expires_at),
        expires_in=seconds,
    )
