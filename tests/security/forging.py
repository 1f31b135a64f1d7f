"""JWTs as a forger makes them: taken apart, and signed by what no library would sign with."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

_DIGESTS = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


def parts(token: str) -> list[dict[str, Any]]:
    """Return header and claims of a JWT, nothing verified."""
    segments = token.split(".")[:2]
    return [json.loads(base64.urlsafe_b64decode(one + "=" * (-len(one) % 4))) for one in segments]


def encoded(value: dict[str, Any] | bytes) -> str:
    """Return a segment of a JWT."""
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def unsigned(claims: dict[str, Any], header: dict[str, Any], signature: str = "") -> str:
    """Return a JWT of any header and claims with a signature from elsewhere, or none."""
    return f"{encoded(header)}.{encoded(claims)}.{signature}"


def hmac_signed(claims: dict[str, Any], secret: bytes, header: dict[str, Any]) -> str:
    """Return a JWT signed with a secret that may be somebody's public key."""
    signed = f"{encoded(header)}.{encoded(claims)}"
    digest = hmac.new(secret, signed.encode(), _DIGESTS[header["alg"]]).digest()
    return f"{signed}.{encoded(digest)}"
