"""What users see of the authorization server: sign-in, patient, consent, and what went wrong.

Plain HTML forms without any script, in no frame, with one style sheet of our own. Every value is escaped by
the template; nothing of a patient is ever in an address. Each page says which app it is about.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

import flask
import jinja2

STYLE_PATH = "/auth/static/<digest>.css"


@dataclass(frozen=True, slots=True)
class SignIn:
    """The sign-in page. `problem`: why the last try did not do; `wait_seconds`: until the next may be made.

    `needs_totp`: a one-time code is asked for; `required_totp`: of everybody. `local` and `upstream` say
    which ways there are. `form_action_origins`: where the app may be, if a step ends the request.
    """

    request: str
    csrf: str
    client_name: str
    username_hint: str
    problem: str | None
    needs_totp: bool
    upstream: bool
    wait_seconds: int
    local: bool = True
    required_totp: bool = False
    upstream_name: str = ""
    form_action_origins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PatientPage:
    """The patient page. `values`: what was typed, by field; `problem_field`: the one to look at."""

    request: str
    csrf: str
    client_name: str
    user_name: str
    problem: str | None
    values: dict[str, str] = field(repr=False)
    form_action_origins: tuple[str, ...] = ()
    problem_field: str = ""


@dataclass(frozen=True, slots=True)
class ScopeLine:
    """One scope that can be granted, in plain words; `finer` are parts of it, granted where it is not."""

    value: str
    checked: bool
    title: str
    explanation: str
    finer: list[ScopeLine] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ConsentPage:
    """The consent page. `patient`: lines that say who is in context; `supervisors`: (value, name) pairs."""

    request: str
    csrf: str
    client_name: str
    client_uri: str | None
    user_name: str
    supervisors: list[tuple[str, str]]
    patient: list[str] | None = field(repr=False)
    scopes: list[ScopeLine]
    offline: bool
    redirect_host: str
    form_action_origins: tuple[str, ...]


def sign_in_page(page: SignIn, status: int = 200) -> flask.Response:
    """Return the sign-in page; 200, or the status of what went wrong."""
    response = _page("sign_in.html", status, page=page, origins=page.form_action_origins)
    if page.wait_seconds:
        response.headers["Retry-After"] = str(page.wait_seconds)
    return response


def patient_page(page: PatientPage) -> flask.Response:
    """Return the patient page: 200, or 400 with a problem."""
    status = 400 if page.problem else 200
    return _page("patient.html", status, page=page, origins=page.form_action_origins)


def consent_page(page: ConsentPage) -> flask.Response:
    """Return the consent page."""
    return _page("consent.html", 200, page=page, origins=page.form_action_origins)


def error_page(title: str, text: str, status: int) -> flask.Response:
    """Return a page that says what went wrong, and leads nowhere."""
    return _page("problem.html", status, title=title, text=text)


def signed_out_page() -> flask.Response:
    """Return the page after signing out."""
    text = "You are signed out here. Close this window on a computer that others use."
    return _page("problem.html", 200, title="Signed out", text=text)


def style(digest: str) -> flask.Response:
    """Return the style sheet, kept by browsers for as long as they like: another one has another address."""
    if digest != _digest():
        return flask.Response(status=404)
    return flask.Response(
        _style(),
        content_type="text/css; charset=utf-8",
        headers={"Cache-Control": "public, max-age=31536000, immutable"},
    )


def _page(template: str, status: int, *, origins: tuple[str, ...] = (), **values: object) -> flask.Response:
    text = _templates().get_template(template).render(style=f"static/{_digest()}.css", **values)
    # Chromium holds `form-action` against every redirect that follows a form, the app's own address too.
    form_action = " ".join(("'self'", *origins))
    return flask.Response(
        text,
        status,
        content_type="text/html; charset=utf-8",
        headers={
            "Cache-Control": "no-store",
            "Pragma": "no-cache",
            "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; "
            f"form-action {form_action}; frame-ancestors 'none'",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "no-referrer",
        },
    )


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("gateway.oauth"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _style() -> bytes:
    return files("gateway.oauth").joinpath("templates/pages.css").read_bytes()


@cache
def _digest() -> str:
    return hashlib.sha256(_style()).hexdigest()[:20]
