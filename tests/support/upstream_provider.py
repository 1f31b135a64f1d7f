"""An OpenID Provider for tests, in a thread over real HTTP: signs anybody in at once, by what the test says.

Discovery, JWKS, authorization with PKCE, token with client_secret_basic. `claims` are what its next id_token
says beside the required ones; `forge` may change everything before it is signed, `encode` how that is done.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import flask
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from werkzeug.serving import make_server

CLIENT_ID, CLIENT_SECRET = "pdmp", "upstream-secret"
Claims = dict[str, Any]


@dataclass
class UpstreamProvider:
    """The provider: its issuer, and what it is told to do."""

    issuer: str
    claims: Claims = field(default_factory=dict)
    error: str | None = None
    forge: Callable[[Claims], Claims] = field(default=lambda claims: claims)
    key: rsa.RSAPrivateKey = field(
        default_factory=lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048)
    )
    signing_key: rsa.RSAPrivateKey | None = None
    ec_key: ec.EllipticCurvePrivateKey | None = None
    encode: Callable[[Claims], str] | None = None
    discovery: Claims = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def _signed(self, claims: Claims) -> str:
        if self.ec_key is not None:
            return jwt.encode(claims, self.ec_key, algorithm="ES256", headers={"kid": "up2"})
        return jwt.encode(claims, self.signing_key or self.key, algorithm="RS256", headers={"kid": "up1"})

    def app(self) -> flask.Flask:
        """Return the provider as an application."""
        app = flask.Flask("upstream")

        @app.get("/.well-known/openid-configuration")
        def configuration() -> flask.Response:
            document = {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256", "ES256"],
            }
            return flask.jsonify({**document, **self.discovery})

        @app.get("/jwks")
        def jwks() -> flask.Response:
            public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
            keys = [{**public, "kid": "up1", "use": "sig", "alg": "RS256"}]
            if self.ec_key is not None:
                second = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.ec_key.public_key()))
                keys.append({**second, "kid": "up2", "use": "sig", "alg": "ES256"})
            return flask.jsonify(keys=keys)

        @app.get("/authorize")
        def authorize() -> flask.Response:
            asked = flask.request.args.to_dict()
            self.asked.append(asked)
            code = secrets.token_urlsafe(16)
            self.codes[code] = asked
            told = {"error": self.error} if self.error else {"code": code}
            location = f"{asked['redirect_uri']}?{urlencode({**told, 'state': asked['state']})}"
            return flask.redirect(location, 302)  # type: ignore[return-value]

        @app.post("/token")
        def token() -> tuple[flask.Response, int]:
            sent = flask.request.form
            asked = self.codes.pop(sent.get("code", ""), None)
            caller = flask.request.authorization
            digest = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            good = (
                asked is not None
                and caller is not None
                and (caller.username, caller.password) == (CLIENT_ID, CLIENT_SECRET)
                and asked["code_challenge"] == challenge
                and asked["redirect_uri"] == sent.get("redirect_uri")
            )
            if not good or asked is None:
                return flask.jsonify(error="invalid_grant"), 400
            now = int(time.time())
            claims = self.forge(
                {
                    "iss": self.issuer,
                    "aud": CLIENT_ID,
                    "sub": "subject-1",
                    "iat": now,
                    "exp": now + 300,
                    "nonce": asked["nonce"],
                    **self.claims,
                }
            )
            body = {"access_token": "x", "token_type": "Bearer", "expires_in": 60}
            body["id_token"] = (self.encode or self._signed)(claims)
            return flask.jsonify(body), 200

        return app


@contextmanager
def run_upstream() -> Iterator[UpstreamProvider]:
    """Yield a provider that answers on a free loopback port."""
    provider = UpstreamProvider("")
    server = make_server("127.0.0.1", 0, provider.app(), threaded=True)
    provider.issuer = f"http://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
