"""Signed JWTs of registered parties: what client assertions and CDS Hooks tokens have in common.

RFC 7519, RFC 8725. Verified with PyJWT, the claims by hand. ES384 and RS384 alone: SMART and CDS Hooks
recommend both, and `none` or a shared secret can't be meant. `jwk`, `x5c` and `x5u` in the header are not
looked at; `crit` names things that we do not know, so it is refused (RFC 7515 4.1.11).
"""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Mapping
from typing import Any

import jwt

from gateway.auth.jwks import ALGORITHMS, RemoteKeySets, find_key
from gateway.auth.keys import PublicKey
from gateway.auth.strict_json import parse_object
from gateway.core.errors import BadRequest, Unavailable

LONGEST_SECONDS = 300
#: Clocks differ. Inferno's `exp` is exactly 300 s ahead of its own.
LEEWAY_SECONDS = 60

_MAX_CHARS = 16384
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_MAX_KID = 200
_MAX_JTI = 512
_URL_SAFE = str.maketrans("-_", "+/")


class Invalid(Exception):
    """The token does not hold; the text tells the log why, nobody else."""


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of a compact JWT, nothing of them verified. Raises Invalid."""
    if len(token) > _MAX_CHARS or not _COMPACT.fullmatch(token):
        raise Invalid("not a compact JWT")
    header, claims, _ = token.split(".")
    return _decoded(header), _decoded(claims)


def check_header(header: Mapping[str, Any], types: frozenset[str]) -> tuple[str, str]:
    """Return algorithm and key id. `types` are what `typ` may be, in capitals; it may be missing.

    Raises Invalid.
    """
    algorithm, kid, typ = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise Invalid("algorithm is not RS384 or ES384")
    if not isinstance(kid, str) or not 0 < len(kid) <= _MAX_KID:
        raise Invalid("kid is missing or too long")
    if not isinstance(typ, str) or typ.upper() not in types:
        raise Invalid("typ is not JWT")
    if "crit" in header or "b64" in header:
        raise Invalid("crit or b64 in the header")
    return algorithm, kid


def check_signature(
    token: str,
    header: Mapping[str, Any],
    *,
    algorithm: str,
    kid: str,
    jwks: dict[str, Any] | None,
    jwks_uri: str | None,
    remote: RemoteKeySets,
) -> None:
    """Return when a key registered by value (`jwks`) or by URL (`jwks_uri`) signed it. Raises Invalid.

    `jku` is never fetched: it must be the registered URL, or not there.
    """
    if "jku" in header and (jwks_uri is None or header["jku"] != jwks_uri):
        raise Invalid("jku is not the registered one")
    try:
        jwt.PyJWS().decode(token, _key(jwks, jwks_uri, remote, kid, algorithm), algorithms=[algorithm])
    except jwt.PyJWTError as error:
        raise Invalid(type(error).__name__) from None


def check_times(claims: Mapping[str, Any], now: float, *, issued: bool = False) -> float:
    """Return `exp`, Unix seconds: at most five minutes ahead. `issued`: `iat` must be there.

    Raises Invalid.
    """
    expires = _number(claims, "exp")
    if expires is None:
        raise Invalid("exp is missing")
    if expires <= now - LEEWAY_SECONDS:
        raise Invalid("expired")
    if expires > now + LONGEST_SECONDS + LEEWAY_SECONDS:
        raise Invalid("exp is more than five minutes ahead")
    for name in ("nbf", "iat"):
        moment = _number(claims, name)
        if moment is not None and moment > now + LEEWAY_SECONDS:
            raise Invalid(f"{name} is in the future")
        if issued and name == "iat":
            if moment is None:
                raise Invalid("iat is missing")
            if expires > moment + LONGEST_SECONDS + LEEWAY_SECONDS:
                raise Invalid("it holds for more than five minutes")
    return expires


def jti_hash(claims: Mapping[str, Any], *, use: str = "") -> bytes:
    """Return what its `jti` is remembered by. `use` keeps one kind's apart from another's. Raises Invalid."""
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= _MAX_JTI:
        raise Invalid("jti is missing or too long")
    return hashlib.sha256(use.encode() + jti.encode("utf-8", "surrogatepass")).digest()


def _key(
    jwks: dict[str, Any] | None, jwks_uri: str | None, remote: RemoteKeySets, kid: str, algorithm: str
) -> PublicKey:
    try:
        if jwks is not None:
            key = find_key(jwks, kid, algorithm)
        else:
            key = remote.find_key(jwks_uri, kid, algorithm) if jwks_uri is not None else None
    except (BadRequest, Unavailable) as error:
        raise Invalid(error.public) from error
    if key is None:
        raise Invalid("not exactly one key of the client fits")
    return key


def _decoded(segment: str) -> dict[str, Any]:
    try:
        return parse_object(binascii.a2b_base64(segment.translate(_URL_SAFE) + "=" * (-len(segment) % 4)))
    except (ValueError, binascii.Error):
        raise Invalid("header or claims are not one JSON object") from None


def _number(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:
        raise Invalid(f"{name} is not a time")
    return float(value)
