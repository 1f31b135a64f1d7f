"""Backend Services, and asymmetric client authentication as such: good assertions, and many bad ones."""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from conformance.run.exchanges import Answer
from conformance.run.outcomes import Omit, Skip, Test, expect
from conformance.suites.smart.client import ASSERTION_TYPE, Client
from conformance.suites.smart.discovery import tls
from conformance.suites.smart.launches import check_not_kept, check_token_response
from conformance.suites.smart.session import SmartSession

_BAD = (400, 401)
_NAMES = ("backend", "backend_rs384")


def _ask(session: SmartSession, client: Client, **changes: str | None) -> Answer:
    """Return the answer to a request with a good assertion, changed."""
    endpoint = session.endpoint("token")
    fields: dict[str, str | None] = {
        "grant_type": "client_credentials",
        "scope": client.scope,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": None if "client_assertion" in changes else client.assertion(endpoint),
        **changes,
    }
    return session.http.form(endpoint, {name: value for name, value in fields.items() if value is not None})


def invalid_grant_type(session: SmartSession) -> None:
    """Exactly 400."""
    answer = _ask(session, _client(session), grant_type="not_a_grant_type")
    expect(answer.status == 400, f"status {answer.status}")
    expect(answer.json().get("error") == "unsupported_grant_type", f"error {answer.json().get('error')}")


def invalid_assertion_type(session: SmartSession) -> None:
    """400 or 401."""
    _refused(_ask(session, _client(session), client_assertion_type="not_an_assertion_type"), "another type")


def no_assertion(session: SmartSession) -> None:
    """Without an assertion, or with something else in its place."""
    for value in ("", "not_a_jwt", "a.b.c", None):
        _refused(_ask(session, _client(session), client_assertion=value), repr(value))


def success(name: str) -> Callable[[SmartSession], None]:
    """Return the test that a token is given."""

    def test(session: SmartSession) -> None:
        answer = _ask(session, _client(session, name))
        expect(answer.status in (200, 201), f"status {answer.status}")

    return test


def body(name: str) -> Callable[[SmartSession], None]:
    """Return the test that the answer is well formed: short lived, no refresh token, within registration."""

    def test(session: SmartSession) -> None:
        client = _client(session, name)
        answer = _ask(session, client)
        if answer.status not in (200, 201):
            raise Skip("no token came")
        found = answer.json()
        check_token_response(found)
        check_not_kept(answer)
        expect(float(found["expires_in"]) <= 300, "it lives longer than five minutes")
        expect("refresh_token" not in found, "a refresh token for a service")
        expect(set(found["scope"].split()) <= set(client.scope.split()), "more than was asked")

    return test


def forged(session: SmartSession) -> None:
    """Nothing but the registered key signs: no `none`, no shared secret, no other key, no key of its own."""
    client, endpoint = _client(session), session.endpoint("token")
    other = ec.generate_private_key(ec.SECP384R1())
    public = json.loads(ECAlgorithm.to_jwk(other.public_key()))
    attempts = {
        "none": jwt.encode(client.claims(endpoint), "", algorithm="none", headers={"kid": client.kid}),
        "HS256": client.assertion(endpoint, key=secrets.token_hex(32), algorithm="HS256"),
        "another key": client.assertion(endpoint, key=other, algorithm="ES384"),
        "another kid": client.assertion(endpoint, header={"kid": "unknown"}),
        "no kid": client.assertion(endpoint, header={"kid": None}),
        "its own jwk": client.assertion(endpoint, key=other, algorithm="ES384", header={"jwk": public}),
    }
    good = client.assertion(endpoint)
    attempts["a cut signature"] = good[:-6]
    attempts["no signature"] = good.rpartition(".")[0] + "."
    for what, assertion in attempts.items():
        _refused(_ask(session, client, client_assertion=assertion), what)


def claims(session: SmartSession) -> None:
    """Issuer, subject, audience, lifetime and id are looked at."""
    client, endpoint = _client(session), session.endpoint("token")
    now = int(time.time())
    wrong: dict[str, dict[str, Any]] = {
        "iss is another": {"iss": "another"},
        "sub is another": {"sub": "another"},
        "no iss": {"iss": None},
        "no sub": {"sub": None},
        "aud is another server": {"aud": "https://other.example/auth/token"},
        "no aud": {"aud": None},
        "expired": {"exp": now - 600},
        "no exp": {"exp": None},
        "a lifetime of an hour": {"exp": now + 3600},
        "no jti": {"jti": None},
    }
    for what, changes in wrong.items():
        _refused(_ask(session, client, client_assertion=client.assertion(endpoint, **changes)), what)


def replay(session: SmartSession) -> None:
    """A jti counts once within its lifetime."""
    client = _client(session)
    assertion = client.assertion(session.endpoint("token"))
    first = _ask(session, client, client_assertion=assertion)
    if first.status != 200:
        raise Skip(f"the first use: status {first.status}")
    _refused(_ask(session, client, client_assertion=assertion), "the second use")


def foreign_jku(session: SmartSession) -> None:
    """A key set that was never registered is not fetched: jku must be the registered URL."""
    client, endpoint = _client(session), session.endpoint("token")
    asked: list[str] = []
    key = ec.generate_private_key(ec.SECP384R1())
    jwk = {**json.loads(ECAlgorithm.to_jwk(key.public_key())), "kid": "foreign", "use": "sig"}
    with _serving(jwk, 0, asked) as url:
        header = {"kid": "foreign", "jku": url}
        assertion = client.assertion(endpoint, key=key, algorithm="ES384", header=header)
        _refused(_ask(session, client, client_assertion=assertion), "a foreign jku")
    expect(not asked, "the foreign key set was fetched")


def by_url(session: SmartSession) -> None:
    """A client whose keys are at its own URL, with and without jku."""
    if "jwks_url" not in session.clients:
        raise Skip("the config has no clients.jwks_url")
    client = session.clients["jwks_url"]
    parts = urlsplit(client.jku)
    if parts.hostname not in ("localhost", "127.0.0.1") and not (parts.hostname or "").endswith(".localhost"):
        expect(_ask(session, client).status == 200, "keys at a URL")
        return
    with _serving(_public(client), parts.port or 80, [], parts.path):
        answer = _ask(session, client)
        expect(answer.status == 200, f"with jku: status {answer.status}")
        bare = client.assertion(session.endpoint("token"), header={"jku": None})
        answer = _ask(session, client, client_assertion=bare)
        expect(answer.status == 200, f"without jku: status {answer.status}")


def wider_scope(session: SmartSession) -> None:
    """Nothing beyond registration: without a scope left, invalid_scope; no scope at all is refused."""
    client = _client(session)
    for scope in ("system/Observation.cruds", "user/Patient.rs", "openid"):
        answer = _ask(session, client, scope=scope)
        expect(answer.status == 400, f"{scope}: status {answer.status}")
        expect(answer.json().get("error") == "invalid_scope", f"{scope}: error {answer.json().get('error')}")
    answer = _ask(session, client, scope=None)
    expect(answer.status == 400, f"no scope: status {answer.status}")


def with_secret(session: SmartSession) -> None:
    """A secret is not enough for client_credentials."""
    client = session.client("symmetric")
    pair = base64.b64encode(f"{client.client_id}:{client.secret}".encode()).decode()
    fields = {"grant_type": "client_credentials", "scope": "system/Patient.rs"}
    answer = session.http.form(session.endpoint("token"), fields, {"Authorization": f"Basic {pair}"})
    _refused(answer, "a secret")


def wrong_secret(session: SmartSession) -> None:
    """A wrong secret is 401 with a challenge for Basic."""
    client = session.client("symmetric")
    pair = base64.b64encode(f"{client.client_id}:{secrets.token_urlsafe(32)}".encode()).decode()
    fields = {"grant_type": "authorization_code", "code": "x", "redirect_uri": client.redirect_uri}
    answer = session.http.form(session.endpoint("token"), fields, {"Authorization": f"Basic {pair}"})
    expect(answer.status == 401, f"status {answer.status}")
    expect(answer.headers.get("www-authenticate", "").lower().startswith("basic"), "no challenge for Basic")
    expect(answer.json().get("error") == "invalid_client", f"error {answer.json().get('error')}")


def _client(session: SmartSession, name: str = "backend") -> Client:
    if "client_credentials" not in session.configuration.get("grant_types_supported", []):
        raise Omit("the server offers no client_credentials")
    client = session.client(name)
    listed = session.configuration.get("token_endpoint_auth_signing_alg_values_supported")
    if listed and client.algorithm not in listed:
        raise Omit(f"the server does not offer {client.algorithm}")
    return client


def _refused(answer: Answer, what: str) -> None:
    expect(answer.status in _BAD, f"{what}: status {answer.status}")
    expect(isinstance(answer.json().get("error"), str), f"{what}: no OAuth error")


def _public(client: Client) -> dict[str, Any]:
    algorithm: Any = RSAAlgorithm if isinstance(client.key, rsa.RSAPrivateKey) else ECAlgorithm
    return {**json.loads(algorithm.to_jwk(client.key.public_key())), "kid": client.kid, "use": "sig"}


@contextmanager
def _serving(jwk: dict[str, Any], port: int, asked: list[str], path: str = "/jwks.json") -> Iterator[str]:
    """Yield the URL of a key set on loopback; `asked` notes every call."""

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            content = json.dumps({"keys": [jwk]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Keys)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_address[1]}{path}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


TESTS = (
    Test("smart_backend_services_token_tls_version", "TLS for tokens", ("tls-1",), tls("token")),
    Test(
        "smart_backend_services_invalid_grant_type",
        "Another grant type: 400",
        ("back-5",),
        invalid_grant_type,
    ),
    Test(
        "smart_backend_services_invalid_client_assertion",
        "Another assertion type",
        ("auth-8",),
        invalid_assertion_type,
    ),
    Test("smart_backend_services_invalid_jwt", "No JWT in its place", ("auth-8",), no_assertion),
    *(
        Test(
            f"smart_backend_services_auth_request_success.{name}",
            f"A token is given ({name})",
            ("back-1", "auth-4", "auth-7"),
            success(name),
        )
        for name in _NAMES
    ),
    *(
        Test(
            f"smart_backend_services_auth_response_body.{name}",
            f"Its form ({name})",
            ("back-2", "back-3", "back-4"),
            body(name),
        )
        for name in _NAMES
    ),
    Test("own_assertion_forged", "Only the registered key signs", ("auth-6", "auth-7"), forged),
    Test("own_assertion_claims", "Its claims are checked", ("auth-4",), claims),
    Test("own_assertion_replay", "A jti counts once", ("auth-5",), replay),
    Test("own_foreign_jku", "No foreign key set", ("auth-6",), foreign_jku),
    Test("own_jwks_by_url", "Keys at the client's URL", ("reg-2", "auth-6"), by_url),
    Test("own_backend_scopes", "No more than registered", ("back-6",), wider_scope),
    Test("own_backend_secret", "No secret for services", ("back-1",), with_secret),
    Test("own_wrong_secret", "A wrong secret: 401 with a challenge", ("auth-2", "token-7"), wrong_secret),
)
