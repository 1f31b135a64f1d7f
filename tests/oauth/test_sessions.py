"""When a session ends, what its cookie is like, and what every page of ours says to browsers."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

import pytest

from gateway.auth import accounts
from gateway.oauth import server
from gateway.services import Services
from tests.oauth.signing_in import CALLBACK, add_user, desk, form_of, let_in

_COUNT = itertools.count()


@pytest.fixture
def user(services: Services) -> str:
    name = f"user{next(_COUNT)}"
    add_user(services, name)
    return name


def test_the_cookie_of_an_https_server_is_its_hosts_alone(services: Services, user: str) -> None:
    base = "https://pdmp.example"
    at = desk(replace(services, settings=replace(services.settings, base_url=base)))
    answer = at.try_in(user)
    assert answer.status_code == 303
    cookies = answer.headers.getlist("Set-Cookie")
    assert sorted(cookie.partition("=")[0] for cookie in cookies) == ["__Host-pdmp_known", "__Host-pdmp_sid"]
    for cookie in cookies:
        words = {word.strip() for word in cookie.split(";")}
        assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= words
        assert "Domain" not in cookie


def test_a_session_ends_when_it_is_idle_or_old(services: Services, user: str) -> None:
    at = desk(services, idle_minutes=30, session_hours=2)
    assert let_in(at.try_in(user))
    for _ in range(5):
        at.clock.move(minutes=23)
        assert at.signed_in()
    at.clock.move(minutes=6)
    assert not at.signed_in()
    assert let_in(at.try_in(user))
    at.clock.move(minutes=29)
    assert at.signed_in()
    at.clock.move(minutes=31)
    assert not at.signed_in()


def test_a_session_ends_with_its_account_or_another_password(services: Services, user: str) -> None:
    at = desk(services)
    assert let_in(at.try_in(user))
    accounts.set_password(services.database, user, "another horse 13")
    assert not at.signed_in()
    assert let_in(at.try_in(user, "another horse 13"))
    assert at.signed_in()
    accounts.disable_account(services.database, user)
    assert not at.signed_in()


def test_signing_out_takes_a_form_of_ours(services: Services, user: str) -> None:
    at = desk(services)
    assert let_in(at.try_in(user))
    kept = at.http.get_cookie("pdmp_sid")
    fields = dict(form_of(at.page(), "csrf").fields)
    for changed, headers in (
        ({"csrf": ""}, {}),
        ({"csrf": "0" * 64}, {}),
        ({}, {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}),
    ):
        sent = list({**fields, **changed}.items())
        assert at.post("sign-out", sent, **headers).status_code == 403
        assert at.signed_in()
    assert at.post("sign-out", list(fields.items())).status_code == 200
    assert at.http.get_cookie("pdmp_sid") is None
    assert kept is not None
    at.http.set_cookie("pdmp_sid", kept.value)
    assert not at.signed_in()


def test_pages_are_kept_by_nobody_and_shown_in_no_frame(services: Services) -> None:
    at = desk(services)
    page = at.page()
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    policy = dict(part.strip().split(" ", 1) for part in page.headers["Content-Security-Policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "style-src": "'self'",
        "base-uri": "'none'",
        "form-action": f"'self' {CALLBACK.removesuffix('/callback')}",
        "frame-ancestors": "'none'",
    }
    assert "<script" not in page.text
    assert " style=" not in page.text
    (address,) = re.findall(r'<link rel="stylesheet" href="([^"]+)">', page.text)
    sheet = at.http.get(f"/auth/{address}")
    assert (sheet.status_code, sheet.mimetype) == (200, "text/css")
    assert "immutable" in sheet.headers["Cache-Control"]
    assert at.http.get(f"/auth/static/{'0' * 20}.css").status_code == 404


def test_sessions_and_failures_of_long_ago_are_deleted_as_requests_come(
    services: Services, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = desk(services)
    assert let_in(at.try_in(user))
    with services.database.connection() as connection:
        connection.execute(
            "INSERT INTO browser_session (session_hash, account_id, methods, created_at, expires_at) "
            "SELECT 'old', account_id, '{pwd}', now() - interval '3 days', now() - interval '2 days' "
            "FROM account WHERE username = %s",
            (user,),
        )
        connection.execute("INSERT INTO sign_in_failure VALUES ('old', 9, now() - interval '2 days')")
        connection.execute("INSERT INTO sign_in_failure VALUES ('new', 9, now())")
    monkeypatch.setattr(server, "_PURGE_SECONDS", -1.0)
    at.page()
    with services.database.connection() as connection:
        old = connection.execute("SELECT count(*) FROM browser_session WHERE session_hash = 'old'").fetchone()
        left = connection.execute(
            "SELECT key_hash FROM sign_in_failure WHERE key_hash IN ('old', 'new')"
        ).fetchall()
    assert old == (0,)
    assert [bytes(row[0]) for row in left] == [b"new"]
    assert at.signed_in()
