"""A Backend Services client as tests play it: its keys, its assertions, its token requests."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SCOPE = "system/MedicationDispense.rs"

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP384R1())


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def public_jwk(key: Key, kid: str, **more: Any) -> dict[str, Any]:
    algorithm: Any = ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else RSAAlgorithm
    jwk: dict[str, Any] = algorithm.to_jwk(key.public_key(), as_dict=True)
    jwk.pop("key_ops", None)
    return {**jwk, "kid": kid, "use": "sig", **more}


def sign(claims: dict[str, Any] | bytes, key: Any, algorithm: str, header: dict[str, Any]) -> str:
    """Return a compact JWT of any claims, sane or not."""
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    return jwt.PyJWS().encode(payload, key, algorithm=algorithm, headers=header)


@dataclass
class Backend:
    """One client: `keys` by kid; ES384 signs for EC keys, RS384 for RSA ones."""

    token_url: str
    client_id: str = field(default_factory=lambda: f"client-{uuid.uuid4()}")
    keys: dict[str, Key] = field(default_factory=lambda: {"k1": ec_key()})

    def jwks(self) -> dict[str, Any]:
        return {"keys": [public_jwk(key, kid) for kid, key in self.keys.items()]}

    def metadata(self, **changes: Any) -> dict[str, Any]:
        made = {
            "client_id": self.client_id,
            "client_name": "A hospital's EHR",
            "token_endpoint_auth_method": "private_key_jwt",
            "grant_types": ["client_credentials"],
            "jwks": self.jwks(),
            "scope": SCOPE,
            **changes,
        }
        return {name: value for name, value in made.items() if value is not None}

    def claims(self, **changes: Any) -> dict[str, Any]:
        made = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.token_url,
            "exp": int(time.time()) + 300,
            "jti": str(uuid.uuid4()),
            **changes,
        }
        return {name: value for name, value in made.items() if value is not None}

    def assertion(self, *, kid: str = "k1", header: dict[str, Any] | None = None, **changes: Any) -> str:
        """Return a signed assertion; a change to None leaves the claim out."""
        key = self.keys[kid]
        algorithm = "ES384" if isinstance(key, ec.EllipticCurvePrivateKey) else "RS384"
        return sign(self.claims(**changes), key, algorithm, {"kid": kid, **(header or {})})

    def form(self, *, assertion: str | None = None, **changes: str | None) -> dict[str, str]:
        """Return a token request's parameters; a change to None leaves one out."""
        made: dict[str, str | None] = {
            "grant_type": "client_credentials",
            "scope": SCOPE,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion if assertion is not None else self.assertion(),
            **changes,
        }
        return {name: value for name, value in made.items() if value is not None}
