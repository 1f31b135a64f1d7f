"""A browser without JavaScript that walks the authorization server's pages by the names of their fields.

    browser = Browser("http://localhost:8000")
    app = App(browser.base, client_id, "https://app.example/callback")
    answer = browser.authorize(app, "patient/MedicationDispense.rs", user=USER, patient=PATIENT)
    tokens = app.exchange(answer["code"])

Pages are followed until one answers to the app's redirect URI; nothing of the app has to run. A form is sent
as it stands, with its own hidden fields and what is checked; the test changes named fields only.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import requests

_MOST_STEPS = 20
Fields = list[tuple[str, str]]


@dataclass
class Form:
    """One form: where it goes and its fields as they would be sent. `boxes`: name, value, checked."""

    action: str = ""
    method: str = "get"
    fields: Fields = field(default_factory=list)
    boxes: list[tuple[str, str, bool]] = field(default_factory=list)
    buttons: Fields = field(default_factory=list)

    def names(self) -> set[str]:
        """Return the names of all fields, buttons and boxes."""
        return {name for name, _ in self.fields + self.buttons} | {name for name, _, _ in self.boxes}

    def offered(self, name: str) -> list[str]:
        """Return the values of the boxes of a name."""
        return [value for box, value, _ in self.boxes if box == name]

    def filled(self, changes: Mapping[str, str | list[str] | None]) -> Fields:
        """Return what is sent with these fields changed; None leaves one out, a list ticks those boxes."""
        sent = self.fields + [(name, value) for name, value, checked in self.boxes if checked]
        sent = [(name, value) for name, value in sent if name not in changes]
        for name, value in changes.items():
            for one in value if isinstance(value, list) else [value]:
                if one is not None:
                    sent.append((name, one))
        return sent


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(has.get("action", ""), has.get("method", "get").lower()))
        if not self.forms:
            return
        form, name, value = self.forms[-1], has.get("name", ""), has.get("value", "")
        if tag == "input" and name:
            kind = has.get("type", "text")
            if kind in ("checkbox", "radio"):
                form.boxes.append((name, value or "on", "checked" in has))
            elif kind == "submit":
                form.buttons.append((name, value))
            else:
                form.fields.append((name, value))
        elif tag == "button" and name:
            form.buttons.append((name, value))
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select:
            form.boxes.append((self._select, value, "selected" in has))

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = None


def forms(page: str) -> list[Form]:
    """Return the forms of an HTML page."""
    parser = _Forms()
    parser.feed(page)
    return parser.forms


class Browser:
    """One browser with its cookies. `base`: the authorization server's base URL."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.session = requests.Session()
        self.page: requests.Response | None = None

    def get(self, url: str) -> requests.Response:
        """Return the page at `url`, no redirect followed."""
        self.page = self.session.get(urljoin(self.base, url), allow_redirects=False, timeout=30)
        return self.page

    def post(self, url: str, fields: Fields, **headers: str) -> requests.Response:
        """Return the answer to a form, sent as a browser sends one from our own pages."""
        self.page = self.session.post(
            urljoin(self.base, url),
            data=urlencode(fields),
            headers={
                "Content-Type": "application/x-www-form-urlencoded",
                "Origin": self.base,
                "Sec-Fetch-Site": "same-origin",
                **headers,
            },
            allow_redirects=False,
            timeout=30,
        )
        return self.page

    def follow(self, answer: requests.Response) -> requests.Response:
        """Follow redirects within the server; return the first page, or the redirect that leaves it."""
        for _ in range(_MOST_STEPS):
            location = answer.headers.get("Location")
            if location is None or not self.ours(urljoin(answer.url, location)):
                return answer
            answer = self.get(urljoin(answer.url, location))
        raise AssertionError("redirects without end")

    def ours(self, url: str) -> bool:
        """Return whether `url` is the authorization server's."""
        return url == self.base or url.startswith(f"{self.base}/")

    def form(self, *names: str) -> Form:
        """Return the form of the current page that has these fields."""
        assert self.page is not None
        for form in forms(self.page.text):
            if set(names) <= form.names():
                return form
        raise AssertionError(f"no form with {names} on the page ({self.page.status_code}): {self.page.text}")

    def submit(self, form: Form, **changes: str | list[str] | None) -> requests.Response:
        """Send a form with these fields changed and return where that leads."""
        assert self.page is not None
        target = urljoin(self.page.url, form.action or self.page.url)
        return self.follow(self.post(target, form.filled(changes)))

    def start(self, app: App, scope: str, *, post: bool = False, **more: str | None) -> requests.Response:
        """Return what an authorization request leads to; parameters of `more` replace the app's own."""
        asked = app.request(scope, **more)
        if post:
            return self.follow(self.post("/auth/authorize", list(asked.items()), Origin="null"))
        return self.follow(self.get(f"/auth/authorize?{urlencode(asked)}"))

    def sign_in(self, user: Mapping[str, str]) -> requests.Response:
        """Fill the sign-in page: username, password, and totp where the account has one."""
        return self.submit(self.form("username", "password"), **user)

    def authorize(
        self,
        app: App,
        scope: str,
        *,
        user: Mapping[str, str] | None = None,
        patient: Mapping[str, str] | None = None,
        grant: list[str] | Callable[[Form], list[str]] | None = None,
        supervisor: str | None = None,
        decision: str = "allow",
        post: bool = False,
        **more: str | None,
    ) -> dict[str, str]:
        """Walk the whole flow and return the parameters that the app gets at its redirect URI.

        `grant`: the scopes to tick, else those that are; `supervisor`: for a delegate, the value to choose.
        """
        answer = self.start(app, scope, post=post, **more)
        for _ in range(_MOST_STEPS):
            if answer.is_redirect:
                return app.received(answer.headers["Location"])
            assert answer.status_code == 200, answer.text
            names = {name for form in forms(answer.text) for name in form.names()}
            if "password" in names:
                assert user is not None, "nobody to sign in"
                answer = self.sign_in(user)
            elif "birthdate" in names:
                assert patient is not None, "no patient to choose"
                answer = self.submit(self.form("birthdate"), **patient)
            else:
                form = self.form("decision")
                changes: dict[str, Any] = {"decision": decision}
                if grant is not None:
                    changes["scope"] = grant(form) if callable(grant) else grant
                if supervisor is not None:
                    changes["supervisor"] = supervisor
                answer = self.submit(form, **changes)
        raise AssertionError("pages without end")


@dataclass
class App:
    """A client as tests play it: its requests with PKCE, and its token requests.

    `secret`: with client_secret_basic; `assertion`: returns a client assertion, with private_key_jwt.
    """

    base: str
    client_id: str
    redirect_uri: str
    secret: str | None = None
    assertion: Callable[[], str] | None = None
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    state: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    @property
    def challenge(self) -> str:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def request(self, scope: str, **changes: str | None) -> dict[str, str]:
        """Return an authorization request's parameters; a change to None leaves one out."""
        made: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": scope,
            "state": self.state,
            "aud": f"{self.base}/fhir",
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
            **changes,
        }
        return {name: value for name, value in made.items() if value is not None}

    def received(self, location: str) -> dict[str, str]:
        """Return the parameters of an answer, which must have come to the redirect URI."""
        assert location.split("?")[0] == self.redirect_uri.split("?")[0], location
        return dict(parse_qsl(urlsplit(location).query, keep_blank_values=True))

    def exchange(self, code: str, **changes: str | None) -> dict[str, Any]:
        """Return the token response of a code, which must succeed."""
        return self._must(self.token(**self.code_form(code, **changes)))

    def refresh(self, refresh_token: str, **changes: str | None) -> dict[str, Any]:
        """Return the token response of a refresh token, which must succeed."""
        form: dict[str, str | None] = {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            **changes,
        }
        return self._must(self.token(**form))

    def code_form(self, code: str, **changes: str | None) -> dict[str, str | None]:
        """Return the parameters that exchange a code; a change to None leaves one out."""
        return {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
            **changes,
        }

    def token(self, **form: str | None) -> requests.Response:
        """Return the answer to a token request, the client authenticated in its way."""
        sent = {name: value for name, value in form.items() if value is not None}
        auth = None
        if self.secret is not None:
            auth = (self.client_id, self.secret)
        elif self.assertion is not None:
            sent["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
            sent["client_assertion"] = self.assertion()
        else:
            sent.setdefault("client_id", self.client_id)
        return requests.post(
            f"{self.base}/auth/token", data=sent, auth=auth, allow_redirects=False, timeout=30
        )

    @staticmethod
    def _must(answer: requests.Response) -> dict[str, Any]:
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told
