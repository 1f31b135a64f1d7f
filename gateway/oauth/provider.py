"""The upstream OpenID Provider through which users sign in: its documents, its tokens, its word verified.

OpenID Connect Discovery, and Core sections 3.1.3.3 and 3.1.3.7. Its addresses are called through our own
outbound rules; documents and keys are kept for an hour, keys fetched anew for a key id that is not known.
"""

from __future__ import annotations

import hmac
import time
from typing import Any

import jwt
import orjson
from authlib.integrations.requests_client import OAuth2Session

from gateway.auth.outbound import Outbound
from gateway.core.errors import Unavailable
from gateway.core.sign_in_settings import Upstream

_KEPT_SECONDS = 3600.0
# A key id that is not known may come from anybody: it must not become a request each time.
_REFETCH_SECONDS = 30.0
_ALGORITHMS = ["RS256", "ES256", "PS256"]
_LEEWAY = 60


class Provider:
    """The provider as its discovery document describes it; fetched at first use, kept for an hour."""

    def __init__(self, upstream: Upstream, outbound: Outbound) -> None:
        self.upstream = upstream
        self._outbound = outbound
        self._known: tuple[float, dict[str, Any], dict[str, Any]] | None = None

    def endpoint(self, name: str) -> str:
        """Return the address of an endpoint. Raises Unavailable."""
        url = self._document().get(name)
        if not isinstance(url, str):
            raise Unavailable("The sign-in of the state is not set up.", detail=f"no {name} upstream")
        self._outbound.check(url)
        return url

    def client(self, redirect_uri: str) -> OAuth2Session:
        """Return a client for one exchange, pinned to the token endpoint's address. Raises Unavailable."""
        secret = _secret(self.upstream)
        client = OAuth2Session(
            self.upstream.client_id,
            secret,
            scope=self.upstream.scope,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_basic",  # noqa: S106 - a method
        )
        client.trust_env = False
        self._outbound.mount(client, self.endpoint("token_endpoint"))
        return client

    def claims(self, id_token: str, nonce: str) -> dict[str, Any]:
        """Return the verified claims of an id_token (section 3.1.3.7). Raises ValueError, Unavailable."""
        try:
            header = jwt.get_unverified_header(id_token)
            key = self._key(header.get("kid"))
            claims: dict[str, Any] = jwt.decode(
                id_token,
                key,
                algorithms=_ALGORITHMS,
                audience=self.upstream.client_id,
                issuer=self.upstream.issuer,
                leeway=_LEEWAY,
                options={"require": ["iss", "sub", "aud", "exp", "iat"]},
            )
        except jwt.PyJWTError as error:
            raise ValueError(type(error).__name__) from None
        if not hmac.compare_digest(str(claims.get("nonce", "")), nonce):
            raise ValueError("nonce")
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if several and claims.get("azp") != self.upstream.client_id:
            raise ValueError("azp")
        if self.upstream.acr and claims.get("acr") not in self.upstream.acr:
            raise ValueError("acr")
        if self.upstream.amr and not set(self.upstream.amr) & set(methods(claims)):
            raise ValueError("amr")
        return claims

    def _key(self, kid: object) -> Any:
        for fresh in (False, True):
            keys = [key for key in self._keys(fresh=fresh) if kid is None or key.get("kid") == kid]
            if len(keys) == 1:
                return jwt.PyJWK(keys[0]).key
        raise ValueError("kid")

    def _document(self) -> dict[str, Any]:
        return self._load(fresh=False)[1]

    def _keys(self, *, fresh: bool) -> list[dict[str, Any]]:
        found = self._load(fresh=fresh)[2].get("keys")
        return [key for key in found if isinstance(key, dict)] if isinstance(found, list) else []

    def _load(self, *, fresh: bool) -> tuple[float, dict[str, Any], dict[str, Any]]:
        now, known = time.monotonic(), self._known
        if known is not None and now - known[0] < (_REFETCH_SECONDS if fresh else _KEPT_SECONDS):
            return known
        issuer = self.upstream.issuer
        document = self._fetch(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if document.get("issuer") != issuer:
            raise Unavailable("The sign-in of the state is not set up.", detail="issuer differs upstream")
        keys = self._fetch(str(document.get("jwks_uri", "")))
        self._known = (now, document, keys)
        return self._known

    def _fetch(self, url: str) -> dict[str, Any]:
        answer = self._outbound.get(url)
        try:
            value = orjson.loads(answer.body)
        except orjson.JSONDecodeError:
            value = None
        if answer.status != 200 or not isinstance(value, dict):
            raise Unavailable("The sign-in of the state does not answer.", detail=f"HTTP {answer.status}")
        return value


def methods(claims: dict[str, Any]) -> tuple[str, ...]:
    """Return how the user signed in there (`amr`, RFC 8176), as far as the provider says."""
    told = claims.get("amr")
    return tuple(one for one in told if isinstance(one, str)) if isinstance(told, list) else ()


def _secret(upstream: Upstream) -> str:
    try:
        return upstream.secret_file.read_text("utf-8").strip()
    except OSError:
        raise Unavailable("The sign-in of the state is not set up.", detail="no client secret file") from None
