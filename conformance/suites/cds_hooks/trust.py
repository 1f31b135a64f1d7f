"""Trusting CDS clients: tokens that must not pass."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from conformance.run.outcomes import Omit, Skip, Test, expect
from conformance.suites.cds_hooks.session import HookSession

_HOOKS = ("patient-view", "order-sign", "order-select")


def _where(session: HookSession) -> tuple[str, str]:
    for hook in _HOOKS:
        if any(service.get("hook") == hook for service in session.services()):
            return hook, session.path(hook)
    raise Omit("no service for a hook that the suite knows")


def _expect_401(session: HookSession, token: str | None, what: str) -> None:
    hook, path = _where(session)
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    answer = session.http.post(path, session.body(hook), headers)
    expect(answer.status == 401, f"{what}: status {answer.status}")


def no_token(session: HookSession) -> None:
    """Without a token nobody is served."""
    _expect_401(session, None, "no token")


def no_signature(session: HookSession) -> None:
    """Unsigned tokens and shared secrets are refused."""
    _, path = _where(session)
    headers = {"kid": session.config["kid"]}
    for algorithm, key in (("none", ""), ("HS256", secrets.token_hex(32)), ("HS384", secrets.token_hex(32))):
        token = jwt.encode(session.claims(path), key, algorithm=algorithm, headers=headers)
        _expect_401(session, token, algorithm)


def other_key(session: HookSession) -> None:
    """Another key is refused, whatever its header says."""
    _, path = _where(session)
    key = ec.generate_private_key(ec.SECP384R1())
    _expect_401(session, session.token(path, key=key), "another key under the registered id")
    _expect_401(session, session.token(path, key=key, kid="another"), "another key id")


def foreign_jku(session: HookSession) -> None:
    """A key set that was never registered is not trusted."""
    _, path = _where(session)
    headers = {"kid": "another", "jku": "https://attacker.invalid/jwks.json"}
    key = ec.generate_private_key(ec.SECP384R1())
    token = jwt.encode(session.claims(path), key, algorithm="ES384", headers=headers)
    _expect_401(session, token, "a foreign jku")


def claims(**wrong: Callable[[HookSession, str], Any]) -> Callable[[HookSession], None]:
    """Return the test that a token with each of these claims is refused."""

    def test(session: HookSession) -> None:
        _, path = _where(session)
        for name, value in wrong.items():
            claim = name.partition("_")[0]
            _expect_401(session, session.token(path, **{claim: value(session, path)}), name)

    return test


def replay(session: HookSession) -> None:
    """A token counts once."""
    hook, path = _where(session)
    headers = session.bearer(path)
    first = session.http.post(path, session.body(hook), headers)
    if first.status != 200:
        raise Skip(f"the first use answers {first.status}")
    expect(session.http.post(path, session.body(hook), headers).status == 401, "the second use is served")


def list_of_audiences(session: HookSession) -> None:
    """`aud` may be an array."""
    hook, path = _where(session)
    answer = session.http.post(path, session.body(hook), session.bearer(path, aud=[session.http.base + path]))
    expect(answer.status == 200, f"status {answer.status}")


TESTS = (
    Test("trust-no-token", "A token is needed", ("trust-1",), no_token),
    Test("trust-no-signature", "none and HMAC are refused", ("trust-2", "trust-3"), no_signature),
    Test("trust-other-key", "Only registered keys sign", ("trust-4",), other_key),
    Test("trust-foreign-jku", "jku is on an allow-list", ("trust-5",), foreign_jku),
    Test(
        "trust-issuer",
        "Only registered issuers call",
        ("trust-5",),
        claims(iss_other=lambda *_: "https://stranger.invalid", iss_missing=lambda *_: None),
    ),
    Test(
        "trust-audience",
        "aud is the endpoint that was called",
        ("trust-6",),
        claims(
            aud_base=lambda session, _: session.http.base,
            aud_discovery=lambda session, _: f"{session.http.base}/cds-services",
            aud_elsewhere=lambda *_: "https://other.invalid/cds-services/x",
            aud_missing=lambda *_: None,
        ),
    ),
    Test("trust-audience-list", "aud may be an array", ("trust-7",), list_of_audiences),
    Test(
        "trust-times",
        "Tokens end",
        ("trust-8",),
        claims(
            exp_past=lambda *_: int(time.time()) - 3600,
            exp_missing=lambda *_: None,
            iat_missing=lambda *_: None,
        ),
    ),
    Test("trust-replay", "A jti counts once", ("trust-9",), replay),
    Test("trust-no-jti", "A token needs a jti", ("trust-9",), claims(jti_missing=lambda *_: None)),
)
