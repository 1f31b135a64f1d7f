"""Attacks on the pages that a user sees: forged forms, borrowed sessions, frames, guessed passwords."""

from __future__ import annotations

import concurrent.futures
import re
import uuid
from urllib.parse import urljoin

import pytest
import requests

from tests.security.house import PASSWORD, SCOPE, WHO, House
from tests.support.smart_browser import App, Browser, Fields
from tests.support.smart_program import PATIENT, USER

EVIL = "https://evil.example"


@pytest.fixture
def app(house: House) -> App:
    return house.app()


def at_consent(browser: Browser, app: App, scope: str = WHO) -> Fields:
    """Walk to the consent page and return its form as a user's yes."""
    browser.start(app, scope)
    browser.sign_in(USER)
    if "patient/" in scope:
        browser.submit(browser.form("birthdate"), **PATIENT)
    return browser.form("decision").filled({"decision": "allow"})


def changed(form: Fields, **changes: str | None) -> Fields:
    """Return a form with these fields changed; None leaves one out."""
    kept = [(name, value) for name, value in form if name not in changes]
    return [*kept, *((name, value) for name, value in changes.items() if value is not None)]


def no_code(answer: requests.Response, status: int) -> None:
    assert answer.status_code == status, answer.text
    assert "code=" not in answer.headers.get("Location", "")


def test_a_consent_that_the_user_did_not_send_is_refused(browser: Browser, house: House, app: App) -> None:
    form = at_consent(browser, app)
    for csrf in (None, "", "x" * 64, "0" * 64):
        no_code(browser.post("/auth/consent", changed(form, csrf=csrf)), 403)
    # As another site's page would make the browser send it, had the cookie come along.
    for headers in (
        {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"},
        {"Origin": EVIL, "Sec-Fetch-Site": "same-origin"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Origin": f"{house.base}.evil.example"},
        {"Origin": house.base, "Sec-Fetch-Site": "same-site"},
        {"Origin": house.base.replace("http:", "https:")},
    ):
        no_code(browser.post("/auth/consent", form, **headers), 403)
    no_code(browser.get(f"/auth/consent?{'&'.join(f'{name}={value}' for name, value in form)}"), 405)
    good = browser.post("/auth/consent", form)
    assert "code" in app.received(good.headers["Location"])


def test_a_form_of_one_request_or_session_is_none_of_another(
    browser: Browser, house: House, app: App
) -> None:
    form = at_consent(browser, app)
    # The attacker's own request and page, with the attacker's own app.
    evil = house.app()
    attacker = house.browser()
    attacker.start(evil, WHO)
    attacker.sign_in(house.account())
    theirs = attacker.form("decision").filled({"decision": "allow"})
    mine, yours = dict(form), dict(theirs)
    # The victim's browser with the attacker's form or handle; the attacker's with the victim's.
    for who, fields in (
        (browser, theirs),
        (browser, changed(form, request=yours["request"])),
        (browser, changed(theirs, csrf=mine["csrf"])),
        (attacker, form),
        (attacker, changed(theirs, request=mine["request"])),
        (house.browser(), form),
    ):
        answer = who.post("/auth/consent", fields)
        assert "code=" not in answer.headers.get("Location", ""), fields
        assert "evil" not in answer.headers.get("Location", "")
    assert "code" in evil.received(attacker.post("/auth/consent", theirs).headers["Location"])
    assert "code" in app.received(browser.post("/auth/consent", form).headers["Location"])


def test_a_request_that_someone_has_begun_is_shown_to_nobody_else(browser: Browser, house: House) -> None:
    app = house.app()
    at_consent(browser, app, SCOPE)
    assert browser.page is not None
    handle = dict(browser.form("decision").fields)["request"]
    stranger = house.browser()
    page = stranger.follow(stranger.get(f"/auth/continue?request={handle}"))
    assert "Fenwick" not in page.text
    stranger.sign_in(house.account())
    assert stranger.page is not None
    assert (stranger.page.status_code, "Fenwick" in stranger.page.text) == (403, False)
    again = browser.follow(browser.get(f"/auth/continue?request={handle}"))
    assert again.status_code == 200
    assert "code" in app.received(
        browser.submit(browser.form("decision"), decision="allow").headers["Location"]
    )


def test_what_is_granted_is_read_from_the_stored_request_and_not_from_the_form(
    browser: Browser, house: House, app: App
) -> None:
    form = at_consent(browser, app, SCOPE)
    forged = changed(
        form,
        client_id=house.app().client_id,
        redirect_uri=f"{EVIL}/steal",
        state="evil",
        patient=house.someone_else,
        person_id=house.someone_else,
        account_id=str(uuid.uuid4()),
        supervisor=str(uuid.uuid4()),
        launch="x",
        aud=EVIL,
    )
    more = [*forged, ("scope", "patient/*.cruds"), ("scope", "user/MedicationDispense.rs")]
    no_code(browser.post("/auth/consent", more), 400)
    answer = browser.post("/auth/consent", forged)
    members = app.received(answer.headers["Location"])
    assert members["state"] == app.state
    tokens = app.exchange(members["code"])
    assert tokens["scope"] == SCOPE
    assert tokens["patient"] != house.someone_else
    assert house.dispenses(tokens).json()["total"] > 0


def test_a_sign_in_from_another_site_signs_nobody_in(browser: Browser, house: House, app: App) -> None:
    browser.start(app, WHO)
    form = browser.form("username", "password").filled(USER)
    for headers in (
        {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    ):
        answer = browser.post("/auth/sign-in", form, **headers)
        assert (answer.status_code, answer.cookies.keys()) == (403, [])
    other = house.browser()
    other.start(app, WHO)
    stolen = changed(form, request=dict(other.form("username").fields)["request"])
    assert browser.post("/auth/sign-in", stolen).status_code == 403
    good = browser.post("/auth/sign-in", form)
    assert (good.status_code, "pdmp_sid" in good.cookies) == (303, True)


def test_a_session_has_a_new_name_after_each_sign_in_and_none_that_was_brought(
    browser: Browser, house: House, app: App
) -> None:
    browser.session.cookies.set("pdmp_sid", "a" * 43, domain="localhost.local", path="/")
    browser.start(app, WHO)
    answer = browser.post("/auth/sign-in", browser.form("password").filled(USER))
    cookie = answer.headers["Set-Cookie"]
    first = answer.cookies["pdmp_sid"]
    assert first != "a" * 43
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Domain" not in cookie
    # Signed in again: the name from before is worth nothing.
    browser.start(app, WHO, prompt="login")
    second = browser.post("/auth/sign-in", browser.form("password").filled(USER)).cookies["pdmp_sid"]
    assert second != first
    for value, signed_in in ((first, False), (second, True)):
        with_it = house.browser()
        with_it.session.headers["Cookie"] = f"pdmp_sid={value}"
        page = with_it.start(app, WHO)
        assert ('name="password"' not in page.text) == signed_in


def test_no_page_can_be_framed_kept_or_made_to_run_anything(browser: Browser, house: House) -> None:
    app = house.app()
    pages = [browser.start(app, SCOPE), browser.sign_in(USER)]
    pages.append(browser.submit(browser.form("birthdate"), **PATIENT))
    assert "decision" in browser.form("decision").names()
    pages.append(browser.get("/auth/continue?request=unknown"))
    pages.append(browser.get("/auth/authorize"))
    assert [page.status_code for page in pages] == [200, 200, 200, 400, 400]
    for page in pages:
        policy = dict(
            part.strip().partition(" ")[::2] for part in page.headers["Content-Security-Policy"].split(";")
        )
        assert policy["default-src"] == "'none'"
        assert policy["frame-ancestors"] == "'none'"
        assert policy.get("script-src", "'none'") == "'none'"
        assert page.headers["X-Frame-Options"] == "DENY"
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert "<script" not in page.text
        assert "Access-Control-Allow-Origin" not in page.headers


def test_sign_out_takes_a_form_of_ours(browser: Browser, house: House, app: App) -> None:
    at_consent(browser, app)
    assert browser.page is not None
    url = urljoin(browser.page.url, "/auth/sign-out")
    no_code(browser.post(url, [], Origin=EVIL, **{"Sec-Fetch-Site": "cross-site"}), 403)
    no_code(browser.post(url, [("request", "x"), ("csrf", "y")]), 403)
    assert 'name="password"' not in browser.start(app, WHO).text
    from tests.oauth.test_launched_flow import sign_out

    browser.submit(sign_out(browser))
    assert 'name="password"' in browser.start(app, WHO).text


def test_guessing_a_password_is_slowed_down_even_in_parallel_and_tells_nothing(
    browser: Browser, house: House, app: App
) -> None:
    victim = house.account()
    nobody = {"username": f"u{uuid.uuid4().hex}", "password": PASSWORD}
    browser.start(app, WHO)
    form = browser.form("username", "password")

    def guess(user: dict[str, str], forwarded: str, **right: str) -> requests.Response:
        return requests.post(
            f"{house.base}/auth/sign-in",
            data=form.filled({**user, "password": "wrong", **right}),
            headers={"Origin": house.base, "X-Forwarded-For": forwarded},
            allow_redirects=False,
            timeout=30,
        )

    def counted() -> dict[bytes, int]:
        return {
            bytes(row[0]): row[1] for row in house.as_owner("SELECT key_hash, failures FROM sign_in_failure")
        }

    before = counted()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        sent = list(pool.map(lambda n: guess(victim, f"203.0.113.{n}"), range(10)))
    assert {answer.status_code for answer in sent} <= {400, 429}
    # Three were looked at, whatever addresses they claimed to come from: those are not believed.
    new = {key: failures for key, failures in counted().items() if key not in before}
    assert set(new.values()) == {3}
    house.as_owner(
        "UPDATE sign_in_failure SET failures = failures + 10, last_at = now() WHERE key_hash = ANY(%(keys)s)",
        keys=list(new),
    )
    # Now the right password is not looked at either: else guessing would go on.
    kept_out = guess(victim, "198.51.100.7", password=PASSWORD)
    assert (kept_out.status_code, kept_out.cookies.keys()) == (429, [])
    # An account that does not exist answers alike.
    unknown = [guess(nobody, "198.51.100.8") for _ in range(3)]
    assert [answer.status_code for answer in unknown] == [400, 400, 429]
    house.as_owner("UPDATE sign_in_failure SET failures = 13, last_at = now() WHERE failures = 3")
    texts = {
        re.sub(r"\d+", "N", guess(user, "198.51.100.9").text.replace(user["username"], "NAME"))
        for user in (victim, nobody)
    }
    assert len(texts) == 1
    # Somebody else, from the same address, is not kept out; nor is the owner for longer than the delay.
    assert "code" in house.browser().authorize(app, WHO, user=house.account())
    house.as_owner("UPDATE sign_in_failure SET last_at = now() - interval '61 s'")
    assert "pdmp_sid" in guess(victim, "198.51.100.7", password=PASSWORD).cookies


def test_a_pending_request_is_in_no_cookie(browser: Browser, app: App) -> None:
    app.state = "s" * 3000
    browser.start(app, WHO)
    assert list(browser.session.cookies) == []
    browser.sign_in(USER)
    assert "pdmp_sid" in browser.session.cookies
    assert sum(len(value or "") for value in browser.session.cookies.values()) < 500
    answer = browser.submit(browser.form("decision"), decision="allow")
    assert app.received(answer.headers["Location"])["state"] == app.state
