"""A server's SMART configuration and its public keys, fetched under the outbound rules and cached.

Sources: SMART App Launch 2.2 (`.well-known/smart-configuration` below the FHIR base; old servers give
relative addresses), RFC 9207 (the metadata flag for `iss` in authorization responses). Only registered
issuers and the configured gateway are ever asked: callers pass no other base.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import jwt

from smart_app.errors import OutboundRefused
from smart_app.outbound import DISCOVERY_BYTES, Outbound, OutboundFailed

_CONFIGURATION_SECONDS = 300.0
_KEYS_SECONDS = 300.0
_KEYS_PAUSE = 10.0


class DiscoveryFailed(Exception):
    """The configuration or the keys can't be had; the text says why, without addresses."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """The parts of a SMART configuration that this app uses; addresses absolute and allowed."""

    token_endpoint: str
    authorization_endpoint: str | None
    issuer: str | None
    jwks_uri: str | None
    iss_in_response: bool
    signing_algorithms: tuple[str, ...]

    @property
    def assertion_algorithm(self) -> str:
        """Return ES384 where the server takes it, else RS384: every SMART server takes one of the two."""
        return "ES384" if "ES384" in self.signing_algorithms else "RS384"


class Discovery:
    """Configurations and keys, at most five minutes old. Safe to share between threads."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound
        self._lock = threading.Lock()
        self._configurations: dict[str, tuple[float, Configuration]] = {}
        self._keys: dict[str, tuple[float, dict[str, Any]]] = {}

    def of(self, base: str) -> Configuration:
        """Return the SMART configuration below the FHIR base `base`. Raises DiscoveryFailed."""
        with self._lock:
            until, known = self._configurations.get(base, (0.0, None))
        if known is not None and time.monotonic() < until:
            return known
        fetched = self._read(base)
        with self._lock:
            self._configurations[base] = (time.monotonic() + _CONFIGURATION_SECONDS, fetched)
        return fetched

    def key(self, jwks_uri: str, kid: str | None) -> jwt.PyJWK:
        """Return the RS256 key `kid` at `jwks_uri`; the only one where `kid` is None.

        An unknown `kid` fetches the keys anew, at most every ten seconds. Raises DiscoveryFailed.
        """
        with self._lock:
            fetched_at, document = self._keys.get(jwks_uri, (float("-inf"), {}))
        age = time.monotonic() - fetched_at
        found = _pick(document, kid) if age < _KEYS_SECONDS else None
        if found is None and age >= _KEYS_PAUSE:
            document = self._json(jwks_uri)
            with self._lock:
                self._keys[jwks_uri] = (time.monotonic(), document)
            found = _pick(document, kid)
        if found is None:
            raise DiscoveryFailed("no key fits the token")
        return found

    def _read(self, base: str) -> Configuration:
        root = base.rstrip("/") + "/"
        data = self._json(f"{root}.well-known/smart-configuration")
        token = self._address(root, data, "token_endpoint")
        if token is None:
            raise DiscoveryFailed("the configuration has no token endpoint")
        methods = data.get("code_challenge_methods_supported")
        if isinstance(methods, list) and "S256" not in methods:
            raise DiscoveryFailed("the server does not support PKCE with S256")
        algorithms = data.get("token_endpoint_auth_signing_alg_values_supported")
        issuer = data.get("issuer")
        return Configuration(
            token_endpoint=token,
            authorization_endpoint=self._address(root, data, "authorization_endpoint"),
            issuer=issuer if isinstance(issuer, str) else None,
            jwks_uri=self._address(root, data, "jwks_uri"),
            iss_in_response=data.get("authorization_response_iss_parameter_supported") is True,
            signing_algorithms=tuple(a for a in algorithms if isinstance(a, str))
            if isinstance(algorithms, list)
            else (),
        )

    def _address(self, root: str, data: dict[str, Any], name: str) -> str | None:
        value = data.get(name)
        if not isinstance(value, str) or not value:
            return None
        address = urljoin(root, value)
        try:
            self._outbound.check(address)
        except OutboundRefused as error:
            raise DiscoveryFailed(f"{name}: {error.public}") from None
        return address

    def _json(self, address: str) -> dict[str, Any]:
        try:
            answer = self._outbound.get(address, limit=DISCOVERY_BYTES)
            if answer.status != 200:
                raise DiscoveryFailed(f"status {answer.status}")
            return answer.json_object()
        except OutboundRefused as error:
            raise DiscoveryFailed(error.public) from None
        except OutboundFailed as error:
            raise DiscoveryFailed(str(error)) from None


def _pick(document: dict[str, Any], kid: str | None) -> jwt.PyJWK | None:
    keys = document.get("keys")
    fit = [
        key
        for key in (keys if isinstance(keys, list) else [])
        if isinstance(key, dict)
        and key.get("kty") == "RSA"
        and key.get("use", "sig") == "sig"
        and key.get("alg", "RS256") == "RS256"
        and (kid is None or key.get("kid") == kid)
    ]
    if len(fit) != 1:
        return None
    try:
        return jwt.PyJWK(fit[0], algorithm="RS256")
    except jwt.PyJWTError:
        return None
