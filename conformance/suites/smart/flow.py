"""One launch of one client, from the authorization request to the tokens: each step once, and kept.

A step that failed raises Fail for the test that took it, and Skip for the ones that build on it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import uuid
from dataclasses import dataclass, field
from typing import Any, Literal, cast
from urllib.parse import urlencode

from conformance.run.exchanges import Answer
from conformance.run.outcomes import Fail, Skip, expect
from conformance.suites.smart.browser import Choice, Landing, tick_all
from conformance.suites.smart.client import Client
from conformance.suites.smart.session import SmartSession

Start = Literal["standalone", "ehr"]
STARTS: tuple[Start, ...] = ("standalone", "ehr")

#: How the shared launches ask: each kind of app by GET and by POST.
METHODS: dict[tuple[str, Start], str] = {
    ("public", "standalone"): "GET",
    ("public", "ehr"): "POST",
    ("symmetric", "standalone"): "POST",
    ("symmetric", "ehr"): "GET",
    ("es384", "standalone"): "GET",
    ("es384", "ehr"): "POST",
    ("rs384", "standalone"): "POST",
    ("rs384", "ehr"): "GET",
}


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a verifier (RFC 7636 section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


@dataclass(slots=True)
class Flow:
    """A launch of `client`, by GET or POST."""

    session: SmartSession
    client: Client
    start: Start = "standalone"
    method: str = "GET"
    scope: str = ""
    choice: Choice = tick_all
    changes: dict[str, str | None] = field(default_factory=dict)
    """Parameters of the request that differ; None leaves one out."""
    values: dict[str, str] = field(default_factory=dict)
    """What the user fills in otherwise than the config says."""
    verifier: str = field(default_factory=lambda: f"{uuid.uuid4()}-{uuid.uuid4()}", repr=False)
    state: str = field(default_factory=lambda: str(uuid.uuid4()))
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    launch: str = field(default="", repr=False)
    _landing: Landing | None = None
    _answer: Answer | None = None
    _broken: str = ""

    def opened(self) -> str:
        """Return the launch handle of an EHR launch."""
        if not self.launch:
            self.launch = self._once(lambda: self.session.open_launch(self.client))
        return self.launch

    def request(self) -> dict[str, str]:
        """Return the parameters of the authorization request."""
        asked: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client.client_id,
            "redirect_uri": self.client.redirect_uri,
            "scope": self.scope or self.session.scopes(self.start),
            "state": self.state,
            "aud": self.session.fhir,
            "nonce": self.nonce,
            "code_challenge": challenge_of(self.verifier),
            "code_challenge_method": "S256",
        }
        if self.start == "ehr":
            asked["launch"] = self.opened()
        return {name: value for name, value in (asked | self.changes).items() if value is not None}

    def landing(self) -> Landing:
        """Return where the user's way ended."""
        if self._landing is None:
            self._landing = self._once(self._authorize)
        return self._landing

    def returned(self) -> dict[str, str]:
        """Return the parameters that came back to the app. Raises Fail when nothing did."""
        landing = self.landing()
        if landing.parameters is None:
            self._broken = f"the user's way ended at a page with status {landing.answer.status}"
            raise Fail(self._broken)
        return dict(landing.parameters)

    def code(self) -> str:
        """Return the code. Raises Skip when there is none."""
        try:
            code = self.returned().get("code")
        except Fail as error:
            raise Skip(f"no code: {error}") from None
        if not code:
            raise Skip("no code came back")
        return code

    def exchange(self, **changes: str | None) -> Answer:
        """Return the token endpoint's answer to a request for this code, each time a new one."""
        fields: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": self.code(),
            "redirect_uri": self.client.redirect_uri,
            "code_verifier": self.verifier,
            **changes,
        }
        sent = {name: value for name, value in fields.items() if value is not None}
        return self.session.token(self.client, sent)

    def answer(self) -> Answer:
        """Return the token endpoint's answer, kept."""
        if self._answer is None:
            self._answer = self._once(self.exchange)
        return self._answer

    def body(self) -> dict[str, Any]:
        """Return the token response. Raises Skip when there is none."""
        try:
            answer = self.answer()
            found = answer.json() if answer.status == 200 else None
        except Fail as error:
            raise Skip(f"no tokens: {error}") from None
        if not isinstance(found, dict) or not isinstance(found.get("access_token"), str):
            raise Skip("no tokens came")
        return cast("dict[str, Any]", found)

    def token(self) -> str:
        """Return the access token. Raises Skip."""
        return cast("str", self.body()["access_token"])

    def patient(self) -> str:
        """Return the id of the patient in context. Raises Skip."""
        found = self.body().get("patient")
        if not isinstance(found, str) or not found:
            raise Skip("no patient in context")
        return found

    def refresh(self, token: str, **fields: str) -> Answer:
        """Return the answer to a refresh with `token`."""
        return self.session.token(
            self.client, {"grant_type": "refresh_token", "refresh_token": token, **fields}
        )

    def _authorize(self) -> Landing:
        browser = self.session.browser(self.choice, **self.values)
        endpoint, asked = self.session.endpoint("authorization"), self.request()
        if self.method == "GET":
            return browser.get(with_query(endpoint, asked), self.client.redirect_uri)
        return browser.post(endpoint, asked, self.client.redirect_uri, self.client.origin)

    def _once(self, step: Any) -> Any:
        if self._broken:
            raise Skip(self._broken)
        try:
            return step()
        except Fail as error:
            self._broken = str(error)
            raise


def with_query(endpoint: str, asked: dict[str, str]) -> str:
    """Return the address with the parameters added."""
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"


def shared(session: SmartSession, kind: str, start: Start = "standalone") -> Flow:
    """Return the launch of a kind that tests share. Raises Omit where the server offers no such launch."""
    session.need(f"launch-{start}")
    client = session.client(kind)
    method = METHODS[kind, start] if "authorize-post" in session.capabilities else "GET"
    return cast(
        "Flow", session.kept.setdefault((kind, start), Flow(session, client, start=start, method=method))
    )


def any_kind(session: SmartSession) -> str:
    """Return a kind of app that the server offers and the config has. Raises Skip."""
    for kind in ("symmetric", "es384", "rs384", "public"):
        if kind in session.clients:
            return kind
    raise Skip("the config has no app")


def claims_of(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of a JWT, unverified. Raises Fail."""
    try:
        parts = token.split(".")
        expect(len(parts) == 3, "no JWT")
        header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in parts[:2])
    except ValueError:
        raise Fail("a JWT that can't be decoded") from None
    return header, claims
