"""Our own signing keys: ES256 for access tokens (RFC 9068), RS256 for id_tokens.

They are made at first use, once for all workers, and kept in `signing_key`; the private part is encrypted
with the data key, which is outside the database. Each process keeps them parsed; it looks again twice a
minute, and when it meets a key id that it does not know.

Rotation overlaps. A new key is published at once and signs ten minutes later, when every worker has it and
every copy of our JWKS that may be kept (`PUBLISHED_SECONDS`) has ended; the old one verifies for a day more,
longer than any token lives.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from gateway.auth.memo import Memo
from gateway.core.access import Principal
from gateway.core.errors import BadRequest, GatewayError, Misconfigured
from gateway.store import tokens
from gateway.store.database import Database
from gateway.store.tokens import StoredKey
from gateway.store.vault import Vault

ACCESS_TOKEN_ALGORITHM = "ES256"  # noqa: S105 - a name
ID_TOKEN_ALGORITHM = "RS256"  # noqa: S105 - a name

_log = logging.getLogger("gateway.auth")

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

_MAKERS: dict[str, Callable[[], PrivateKey]] = {
    ACCESS_TOKEN_ALGORITHM: lambda: ec.generate_private_key(ec.SECP256R1()),
    ID_TOKEN_ALGORITHM: lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
}
_THUMBPRINT_MEMBERS = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}
#: How long a copy of our public keys may be kept: the JWKS's Cache-Control.
PUBLISHED_SECONDS = 300
_AHEAD = dt.timedelta(seconds=2 * PUBLISHED_SECONDS)
_FRESH_SECONDS = 30.0
# A key that is withdrawn has retired so long ago that it verifies nothing.
_WITHDRAWN = dt.datetime.fromtimestamp(0, dt.UTC)
# Unknown key ids come from strangers too: they must not become a query each.
_RELOAD_SECONDS = 5.0
_VERIFIED_TOKENS = 4096


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key, parsed."""

    kid: str
    algorithm: str
    private: PrivateKey = field(repr=False)
    public: PublicKey = field(repr=False)
    public_jwk: dict[str, Any] = field(repr=False)
    created_at: dt.datetime
    retired_at: dt.datetime | None

    def may_sign(self, now: dt.datetime) -> bool:
        """Return whether it has not retired."""
        return self.retired_at is None or self.retired_at > now

    def is_known(self, now: dt.datetime) -> bool:
        """Return whether every worker, and whoever keeps our JWKS, has had the time to learn it."""
        return self.created_at + _AHEAD <= now


class SigningKeys:
    """The keys of one process. Thread-safe."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault
        #: Access tokens that these keys have verified, by hash; `gateway.auth.bearer` keeps them here.
        self.verified: Memo[bytes, tuple[Principal, float]] = Memo(_VERIFIED_TOKENS)
        self._lock = threading.Lock()
        self._keys: dict[str, SigningKey] = {}
        self._loaded_at = -_RELOAD_SECONDS

    def sign(self, claims: dict[str, Any], *, algorithm: str, typ: str) -> str:
        """Return a compact JWT of `claims` by the current key of `algorithm`. Raises Unavailable."""
        key = _current(self._all().values(), algorithm)
        return jwt.encode(claims, key.private, algorithm=algorithm, headers={"typ": typ, "kid": key.kid})

    def public(self, kid: str, algorithm: str) -> PublicKey | None:
        """Return the key to verify with, or None. Looks in the database again, at most every 5 seconds."""
        key = self._all().get(kid)
        if key is None and time.monotonic() - self._loaded_at >= _RELOAD_SECONDS:
            with self._lock:
                self._load()
            key = self._keys.get(kid)
        return key.public if key is not None and key.algorithm == algorithm else None

    def jwks(self) -> dict[str, Any]:
        """Return the JWK Set of all public keys (RFC 7517)."""
        return {"keys": [key.public_jwk for key in self._all().values()]}

    def rotate(self, algorithms: Collection[str] = tuple(_MAKERS), *, at_once: bool = False) -> None:
        """Make a new key for each algorithm, that signs in ten minutes; the old ones verify for a day then.

        With `at_once` it signs now, and the old ones are withdrawn: what they signed no longer verifies.
        Raises BadRequest for an unknown algorithm.
        """
        if unknown := set(algorithms) - _MAKERS.keys():
            raise BadRequest(f"There are no keys for {', '.join(sorted(unknown))}.")
        fresh = {algorithm: _MAKERS[algorithm]() for algorithm in algorithms}
        until = _WITHDRAWN if at_once else dt.datetime.now(dt.UTC) + _AHEAD
        with self._database.transaction() as connection:
            tokens.lock_signing_keys(connection)
            for algorithm, private in fresh.items():
                sealed = self._sealed(algorithm, private)
                tokens.add_signing_key(connection, sealed)
                tokens.retire_signing_keys(connection, algorithm, besides=sealed.kid, at=until)
        with self._lock:
            self._load()

    def describe(self) -> list[dict[str, Any]]:
        """Return what operators may know of each key, newest first: `state` is signing, next or verifying."""
        keys, now = self._all(), dt.datetime.now(dt.UTC)
        signing = {_current(keys.values(), algorithm).kid for algorithm in _MAKERS}
        return [
            {
                "kid": key.kid,
                "algorithm": key.algorithm,
                "state": "signing"
                if key.kid in signing
                else "next"
                if key.may_sign(now) and not key.is_known(now)
                else "verifying",
                "created_at": key.created_at.isoformat(timespec="seconds"),
                "signs_until": key.retired_at.isoformat(timespec="seconds") if key.retired_at else None,
            }
            for key in keys.values()
        ]

    def _all(self) -> dict[str, SigningKey]:
        if not self._keys:
            with self._lock:
                if not self._keys:
                    self._load()
        elif time.monotonic() - self._loaded_at >= _FRESH_SECONDS and self._lock.acquire(blocking=False):
            # One thread looks; the others go on with what is there, and so does it without a database.
            try:
                self._loaded_at = time.monotonic()
                self._load()
            except GatewayError as error:
                _log.warning("signing_keys_not_read", extra={"detail": error.detail})
            finally:
                self._lock.release()
        return self._keys

    def _load(self) -> None:
        with self._database.connection() as connection:
            stored = tokens.signing_keys(connection)
        missing = _missing(stored)
        if missing:
            stored = self._make(missing)
        before, self._keys = self._keys, {key.kid: self._parsed(key) for key in stored}
        if before.keys() - self._keys.keys():
            # What a withdrawn key signed must not stand for the minute that it is remembered.
            self.verified = Memo(_VERIFIED_TOKENS)
        self._loaded_at = time.monotonic()

    def _make(self, algorithms: list[str]) -> list[StoredKey]:
        fresh = {algorithm: _MAKERS[algorithm]() for algorithm in algorithms}
        with self._database.transaction() as connection:
            tokens.lock_signing_keys(connection)
            for algorithm in _missing(tokens.signing_keys(connection)):
                if algorithm in fresh:
                    tokens.add_signing_key(connection, self._sealed(algorithm, fresh[algorithm]))
            return tokens.signing_keys(connection)

    def _sealed(self, algorithm: str, private: PrivateKey) -> StoredKey:
        jwk = _public_jwk(private)
        kid = _thumbprint(jwk)
        clear = private.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return StoredKey(
            kid=kid,
            algorithm=algorithm,
            private_encrypted=self._vault.encrypt(clear, _context(kid)),
            public_jwk={**jwk, "kid": kid, "alg": algorithm, "use": "sig"},
        )

    def _parsed(self, stored: StoredKey) -> SigningKey:
        clear = self._vault.decrypt(stored.private_encrypted, _context(stored.kid))
        private = serialization.load_der_private_key(clear, password=None)
        if not isinstance(private, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise Misconfigured("A signing key is of an unknown kind.", detail=stored.kid)
        return SigningKey(
            kid=stored.kid,
            algorithm=stored.algorithm,
            private=private,
            public=private.public_key(),
            public_jwk=stored.public_jwk,
            created_at=stored.created_at or dt.datetime.now(dt.UTC),
            retired_at=stored.retired_at,
        )


def _current(keys: Collection[SigningKey], algorithm: str) -> SigningKey:
    """Return the newest key that is known everywhere; before there is one, the oldest that may sign."""
    now = dt.datetime.now(dt.UTC)
    usable = [key for key in keys if key.algorithm == algorithm and key.may_sign(now)]
    known = [key for key in usable if key.is_known(now)]
    if known:
        return max(known, key=lambda key: key.created_at)
    # A key that has just retired, with its successor a moment away, is better than none.
    return min(usable or [k for k in keys if k.algorithm == algorithm], key=lambda key: key.created_at)


def _missing(stored: list[StoredKey]) -> list[str]:
    present = {key.algorithm for key in stored if key.retired_at is None}
    return [algorithm for algorithm in _MAKERS if algorithm not in present]


def _context(kid: str) -> bytes:
    return b"signing-key:" + kid.encode()


def _public_jwk(private: PrivateKey) -> dict[str, Any]:
    if isinstance(private, ec.EllipticCurvePrivateKey):
        jwk = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    else:
        jwk = RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
    return {name: jwk[name] for name in _THUMBPRINT_MEMBERS[jwk["kty"]]}


def _thumbprint(jwk: dict[str, Any]) -> str:
    """Return the RFC 7638 thumbprint, the key's id."""
    members = {name: jwk[name] for name in _THUMBPRINT_MEMBERS[jwk["kty"]]}
    text = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
