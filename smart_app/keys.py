"""The app's keys: two for signing (ES384 and RS384, as SMART asks of clients), one for encrypting.

Made at first use in the keys folder, mode 0600 in a 0700 folder, under a file lock so that two
processes never make two sets; stable from then on. The encryption key protects what the app leaves
in its cache and the client secrets in its database (AES-256-GCM, the place of storage as associated
data, so that a value moved elsewhere does not open).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from smart_app.errors import Misconfigured

#: A client assertion lives as long as SMART lets it, less a little for skewed clocks.
ASSERTION_SECONDS = 240


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys of one app. Private parts are never in `repr`."""

    es384: ec.EllipticCurvePrivateKey = field(repr=False)
    rs384: rsa.RSAPrivateKey = field(repr=False)
    _secret: bytes = field(repr=False)

    @classmethod
    def open(cls, folder: Path) -> Keyring:
        """Return the keys in `folder`, made there first if missing. Raises Misconfigured."""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                es384 = load_pem_private_key(_kept(folder / "es384.pem", _new_es384), None)
                rs384 = load_pem_private_key(_kept(folder / "rs384.pem", _new_rs384), None)
                secret = _kept(folder / "cache.key", lambda: secrets.token_bytes(32))
            finally:
                os.close(descriptor)
        except (OSError, ValueError) as error:
            raise Misconfigured(
                f"The app's keys folder is not usable: {type(error).__name__}. Set PDMP_APP_KEYS_DIR."
            ) from None
        right_kinds = isinstance(es384, ec.EllipticCurvePrivateKey) and isinstance(rs384, rsa.RSAPrivateKey)
        if not right_kinds or len(secret) != 32:
            raise Misconfigured("A file in the app's keys folder is not the key that its name says.")
        assert isinstance(es384, ec.EllipticCurvePrivateKey)
        assert isinstance(rs384, rsa.RSAPrivateKey)
        return cls(es384, rs384, secret)

    def jwks(self) -> dict[str, Any]:
        """Return the public keys as a JSON Web Key Set (RFC 7517)."""
        return {"keys": [self._jwk("ES384"), self._jwk("RS384")]}

    def assertion(self, client_id: str, audience: str, algorithm: str) -> str:
        """Return a signed client assertion (RFC 7523; SMART client-confidential-asymmetric)."""
        now = int(time.time())
        claims = {
            "iss": client_id,
            "sub": client_id,
            "aud": audience,
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
            "jti": secrets.token_urlsafe(32),
        }
        key = self.es384 if algorithm == "ES384" else self.rs384
        header = {"kid": self._jwk(algorithm)["kid"], "typ": "JWT"}
        return jwt.encode(claims, key, algorithm=algorithm, headers=header)

    def seal(self, plain: bytes, place: str) -> bytes:
        """Return `plain` encrypted for `place`; it opens nowhere else."""
        nonce = secrets.token_bytes(12)
        return nonce + AESGCM(self._secret).encrypt(nonce, plain, place.encode())

    def unseal(self, sealed: bytes, place: str) -> bytes | None:
        """Return what was sealed for `place`, or None when it was not sealed there by this key."""
        try:
            return AESGCM(self._secret).decrypt(sealed[:12], sealed[12:], place.encode())
        except (InvalidTag, ValueError):
            return None

    def _jwk(self, algorithm: str) -> dict[str, Any]:
        if algorithm == "ES384":
            jwk = jwt.algorithms.ECAlgorithm.to_jwk(self.es384.public_key(), as_dict=True)
        else:
            jwk = jwt.algorithms.RSAAlgorithm.to_jwk(self.rs384.public_key(), as_dict=True)
        thumb = "|".join(f"{k}={jwk[k]}" for k in ("crv", "kty", "x", "y", "e", "n") if k in jwk)
        kid = urlsafe_b64encode(hashlib.sha256(thumb.encode()).digest()[:12]).decode()
        jwk.pop("key_ops", None)
        return {**jwk, "kid": kid, "use": "sig", "alg": algorithm}


def _kept(path: Path, make: Callable[[], bytes]) -> bytes:
    if path.exists():
        return path.read_bytes()
    fresh = make()
    half = path.with_suffix(".new")
    half.unlink(missing_ok=True)
    with open(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(fresh)
        file.flush()
        os.fsync(file.fileno())
    half.rename(path)
    return fresh


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _new_es384() -> bytes:
    return _pem(ec.generate_private_key(ec.SECP384R1()))


def _new_rs384() -> bytes:
    return _pem(rsa.generate_private_key(public_exponent=65537, key_size=3072))
