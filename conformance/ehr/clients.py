"""Who calls the token endpoint. RFC 6749 §2.3, RFC 7523 §3, SMART 2.2 §client-authentication.

A client authenticates by the one method it is registered with; using two at once is refused.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from typing import Any

import jwt
from flask import Request

from conformance.ehr.book import Client
from conformance.ehr.context import Ehr
from conformance.ehr.state import Assertion

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

#: alg -> key type and curve. SMART 2.2 asks for one of these two; RS256 and HS256 are refused.
_ALGORITHMS = {"RS384": ("RSA", None), "ES384": ("EC", "P-384")}

_LONGEST = 300
_SKEW = 60


class InvalidClient(Exception):
    """The client is not who it says; `basic` when it tried HTTP Basic (RFC 6749 §5.2: 401 then)."""

    def __init__(self, description: str, *, basic: bool = False) -> None:
        super().__init__(description)
        self.description = description
        self.basic = basic


def authenticate(ehr: Ehr, request: Request) -> Client:
    """Return the client that proved itself. Raises InvalidClient."""
    form = request.form
    basic = request.headers.get("Authorization", "")
    ways = [
        bool(basic),
        "client_secret" in form,
        "client_assertion" in form or "client_assertion_type" in form,
    ]
    if sum(ways) != 1:
        raise InvalidClient("Authenticate in one way.", basic=bool(basic))
    if basic:
        client_id, secret = _basic(basic)
        client = _by_secret(ehr, client_id, secret, "client_secret_basic")
    elif "client_secret" in form:
        client = _by_secret(ehr, form.get("client_id", ""), form["client_secret"], "client_secret_post")
    else:
        client = _by_assertion(ehr, form)
    if form.get("client_id", client.client_id) != client.client_id:
        raise InvalidClient("client_id is another client's.", basic=bool(basic))
    return client


def _basic(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    try:
        client_id, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = ""
    if scheme.lower() != "basic" or not colon:
        raise InvalidClient("Authorization is not HTTP Basic.", basic=True)
    # Some clients percent-encode both parts before base64 (RFC 6749 §2.3.1) and some do not; ids and
    # secrets of this double's file should need no encoding, so the two spellings agree.
    return client_id, secret


def _by_secret(ehr: Ehr, client_id: str, secret: str, method: str) -> Client:
    client = ehr.book.content().clients.get(client_id)
    expected = client.secret if client and client.auth_method == method and client.secret else ""
    if not hmac.compare_digest(expected.encode(), secret.encode()) or client is None or not expected:
        raise InvalidClient("Client or secret is unknown.", basic=method == "client_secret_basic")
    return client


def _by_assertion(ehr: Ehr, form: Mapping[str, str]) -> Client:
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise InvalidClient("client_assertion_type is not jwt-bearer.")
    assertion = form.get("client_assertion", "")
    try:
        header = jwt.get_unverified_header(assertion)
        # Read before it is verified only to find whose keys verify it.
        claimed = jwt.decode(assertion, options={"verify_signature": False}).get("sub")
    except jwt.PyJWTError:
        raise InvalidClient("The assertion is no JWT.") from None
    client = ehr.book.content().clients.get(claimed) if isinstance(claimed, str) else None
    if client is None or client.auth_method != "private_key_jwt":
        raise InvalidClient("The assertion's client is unknown.")
    claims = _verified(ehr, client, header, assertion)
    # One jti per client, once, for as long as the assertion could be accepted.
    expires = float(claims["exp"]) + _SKEW
    if not ehr.state.assertions.put_new(f"{client.client_id} {claims['jti']}", Assertion(expires)):
        raise InvalidClient("The assertion's jti was used before.")
    return client


def _verified(ehr: Ehr, client: Client, header: Mapping[str, Any], assertion: str) -> dict[str, Any]:
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in _ALGORITHMS:
        raise InvalidClient("The assertion's alg must be RS384 or ES384.")
    if "jku" in header:
        # No client here registers a JWKS URL, and an unregistered one is never fetched.
        raise InvalidClient("The assertion's jku is not registered.")
    kty, curve = _ALGORITHMS[algorithm]
    fitting = [
        key
        for key in client.keys
        if key.get("kid") == header.get("kid")
        and key.get("kty") == kty
        and (curve is None or key.get("crv") == curve)
    ]
    if header.get("typ") != "JWT" or not header.get("kid") or len(fitting) != 1:
        raise InvalidClient("The assertion's header names no single registered key (typ, kid).")
    try:
        claims: dict[str, Any] = jwt.decode(
            assertion,
            jwt.PyJWK(dict(fitting[0]), algorithm=algorithm),
            algorithms=[algorithm],
            audience=ehr.settings.token_endpoint,
            issuer=client.client_id,
            subject=client.client_id,
            options={
                "require": ["iss", "sub", "aud", "exp", "jti"],
                "strict_aud": True,
                # Time is judged below, by the double's one clock.
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
        )
    except jwt.PyJWTError as error:
        raise InvalidClient(f"The assertion does not hold: {type(error).__name__}.") from None
    if not isinstance(claims["jti"], str) or not 0 < len(claims["jti"]) <= 200:
        raise InvalidClient("The assertion's jti is no short string.")
    now = ehr.state.now()
    expires, begins = claims["exp"], claims.get("nbf", 0)
    if not isinstance(expires, int | float) or not isinstance(begins, int | float):
        raise InvalidClient("The assertion's exp or nbf is no number.")
    if expires <= now or begins > now + _SKEW:
        raise InvalidClient("The assertion is expired or not yet valid.")
    if expires > now + _LONGEST + _SKEW:
        raise InvalidClient("The assertion lives longer than five minutes.")
    return claims
