"""The authorization server's pages in Chromium: a program, and apps that users are sent from and back to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode

from playwright.sync_api import Page

from tests.support.smart_browser import App
from tests.support.smart_program import PATIENT, USER, Program

EVERYTHING = "launch/patient openid fhirUser offline_access patient/*.rs"


class _Callback(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><html lang=en><title>App</title><h1>Back in the app</h1>")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Access:
    """A running program and where its apps are."""

    program: Program
    home: str

    def app(self, **more: object) -> App:
        """Return an app of its own, registered."""
        told = self.program.app("none", f"{self.home}/redirect", **{"client_name": "Bluegrass Chart", **more})
        return App(self.program.gateway.base, told["client_id"], f"{self.home}/redirect")


@contextmanager
def run_callback() -> Iterator[str]:
    """Yield the base URL of a place that apps' users come back to."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Callback)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def start(page: Page, app: App, scope: str = EVERYTHING, **more: str) -> None:
    """Send the user from the app."""
    page.goto(f"{app.base}/auth/authorize?{urlencode(app.request(scope, **more))}")


def sign_in(page: Page, username: str = USER["username"], password: str = USER["password"]) -> None:
    """Fill the sign-in page by its labels."""
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def choose_patient(page: Page) -> None:
    """Fill the patient page by its labels."""
    page.get_by_label("Given name").fill(PATIENT["given"])
    page.get_by_label("Family name").fill(PATIENT["family"])
    page.get_by_label("Birth date").fill(PATIENT["birthdate"])
    page.get_by_label("ZIP code").fill(PATIENT["postal_code"])
    page.get_by_role("button", name="Find the patient").click()


def add_delegate(program: Program) -> dict[str, str]:
    """Add a delegate of two supervisors and return what they sign in with."""
    other = {"username": "delacroix", "password": USER["password"]}
    helper = {"username": "helper", "password": USER["password"]}
    for user, words in (
        (other, ["--role", "pharmacist", "--name", "Odile Delacroix", "--npi", "1999100872"]),
        (helper, ["--role", "delegate", "--name", "Pat Quill", "--supervisor", "creech"]),
    ):
        if user is helper:
            words += ["--supervisor", "delacroix"]
        words += ["--username", user["username"], "--password-stdin"]
        added = program.cli("accounts", "add", *words, stdin=user["password"])
        assert added.returncode == 0, added.stderr
    return helper
