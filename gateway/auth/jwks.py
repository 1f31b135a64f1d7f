"""Key sets of clients: checked when registered, fetched from their URL, the one key for a signature found.

SMART 2.2, "Client Authentication: Asymmetric": pick the key with the header's `kid` whose type fits `alg`;
none or several is a failure. A set by URL is kept no longer than its Cache-Control says, in the process and
in the cache that the workers share; a key id that is not in it has it fetched anew, now and then.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.auth.keys import PublicKey
from gateway.auth.outbound import Outbound
from gateway.auth.shared import SharedCache
from gateway.auth.strict_json import parse_object
from gateway.core.errors import BadRequest, GatewayError, Unavailable

ALGORITHMS = {"RS384": "RSA", "ES384": "EC"}

_MAX_KEYS = 50
_MAX_KID = 200
_DEFAULT_SECONDS = 300.0
_LONGEST_SECONDS = 3600.0
# An unknown key id may come from a stranger: it must not become a request to the client's server each time.
# The first one does at once: a client that has just changed its keys is not made to wait.
_REFETCH_SECONDS = 30.0
_FAILED_SECONDS = 15.0
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age=\"?(\d{1,9})", re.ASCII | re.IGNORECASE)
_NEVER = re.compile(r"(?:^|[,\s])(?:no-store|no-cache)(?:$|[,\s])", re.ASCII | re.IGNORECASE)
_MEMBERS = ("kty", "kid", "use", "key_ops", "alg", "n", "e", "crv", "x", "y")
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


def check_key_set(value: object) -> dict[str, Any]:
    """Return a JWK Set that a client registers by value, its keys' known members only.

    Raises BadRequest, saying what is wrong.
    """
    if not isinstance(value, dict) or not isinstance(value.get("keys"), list):
        raise BadRequest("jwks must be an object with a list `keys`.")
    keys = value["keys"]
    if not 1 <= len(keys) <= _MAX_KEYS:
        raise BadRequest(f"jwks must hold from 1 to {_MAX_KEYS} keys.")
    usable, kept = 0, []
    for key in keys:
        if not isinstance(key, dict):
            raise BadRequest("Each key in jwks must be an object.")
        if key.get("kty") == "oct" or _PRIVATE_MEMBERS & key.keys():
            raise BadRequest("jwks holds a private or secret key; only public keys may be registered.")
        kept.append({name: key[name] for name in _MEMBERS if name in key and _is_plain(key[name])})
        usable += any(_fits(key, algorithm) and parsed(key, algorithm) for algorithm in ALGORITHMS)
    if not usable:
        raise BadRequest(
            "jwks holds no key for RS384 (RSA of 2048 to 8192 bits) or ES384 (P-384) with a kid."
        )
    return {"keys": kept}


def find_key(key_set: dict[str, Any], kid: str, algorithm: str) -> PublicKey | None:
    """Return the single key of the set with this id that fits the algorithm, or None."""
    keys = key_set.get("keys")
    if not isinstance(keys, list):
        return None
    found = [k for k in keys if isinstance(k, dict) and k.get("kid") == kid and _fits(k, algorithm)]
    return parsed(found[0], algorithm) if len(found) == 1 else None


def parsed(jwk: dict[str, Any], algorithm: str) -> PublicKey | None:
    """Return the public key, or None when it is malformed, too short or of the wrong curve."""
    public: dict[str, Any] = {name: jwk[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in jwk}
    try:
        key = jwt.PyJWK(public, algorithm=algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    if isinstance(key, rsa.RSAPublicKey) and algorithm == "RS384":
        return key if 2048 <= key.key_size <= 8192 else None
    if isinstance(key, ec.EllipticCurvePublicKey) and algorithm == "ES384":
        return key if isinstance(key.curve, ec.SECP384R1) else None
    return None


def _is_plain(value: object) -> bool:
    if isinstance(value, list):
        return all(isinstance(item, str) and item.isprintable() for item in value)
    return isinstance(value, str) and value.isprintable()


def _fits(jwk: dict[str, Any], algorithm: str) -> bool:
    operations = jwk.get("key_ops")
    return (
        isinstance(jwk.get("kid"), str)
        and 0 < len(jwk["kid"]) <= _MAX_KID
        and jwk["kid"].isprintable()
        and jwk.get("kty") == ALGORITHMS[algorithm]
        and jwk.get("use", "sig") == "sig"
        and jwk.get("alg", algorithm) == algorithm
        and (operations is None or (isinstance(operations, list) and "verify" in operations))
    )


@dataclass(frozen=True, slots=True)
class _Kept:
    key_set: dict[str, Any]
    until: float
    """Unix time."""


@dataclass(slots=True)
class RemoteKeySets:
    """Key sets by URL. Thread-safe; one a process."""

    outbound: Outbound
    cache: SharedCache = field(repr=False)
    _kept: dict[str, _Kept] = field(default_factory=dict, init=False)
    _asked: dict[str, float] = field(default_factory=dict, init=False)
    _failed: dict[str, float] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def find_key(self, url: str, kid: str, algorithm: str) -> PublicKey | None:
        """Return the key, or None. Raises Unavailable or BadRequest when its set can't be had."""
        kept, fresh = self._known(url), False
        if kept is None:
            kept, fresh = self._fetch(url), True
        key = find_key(kept.key_set, kid, algorithm)
        if key is None and not fresh and self._may_refetch(url):
            key = find_key(self._fetch(url).key_set, kid, algorithm)
        return key

    def _known(self, url: str) -> _Kept | None:
        now = time.time()
        kept = self._kept.get(url) or self._shared(url)
        if kept is None or kept.until <= now:
            return None
        self._keep(url, kept)
        return kept

    def _fetch(self, url: str) -> _Kept:
        now = time.time()
        if self._failed.get(url, 0.0) > now:
            raise Unavailable("The client's key set could not be fetched a moment ago.")
        try:
            answer = self.outbound.get(url)
            if answer.status != 200:
                raise Unavailable("The client's key set could not be fetched.")
            try:
                key_set = parse_object(answer.body)
            except ValueError:
                raise Unavailable("The client's key set is not JSON.") from None
        except GatewayError:
            self._remember(self._failed, url, now + _FAILED_SECONDS)
            raise
        kept = _Kept(key_set, now + _lifetime(answer.headers.get("cache-control", "")))
        self._keep(url, kept)
        self._share(url, kept, now)
        return kept

    def _may_refetch(self, url: str) -> bool:
        now = time.time()
        with self._lock:
            if now - self._asked.get(url, 0.0) < _REFETCH_SECONDS:
                return False
            if len(self._asked) >= 1000 and url not in self._asked:
                self._asked.pop(next(iter(self._asked)))
            self._asked[url] = now
            return True

    def _keep(self, url: str, kept: _Kept) -> None:
        with self._lock:
            if len(self._kept) >= 1000 and url not in self._kept:
                self._kept.pop(next(iter(self._kept)))
            self._kept[url] = kept

    def _remember(self, times: dict[str, float], url: str, moment: float) -> None:
        with self._lock:
            if len(times) >= 1000 and url not in times:
                times.pop(next(iter(times)))
            times[url] = moment

    def _shared(self, url: str) -> _Kept | None:
        found = self.cache.get(_cache_key(url))
        if found is None:
            return None
        value = orjson.loads(found)
        return _Kept(value["key_set"], value["until"])

    def _share(self, url: str, kept: _Kept, now: float) -> None:
        seconds = int(kept.until - now)
        if seconds >= 1:
            value = orjson.dumps({"key_set": kept.key_set, "until": kept.until})
            self.cache.put(_cache_key(url), value, seconds=seconds)


def _cache_key(url: str) -> str:
    return "gateway:jwks:" + hashlib.sha256(url.encode()).hexdigest()


def _lifetime(cache_control: str) -> float:
    """Return for how many seconds a set may be kept (SMART: no longer than the client's headers say)."""
    if _NEVER.search(cache_control):
        return 0.0
    match = _MAX_AGE.search(cache_control)
    return min(float(match[1]), _LONGEST_SECONDS) if match else _DEFAULT_SECONDS
