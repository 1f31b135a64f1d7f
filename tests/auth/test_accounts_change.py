"""An account's password, second factor and supervisors change by the command, and what stood on them ends."""

from __future__ import annotations

import json
from typing import Any

import argon2
import psycopg
import pytest

from tests.support.databases import TestDatabase
from tests.support.processes import Cli

OLD, NEW = "correct horse battery staple", "another horse altogether"


def told(cli: Cli, *words: str, stdin: str = "") -> dict[str, Any]:
    done = cli("accounts", *words, "--json", stdin=stdin)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.fixture
def people(cli: Cli) -> Cli:
    add = ("add", "--password-stdin", "--name", "Ada Lovelace", "--username")
    for username, npi in (("ada", "1234567893"), ("grace", "1999000015")):
        told(cli, *add, username, "--role", "practitioner", "--npi", npi, stdin=OLD)
    told(cli, *add, "del", "--role", "delegate", "--supervisor", "ada", "--supervisor", "grace", stdin=OLD)
    return cli


def sign_in(database: TestDatabase, username: str) -> None:
    """A session as a sign-in leaves it."""
    with psycopg.connect(database.url, autocommit=True, options="-c role=pdmp_gateway") as connection:
        connection.execute(
            "INSERT INTO pdmp.browser_session (session_hash, account_id, methods, expires_at) "
            "SELECT sha256(username::bytea), account_id, '{pwd}', now() + interval '1 hour' "
            "FROM pdmp.account WHERE username = %s",
            (username,),
        )


def sessions(database: TestDatabase) -> int:
    with psycopg.connect(database.admin_url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pdmp.browser_session WHERE ended_at IS NULL"
        ).fetchone()
    assert row
    count: int = row[0]
    return count


def test_a_new_password_is_the_one_that_fits_and_ends_sessions(people: Cli, database: TestDatabase) -> None:
    sign_in(database, "ada")
    assert told(people, "password", "ada", "--password-stdin", stdin=NEW)["password"] == "changed"
    assert sessions(database) == 0
    with psycopg.connect(database.admin_url) as connection:
        row = connection.execute("SELECT password_hash FROM pdmp.account WHERE username = 'ada'").fetchone()
    assert row
    assert argon2.PasswordHasher().verify(row[0], NEW)
    refused = people("accounts", "password", "ada", "--password-stdin", stdin="short")
    assert (refused.returncode, "8 characters" in refused.stderr) == (1, True)
    assert people("accounts", "password", "nobody", "--password-stdin", stdin=NEW).returncode == 1


def test_a_second_factor_is_told_once_and_can_be_taken_away(people: Cli, database: TestDatabase) -> None:
    sign_in(database, "ada")
    first = told(people, "totp", "ada")
    assert len(first["totp_secret"]) == 32
    assert first["totp_uri"].startswith("otpauth://totp/")
    assert told(people, "totp", "ada")["totp_secret"] != first["totp_secret"]
    assert sessions(database) == 0
    assert told(people, "totp", "ada", "--remove") == {"username": "ada", "totp": False}
    accounts = [json.loads(line) for line in people("accounts", "list", "--json").stdout.splitlines()]
    assert [one["totp"] for one in accounts] == [False, False, False]


def test_a_delegate_acts_for_several_until_it_is_ended(people: Cli) -> None:
    assert told(people, "supervisors", "del")["supervisors"] == ["ada", "grace"]
    assert told(people, "supervisors", "del", "--end", "ada")["supervisors"] == ["grace"]
    assert told(people, "supervisors", "del", "--add", "ada")["supervisors"] == ["ada", "grace"]
    for words in (("del", "--add", "del"), ("ada", "--add", "grace"), ("del", "--end", "nobody")):
        assert people("accounts", "supervisors", *words).returncode == 1


def test_disabling_an_account_ends_its_sessions(people: Cli, database: TestDatabase) -> None:
    sign_in(database, "ada")
    sign_in(database, "grace")
    people("accounts", "disable", "ada")
    assert sessions(database) == 1
