"""The id_token: who signed in, told to the app (OpenID Connect Core 1.0 section 2; SMART 2.2, "fhirUser")."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from typing import Any

from gateway.auth.keys import ID_TOKEN_ALGORITHM, SigningKeys
from gateway.store.consents import Consent

#: An app reads it at once; nothing is opened by it.
SECONDS = 900


def fhir_user(fhir_base: str, account_id: object) -> str:
    """Return the address of the Practitioner that stands for an account."""
    return f"{fhir_base}/Practitioner/{account_id}"


def make(
    keys: SigningKeys,
    *,
    issuer: str,
    fhir_base: str,
    consent: Consent,
    scopes: frozenset[str],
    nonce: str | None,
    access_token: str,
    now: dt.datetime,
) -> str | None:
    """Return the signed id_token, or None without the scope `openid`. `nonce`: of the code's request."""
    if "openid" not in scopes:
        return None
    claims: dict[str, Any] = {
        "iss": issuer,
        "sub": str(consent.account_id),
        "aud": consent.client_id,
        "iat": int(now.timestamp()),
        "exp": int(now.timestamp()) + SECONDS,
        "auth_time": int(consent.auth_time.timestamp()),
        # Section 3.1.3.6: binds the two tokens of one response.
        "at_hash": _left_half(access_token),
    }
    if consent.methods:
        claims["amr"] = list(consent.methods)
    if nonce is not None:
        claims["nonce"] = nonce
    user = fhir_user(fhir_base, consent.account_id)
    if "fhirUser" in scopes:
        claims["fhirUser"] = user
    if "profile" in scopes:
        # What SMART 1.0 called it.
        claims |= {"profile": user, "fhirUser": user}
    return keys.sign(claims, algorithm=ID_TOKEN_ALGORITHM, typ="JWT")


def _left_half(text: str) -> str:
    digest = hashlib.sha256(text.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()
