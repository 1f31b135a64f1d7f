"""Who is let in by username, password and one-time code, how guessing is slowed, and when a session ends."""

from __future__ import annotations

import base64
import concurrent.futures
import ipaddress
import itertools
import logging
import re

import argon2
import psycopg
import pytest
from werkzeug.test import TestResponse

from gateway.auth import accounts, totp
from gateway.services import Services
from tests.oauth.signing_in import PASSWORD, Desk, add_user, desk, form_of, let_in
from tests.support.databases import TestDatabase

_COUNT = itertools.count()


@pytest.fixture
def user(services: Services) -> str:
    name = f"user{next(_COUNT)}"
    add_user(services, name)
    return name


@pytest.fixture
def guesses(services: Services) -> None:
    """Nothing failed before."""
    with services.database.connection() as connection:
        connection.execute("DELETE FROM sign_in_failure")


pytestmark = pytest.mark.usefixtures("guesses")


def wait(answer: TestResponse) -> int:
    """Return for how long no try is looked at, as header and page say alike."""
    assert answer.status_code == 429
    seconds = int(answer.headers["Retry-After"])
    assert f"counts in {seconds} seconds" in answer.text
    return seconds


def fail(at: Desk, user: str, times: int, **more: str) -> TestResponse:
    """Guess wrong; each guess waits until it is looked at."""
    answer = at.try_in(user, "wrong guess", **more)
    for _ in range(times - 1):
        if answer.status_code == 429:
            at.clock.move(seconds=wait(answer))
        answer = at.try_in(user, "wrong guess", **more)
    return answer


def test_the_right_password_signs_in_by_a_session_of_a_new_name(services: Services, user: str) -> None:
    at = desk(services)
    assert not at.signed_in()
    answer = at.try_in(user)
    assert let_in(answer)
    first = at.http.get_cookie("pdmp_sid")
    assert first is not None
    assert (first.http_only, first.same_site, first.path, len(first.value)) == (True, "Lax", "/", 43)
    assert at.signed_in()
    assert let_in(at.try_in(user, page=at.page(prompt="login")))
    second = at.http.get_cookie("pdmp_sid")
    assert second is not None
    assert second.value != first.value
    # The old name opens nothing any more.
    at.http.set_cookie("pdmp_sid", first.value)
    assert not at.signed_in()
    at.http.set_cookie("pdmp_sid", second.value)
    assert at.signed_in()


def test_what_did_not_fit_is_told_alike_whoever_it_was(services: Services, user: str) -> None:
    at = desk(services)
    enrolled = f"enrolled{next(_COUNT)}"
    add_user(services, enrolled, totp=True)
    gone = f"gone{next(_COUNT)}"
    add_user(services, gone)
    accounts.disable_account(services.database, gone)
    told = set()
    for name, password in (
        (user, "wrong guess"),
        ("nobody", "wrong guess"),
        (enrolled, "wrong guess"),
        (enrolled, PASSWORD),
        (gone, PASSWORD),
        ("no\0body", "wrong guess"),
        ("x" * 5000, "y" * 5000),
    ):
        answer = at.try_in(name, password)
        assert (answer.status_code, "Set-Cookie" in answer.headers) == (400, False)
        # But for what was typed, and the form's token.
        told.add(re.sub(r'value="[^"]*"', "", answer.text))
    assert len(told) == 1
    assert let_in(at.try_in(user))


def test_an_unknown_name_costs_a_hash_too(
    services: Services, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified = []
    verify = argon2.PasswordHasher.verify

    def watch(self: argon2.PasswordHasher, kept: str, password: str) -> bool:
        verified.append(argon2.extract_parameters(kept))
        return bool(verify(self, kept, password))

    monkeypatch.setattr(argon2.PasswordHasher, "verify", watch)
    at = desk(services)
    at.try_in(user, "wrong guess")
    at.try_in("nobody", "wrong guess")
    assert len(verified) == 2
    assert verified[0] == verified[1]


def test_a_hash_of_older_parameters_is_made_anew(
    services: Services, user: str, module_database: TestDatabase
) -> None:
    old = argon2.PasswordHasher(time_cost=1, memory_cost=8192).hash(PASSWORD)
    with psycopg.connect(module_database.admin_url, autocommit=True) as connection:
        connection.execute("UPDATE pdmp.account SET password_hash = %s WHERE username = %s", (old, user))
        at = desk(services)
        assert not let_in(at.try_in(user, "wrong guess"))
        assert let_in(at.try_in(user))
        row = connection.execute(
            "SELECT password_hash FROM pdmp.account WHERE username = %s", (user,)
        ).fetchone()
    assert row
    assert row[0] != old
    assert not argon2.PasswordHasher().check_needs_rehash(row[0])
    assert let_in(at.another().try_in(user))


def test_guesses_are_slowed_more_and_more_up_to_a_minute(services: Services, user: str) -> None:
    at = desk(services)
    waits = []
    for number in range(9):
        answer = at.try_in(user, "wrong guess")
        if number < 2:
            assert answer.status_code == 400
            continue
        waits.append(wait(answer))
        # Too early: not looked at, however right, and it does not make the wait longer.
        early = at.try_in(user)
        assert (early.status_code, let_in(early)) == (429, False)
        assert wait(early) <= waits[-1]
        at.clock.move(seconds=waits[-1])
    assert waits == [2, 4, 8, 16, 32, 60, 60]
    assert let_in(at.try_in(user))
    # A good one forgets the bad ones.
    assert at.another().try_in(user, "wrong guess").status_code == 400


def test_a_stranger_elsewhere_shuts_nobody_out(services: Services, user: str) -> None:
    owner, stranger = desk(services), desk(services)
    assert fail(stranger, user, 8, source="198.51.100.7").status_code == 429
    assert let_in(owner.try_in(user, source="203.0.113.5"))


def test_guesses_from_many_addresses_are_slowed_and_the_owners_browser_is_not(
    services: Services, user: str
) -> None:
    owner = desk(services)
    assert let_in(owner.try_in(user))
    owner.http.delete_cookie("pdmp_sid")
    many = desk(services)
    answers = [many.try_in(user, "wrong guess", source=f"198.51.100.{number}") for number in range(31)]
    assert [one.status_code for one in answers[:29]] == [400] * 29
    assert wait(answers[-1]) <= 10
    stranger = many.another().try_in(user, source="203.0.113.77")
    assert stranger.status_code == 429
    assert let_in(owner.try_in(user, source="203.0.113.5"))
    # Whoever has the owner's browser guesses no faster than anybody.
    owner.http.delete_cookie("pdmp_sid")
    assert wait(fail(owner, user, 5)) == 8
    # It stands for its own account only.
    other = f"other{next(_COUNT)}"
    add_user(services, other)
    assert fail(owner.another(), other, 4).status_code == 429
    assert owner.try_in(other).status_code == 429
    # And a browser anew has to wait for seconds, not for hours.
    many.clock.move(seconds=10)
    assert let_in(many.another().try_in(user, source="203.0.113.77"))


def test_a_forged_browser_is_a_strangers(services: Services, user: str) -> None:
    at = desk(services)
    assert let_in(at.try_in(user))
    kept = at.http.get_cookie("pdmp_known")
    assert kept is not None
    stranger = desk(services)
    fail(stranger, user, 4)
    last = "A" if kept.value[-2] != "A" else "B"
    for value in ("", "x", "é", kept.value[:-2] + last + kept.value[-1], kept.value * 9):
        stranger.http.set_cookie("pdmp_known", value)
        assert stranger.try_in(user).status_code == 429
    stranger.http.set_cookie("pdmp_known", kept.value)
    assert let_in(stranger.try_in(user))
    # After three months without a sign-in it is a stranger's again; the failures are forgotten by then.
    stranger.http.delete_cookie("pdmp_sid")
    stranger.clock.move(days=91)
    other = stranger.another()
    assert fail(other, user, 4).status_code == 429
    assert stranger.try_in(user).status_code == 429


def test_one_address_cannot_try_all_accounts(services: Services) -> None:
    at = desk(services)
    answers = [at.try_in(f"somebody{number}", "wrong guess") for number in range(51)]
    assert [one.status_code for one in answers[:49]] == [400] * 49
    wait(answers[-1])
    assert at.try_in("somebody else", "wrong guess", source="203.0.113.6").status_code == 400


def test_parallel_guesses_see_each_other(services: Services, user: str) -> None:
    at = desk(services)
    pages = [at.page() for _ in range(8)]

    def guess(page: TestResponse) -> TestResponse:
        try:
            return at.another().try_in(user, "wrong guess", page=page)
        finally:
            services.database.close()

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(guess, pages))
    # Three are free, and no fourth is looked at before its time.
    looked_at = [one for one in answers if one.status_code == 400]
    assert len(looked_at) <= 3


@pytest.mark.parametrize(
    ("trusted", "sent", "counted_together"),
    [
        ((), "198.51.100.9", True),
        (("10.0.0.0/8",), "198.51.100.9", True),
        (("203.0.113.5/32",), "198.51.100.9", False),
        (("203.0.113.5/32",), "192.0.2.1, 198.51.100.9", False),
    ],
)
def test_only_our_own_proxies_say_where_a_sign_in_comes_from(
    services: Services, user: str, trusted: tuple[str, ...], sent: str, counted_together: bool
) -> None:
    at = desk(services, trusted_proxies=tuple(ipaddress.ip_network(one) for one in trusted))
    for number in range(4):
        at.try_in(user, "wrong guess", **{"X-Forwarded-For": f"192.0.2.{number}, 198.51.100.{number}"})
    answer = at.try_in(user, "wrong guess", **{"X-Forwarded-For": sent})
    assert (answer.status_code == 429) is counted_together


def test_one_network_of_ipv6_is_one_source(services: Services, user: str) -> None:
    at = desk(services)
    for number in range(4):
        at.try_in(user, "wrong guess", source=f"2001:db8:1:2::{number + 1}")
    assert at.try_in(user, "wrong guess", source="2001:db8:1:2:ffff::1").status_code == 429
    assert at.try_in(user, "wrong guess", source="2001:db8:1:3::1").status_code == 400


def test_a_one_time_code_counts_once_and_for_a_step_around_now(services: Services) -> None:
    at, name = desk(services), f"coded{next(_COUNT)}"
    secret = base64.b32decode(add_user(services, name, totp=True)["totp_secret"])

    def code(steps: int) -> str:
        return totp.code(secret, int(at.clock.now().timestamp()) // totp.SECONDS + steps)

    assert not let_in(at.try_in(name))
    assert not let_in(at.try_in(name, totp=code(-2)))
    at.clock.move(minutes=61)
    assert not let_in(at.try_in(name, "wrong guess", code(0)))
    good = code(0)
    assert let_in(at.try_in(name, totp=f"{good[:3]} {good[3:]}"))
    # Seen over the shoulder: not again, nor an earlier one.
    assert not let_in(at.another().try_in(name, totp=good))
    assert not let_in(at.another().try_in(name, totp=code(-1)))
    at.clock.move(seconds=30)
    assert let_in(at.another().try_in(name, totp=code(0)))


def test_a_program_may_require_the_second_factor_or_do_without(services: Services, user: str) -> None:
    name = f"coded{next(_COUNT)}"
    secret = base64.b32decode(add_user(services, name, totp=True)["totp_secret"])
    strict, lax = desk(services, second_factor="required"), desk(services, second_factor="off")
    assert not let_in(strict.try_in(user))
    step = int(strict.clock.now().timestamp()) // totp.SECONDS
    assert let_in(strict.try_in(name, totp=totp.code(secret, step)))
    assert "totp" not in form_of(lax.page(), "password").names()
    answer = lax.post(
        "sign-in", form_of(lax.page(), "password").filled({"username": name, "password": PASSWORD})
    )
    assert let_in(answer)


def test_a_forged_sign_in_is_refused(services: Services, user: str) -> None:
    at = desk(services)
    page = at.page()
    fields = dict(form_of(page, "password").filled({"username": user, "password": PASSWORD}))
    other = dict(form_of(at.page(), "password").fields)
    for changed, headers, status in (
        ({"csrf": ""}, {}, 403),
        # The token of another request.
        ({"csrf": other["csrf"]}, {}, 403),
        ({"request": "unknown"}, {}, 400),
        ({}, {"Origin": "https://evil.example"}, 403),
        ({}, {"Sec-Fetch-Site": "cross-site"}, 403),
        ({}, {"Sec-Fetch-Site": "same-site"}, 403),
    ):
        answer = at.post("sign-in", list({**fields, **changed}.items()), **headers)
        assert (answer.status_code, "Set-Cookie" in answer.headers) == (status, False)
    assert let_in(at.post("sign-in", list(fields.items())))


def test_what_is_typed_is_in_no_address_and_no_log(
    services: Services, user: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    at = desk(services)
    answers = [at.try_in("typed-by-mistake", "password-of-mine"), at.try_in(user)]
    assert let_in(answers[-1])
    told = " ".join(str(vars(record)) for record in caplog.records)
    told += " ".join(str(answer.headers) for answer in answers)
    for word in ("typed-by-mistake", "password-of-mine", PASSWORD):
        assert word not in told
    # Not in the query either: the form is posted, and what is sent in the URL is not read.
    fields = form_of(at.page(prompt="login"), "password").filled({"username": user, "password": PASSWORD})
    answer = at.http.post("/auth/sign-in?username=x", data=dict(fields))
    assert (answer.status_code, let_in(answer)) == (400, False)
