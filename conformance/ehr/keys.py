"""The double's signing key: RS256, made at start. OpenID Connect Core §3.1.3.7, SMART 2.2 §id-token.

A key that lives as long as the process is enough: nobody keeps the double's id_tokens.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm


class SigningKey:
    """An RSA key with its `kid`."""

    def __init__(self) -> None:
        """Make a new 2048-bit key."""
        self._private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.kid = secrets.token_urlsafe(12)

    def sign(self, claims: Mapping[str, Any], *, kid: str | None = None) -> str:
        """Return `claims` as a compact RS256 JWT; `kid` overrides the header's."""
        return jwt.encode(
            dict(claims), self._private, algorithm="RS256", headers={"kid": kid or self.kid, "typ": "JWT"}
        )

    def jwks(self) -> dict[str, Any]:
        """Return the public half as a JWK Set."""
        jwk = json.loads(RSAAlgorithm.to_jwk(self._private.public_key()))
        jwk.pop("key_ops", None)
        return {"keys": [{**jwk, "kid": self.kid, "use": "sig", "alg": "RS256"}]}


def unsigned(claims: Mapping[str, Any]) -> str:
    """Return `claims` as a JWT with `alg` none (RFC 7519 §6), which no client may believe."""
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, ""])
