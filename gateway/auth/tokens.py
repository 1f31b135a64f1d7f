"""Access tokens as RFC 9068 makes them: `at+jwt`, signed ES256, five minutes for backend clients.

The token itself is not kept; its `jti` is on record so that it can be revoked (`gateway.store.tokens`).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from gateway.auth.keys import ACCESS_TOKEN_ALGORITHM, SigningKeys
from gateway.auth.scopes import ScopeSet
from gateway.core.ids import opaque_token
from gateway.store.tokens import IssuedToken

TYPE = "at+jwt"
# SMART 2.2, Backend Services: "expires_in … SHOULD NOT exceed 300".
BACKEND_SECONDS = 300


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
    issued_at = now.replace(microsecond=0)
    expires_at = issued_at + dt.timedelta(seconds=BACKEND_SECONDS)
    token_id = opaque_token()
    claims = {
        "iss": issuer,
        "aud": audience,
        # RFC 9068 section 2.2: without a resource owner, `sub` is the client.
        "sub": client_id,
        "client_id": client_id,
        "scope": str(scopes),
        "jti": token_id,
        "iat": int(issued_at.timestamp()),
        "exp": int(expires_at.timestamp()),
    }
    return AccessToken(
        text=keys.sign(claims, algorithm=ACCESS_TOKEN_ALGORITHM, typ=TYPE),
        record=IssuedToken(token_id, client_id, str(scopes), issued_at, expires_at),
        expires_in=BACKEND_SECONDS,
    )
