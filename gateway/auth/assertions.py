"""Client assertions (`private_key_jwt`): which registered client signed this, and when it ends.

Rules: SMART 2.2 "Client Authentication: Asymmetric", RFC 7523 section 3, RFC 8725. Verified with PyJWT, the
claims by hand. Not here: that a `jti` counts once; whoever uses the assertion spends it in the database,
in the transaction of what it buys.

`aud` is the token endpoint's URL (SMART), or the issuer (RFC 7523bis), as one value: an assertion meant for
several servers could be carried from one to the other. `iat` and `nbf` need not be there (Inferno sends
none). `typ` may be missing, but not another. `jwk`, `x5c` and `x5u` in the header are not looked at; `jku`
must be the registered one; `crit` names things that we do not know, so it is refused (RFC 7515 4.1.11).
"""

from __future__ import annotations

import binascii
import datetime as dt
import hashlib
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import jwt

from gateway.auth.jwks import ALGORITHMS, RemoteKeySets, find_key
from gateway.auth.keys import PublicKey
from gateway.auth.strict_json import parse_object
from gateway.core.errors import BadRequest, Unauthenticated, Unavailable
from gateway.store.clients import Client

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LONGEST_SECONDS = 300
#: Clocks differ. Inferno's `exp` is exactly 300 s ahead of its own.
LEEWAY_SECONDS = 60

_MAX_CHARS = 16384
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_CLIENT_ID = re.compile(r"[\x21-\x7e]{1,200}", re.ASCII)
_TYPES = frozenset({"JWT", "CLIENT-AUTHENTICATION+JWT"})
_MAX_KID = 200
_MAX_JTI = 512
_URL_SAFE = str.maketrans("-_", "+/")


@dataclass(frozen=True, slots=True)
class Assertion:
    """A verified assertion. `expires_at` is when its `jti` may be forgotten."""

    client: Client
    jti_hash: bytes
    expires_at: dt.datetime


def verify(
    assertion: str,
    *,
    find_client: Callable[[str], Client | None],
    remote: RemoteKeySets,
    audiences: Collection[str],
    now: dt.datetime,
) -> Assertion:
    """Return whose assertion it is. Raises Unauthenticated; `detail` tells the log why, nobody else."""
    if len(assertion) > _MAX_CHARS or not _COMPACT.fullmatch(assertion):
        raise _refused("not a compact JWT")
    encoded_header, encoded_claims, _ = assertion.split(".")
    header, claims = _decoded(encoded_header), _decoded(encoded_claims)
    algorithm, kid = _checked_header(header)
    client_id = _client_id(claims)
    client = find_client(client_id)
    if client is None or not client.active or client.auth_method != "private_key_jwt":
        raise _refused("no active client that signs assertions")
    if "jku" in header and (client.jwks_uri is None or header["jku"] != client.jwks_uri):
        raise _refused("jku is not the registered one")
    _check_signature(assertion, _key(client, remote, kid, algorithm), algorithm)
    _check_audience(claims.get("aud"), audiences)
    expires = _check_times(claims, now.timestamp())
    return Assertion(
        client=client,
        jti_hash=_jti_hash(claims.get("jti")),
        expires_at=dt.datetime.fromtimestamp(expires + LEEWAY_SECONDS, dt.UTC),
    )


def _refused(why: str) -> Unauthenticated:
    # One text for every cause: which client ids exist is nobody's business.
    return Unauthenticated("The client assertion is not valid.", detail=why)


def _decoded(segment: str) -> dict[str, Any]:
    try:
        return parse_object(binascii.a2b_base64(segment.translate(_URL_SAFE) + "=" * (-len(segment) % 4)))
    except (ValueError, binascii.Error):
        raise _refused("header or claims are not one JSON object") from None


def _checked_header(header: dict[str, Any]) -> tuple[str, str]:
    algorithm, kid, typ = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise _refused("algorithm is not RS384 or ES384")
    if not isinstance(kid, str) or not 0 < len(kid) <= _MAX_KID:
        raise _refused("kid is missing or too long")
    if not isinstance(typ, str) or typ.upper() not in _TYPES:
        raise _refused("typ is not JWT")
    if "crit" in header or "b64" in header:
        raise _refused("crit or b64 in the header")
    return algorithm, kid


def _client_id(claims: dict[str, Any]) -> str:
    issuer, subject = claims.get("iss"), claims.get("sub")
    if not isinstance(issuer, str) or issuer != subject or not _CLIENT_ID.fullmatch(issuer):
        raise _refused("iss and sub are not one client id")
    return issuer


def _key(client: Client, remote: RemoteKeySets, kid: str, algorithm: str) -> PublicKey:
    try:
        if client.jwks is not None:
            key = find_key(client.jwks, kid, algorithm)
        elif client.jwks_uri is not None:
            key = remote.find_key(client.jwks_uri, kid, algorithm)
        else:
            key = None
    except (BadRequest, Unavailable) as error:
        raise _refused(error.public) from error
    if key is None:
        raise _refused("not exactly one key of the client fits")
    return key


def _check_signature(assertion: str, key: PublicKey, algorithm: str) -> None:
    try:
        jwt.PyJWS().decode(assertion, key, algorithms=[algorithm])
    except jwt.PyJWTError as error:
        raise _refused(type(error).__name__) from None


def _check_audience(audience: object, audiences: Collection[str]) -> None:
    only = audience[0] if isinstance(audience, list) and len(audience) == 1 else audience
    if not isinstance(only, str) or only not in audiences:
        raise _refused("aud is not the token endpoint")


def _check_times(claims: dict[str, Any], now: float) -> float:
    """Return `exp`, Unix seconds."""
    expires = _number(claims, "exp")
    if expires is None:
        raise _refused("exp is missing")
    if expires <= now - LEEWAY_SECONDS:
        raise _refused("expired")
    if expires > now + LONGEST_SECONDS + LEEWAY_SECONDS:
        raise _refused("exp is more than five minutes ahead")
    for name in ("nbf", "iat"):
        moment = _number(claims, name)
        if moment is not None and moment > now + LEEWAY_SECONDS:
            raise _refused(f"{name} is in the future")
    return expires


def _number(claims: dict[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:
        raise _refused(f"{name} is not a time")
    return float(value)


def _jti_hash(jti: object) -> bytes:
    if not isinstance(jti, str) or not 0 < len(jti) <= _MAX_JTI:
        raise _refused("jti is missing or too long")
    return hashlib.sha256(jti.encode("utf-8", "surrogatepass")).digest()
