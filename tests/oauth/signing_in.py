"""Signing in, in one process with a clock of the test's own."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gateway.auth.accounts import add_account
from gateway.auth.registration import register_client
from gateway.core.clock import Clock
from gateway.core.sign_in_settings import SignInSettings
from gateway.services import Services
from tests.oauth.conftest import mount
from tests.support.smart_browser import App, Form, forms

PASSWORD = "correct horse battery 12"
CALLBACK = "https://app.example/callback"


@dataclass(frozen=True)
class MovedClock(Clock):
    """The real time, moved by what the test says."""

    moved: list[dt.timedelta] = field(default_factory=lambda: [dt.timedelta()])

    def now(self) -> dt.datetime:
        """Return the test's time."""
        return dt.datetime.now(dt.UTC) + self.moved[0]

    def move(self, **by: float) -> None:
        """Let time pass."""
        self.moved[0] += dt.timedelta(**by)


@dataclass
class Desk:
    """A browser at the authorization server of `settings`, and the clock of both."""

    services: Services
    http: FlaskClient
    clock: MovedClock
    app: App

    def another(self) -> Desk:
        """Return another browser."""
        return replace(self, http=self.http.application.test_client())

    def page(self, **more: str) -> TestResponse:
        """Return the first page of a new request."""
        asked = self.app.request("openid fhirUser", **more)
        return self.follow(self.http.get(f"/auth/authorize?{urlencode(asked)}"))

    def follow(self, answer: TestResponse) -> TestResponse:
        """Return the page that redirects within the server lead to."""
        while (answer.location or "").startswith(self.app.base):
            answer = self.http.get(answer.location.removeprefix(self.app.base))
        return answer

    def try_in(
        self,
        username: str,
        password: str = PASSWORD,
        totp: str = "",
        *,
        source: str = "203.0.113.5",
        page: TestResponse | None = None,
        **headers: str,
    ) -> TestResponse:
        """Send the sign-in form and return its very answer."""
        form = form_of(page or self.page(), "password")
        filled = form.filled({"username": username, "password": password, "totp": totp})
        return self.post("sign-in", filled, source=source, **headers)

    def post(
        self, name: str, fields: list[tuple[str, str]], *, source: str = "203.0.113.5", **headers: str
    ) -> TestResponse:
        """Send a form as a browser does."""
        return self.http.post(
            f"/auth/{name}",
            data=urlencode(fields),
            content_type="application/x-www-form-urlencoded",
            headers={"Origin": self.app.base, "Sec-Fetch-Site": "same-origin", **headers},
            environ_base={"REMOTE_ADDR": source},
        )

    def signed_in(self) -> bool:
        """Return whether this browser is signed in: the next request is asked for consent."""
        return "decision" in {name for form in forms(self.page().text) for name in form.names()}


def form_of(page: TestResponse, name: str) -> Form:
    """Return the page's form with a field of that name."""
    return next(form for form in forms(page.text) if name in form.names())


def desk(services: Services, **sign_in: Any) -> Desk:
    """Return a browser at a server of these services, with an app and settings of its own."""
    clock = MovedClock()
    settings = replace(services.settings, sign_in=SignInSettings(**sign_in))
    made = replace(services, clock=clock, settings=settings)
    metadata = {
        "client_name": "An app",
        "redirect_uris": [CALLBACK],
        "scope": "openid fhirUser",
        "token_endpoint_auth_method": "none",
    }
    app = App(services.settings.base_url, register_client(made.database, metadata)["client_id"], CALLBACK)
    return Desk(made, mount(made), clock, app)


def add_user(
    services: Services, username: str, *, totp: bool = False, npi: str | None = None
) -> dict[str, Any]:
    """Return the account of a practitioner as it was added; its second factor's secret with it."""
    return add_account(
        services.database,
        services.vault,
        username=username,
        role="practitioner",
        given_name="Harlan",
        family_name="Creech",
        password=PASSWORD,
        npi=npi,
        license=None if npi else f"KY:{username}",
        totp=totp,
    )


def let_in(answer: TestResponse) -> bool:
    """Return whether a form signed somebody in."""
    return answer.status_code == 303 and "pdmp_sid=" in str(answer.headers.getlist("Set-Cookie"))
