"""A registered client as the suite plays it: public, with a secret, or with keys (RS384 or ES384).

Assertions are made as strictly as SMART 2.2 "Asymmetric Authentication" lets a client make them: no `iat` and
no `nbf`, which no server may require, and the longest lifetime that is allowed.
"""

from __future__ import annotations

import base64
import secrets
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LONGEST = 300


class BadConfig(Exception):
    """The config lacks something, or holds something that can't be."""


def new_rsa_key() -> dict[str, Any]:
    """Return a new private key for RS384 as JWK."""
    made = RSAAlgorithm.to_jwk(rsa.generate_private_key(public_exponent=65537, key_size=2048), as_dict=True)
    made.pop("key_ops", None)
    return {**made, "kid": secrets.token_hex(8), "alg": "RS384", "use": "sig"}


@dataclass(frozen=True, slots=True)
class Client:
    """One client of the config, by its `name` there."""

    name: str
    client_id: str
    redirect_uri: str = ""
    origin: str = ""
    secret: str = field(default="", repr=False)
    key: Any = field(default=None, repr=False)
    algorithm: str = ""
    kid: str = ""
    jku: str = ""
    scope: str = ""

    @classmethod
    def of(cls, name: str, config: dict[str, Any]) -> Client:
        """Return the client that `config` describes. Raises BadConfig."""
        if not isinstance(config, dict) or not config.get("client_id"):
            raise BadConfig(f"clients.{name} has no client_id")
        jwk = config.get("private_jwk")
        algorithm, key = "", None
        if jwk:
            algorithm = "RS384" if jwk.get("kty") == "RSA" else "ES384"
            try:
                key = jwt.PyJWK(jwk, algorithm=algorithm).key
            except (jwt.PyJWTError, ValueError, TypeError):
                raise BadConfig(f"clients.{name}.private_jwk is no key for {algorithm}") from None
        return cls(
            name=name,
            client_id=config["client_id"],
            redirect_uri=config.get("redirect_uri", ""),
            origin=config.get("origin", ""),
            secret=config.get("client_secret", ""),
            key=key,
            algorithm=algorithm,
            kid=(jwk or {}).get("kid", ""),
            jku=config.get("jwks_uri", ""),
            scope=config.get("scope", ""),
        )

    @property
    def method(self) -> str:
        """Return how it authenticates, in the words of discovery."""
        return "private_key_jwt" if self.key else "client_secret_basic" if self.secret else "none"

    def claims(self, endpoint: str, **changes: Any) -> dict[str, Any]:
        """Return the claims of an assertion for `endpoint`; a change to None leaves one out."""
        made = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": endpoint,
            "exp": int(time.time()) + LONGEST,
            "jti": str(uuid.uuid4()),
            **changes,
        }
        return {name: value for name, value in made.items() if value is not None}

    def assertion(
        self,
        endpoint: str,
        *,
        header: dict[str, Any] | None = None,
        key: Any = None,
        algorithm: str = "",
        **changes: Any,
    ) -> str:
        """Return a signed assertion; `changes` are to its claims, a header of None is left out."""
        given = {"kid": self.kid, "typ": "JWT", **({"jku": self.jku} if self.jku else {}), **(header or {})}
        return jwt.encode(
            self.claims(endpoint, **changes),
            self.key if key is None else key,
            algorithm=algorithm or self.algorithm,
            headers={name: value for name, value in given.items() if value is not None},
        )

    def credentials(self, endpoint: str) -> tuple[dict[str, str], dict[str, str]]:
        """Return the form fields and the headers by which it authenticates at `endpoint`."""
        if self.key:
            return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": self.assertion(endpoint)}, {}
        if self.secret:
            # Not percent-encoded first: that is how many clients send it, and ids here need none.
            pair = base64.b64encode(f"{self.client_id}:{self.secret}".encode()).decode()
            return {}, {"Authorization": f"Basic {pair}"}
        return {"client_id": self.client_id}, {"Origin": self.origin} if self.origin else {}
