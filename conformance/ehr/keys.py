"""The double's signing keys, made at start: RS256 for id_tokens, ES384 for the hooks of its order screen.

OpenID Connect Core §3.1.3.7, SMART 2.2 §id-token; CDS Hooks 2.0 §trusting-cds-clients. Keys that live as
long as the process are enough: nobody keeps what they sign.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm


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


class HookKey:
    """An EC key on P-384 with its `kid`."""

    def __init__(self) -> None:
        """Make a new key."""
        self._private = ec.generate_private_key(ec.SECP384R1())
        self.kid = secrets.token_urlsafe(12)

    def sign(self, claims: Mapping[str, Any], *, jku: str | None = None) -> str:
        """Return `claims` as a compact ES384 JWT, with `jku` in the header when given."""
        headers = {"kid": self.kid, "typ": "JWT", **({"jku": jku} if jku else {})}
        return jwt.encode(dict(claims), self._private, algorithm="ES384", headers=headers)

    def jwks(self) -> dict[str, Any]:
        """Return the public half as a JWK Set."""
        jwk = json.loads(ECAlgorithm.to_jwk(self._private.public_key()))
        return {"keys": [{**jwk, "kid": self.kid, "use": "sig", "alg": "ES384"}]}


def unsigned(claims: Mapping[str, Any]) -> str:
    """Return `claims` as a JWT with `alg` none (RFC 7519 §6), which no client may believe."""
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, ""])
