"""`pdmp keys`: new keys overlap old ones, so that nothing which was signed is refused before it ends."""

from __future__ import annotations

import json
from typing import Any

import flask
import jwt
import psycopg
import pytest
from flask.testing import FlaskClient

from gateway.auth import keys as module
from gateway.auth.keys import SigningKeys
from gateway.auth.registration import register_client
from tests.oauth.backend import Backend
from tests.support.databases import TestDatabase
from tests.support.processes import Cli

NOTHING = "/fhir/Practitioner/01890000-0000-7000-8000-000000000000"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the application look for new keys at each use."""
    monkeypatch.setattr(module, "_FRESH_SECONDS", 0.0)


@pytest.fixture
def backend(app: flask.Flask) -> Backend:
    made = Backend("http://localhost:8000/auth/token")
    register_client(app.extensions["pdmp"].database, made.metadata())
    return made


def token(client: FlaskClient, backend: Backend) -> str:
    answer = client.post("/auth/token", data=backend.form()).json
    assert answer is not None
    return str(answer["access_token"])


def kid(text: str) -> str:
    return str(jwt.get_unverified_header(text)["kid"])


def status(client: FlaskClient, text: str) -> int:
    """Return 401 when the token is not accepted; it opens nothing."""
    return client.get(NOTHING, headers={"Authorization": f"Bearer {text}"}).status_code


def published(client: FlaskClient) -> dict[str, str]:
    answer = client.get("/.well-known/jwks.json")
    assert answer.json is not None
    assert not [key for key in answer.json["keys"] if key.keys() & {"d", "p", "q"}]
    return {key["kid"]: key["alg"] for key in answer.json["keys"]}


def run(cli: Cli, *words: str) -> dict[str, dict[str, Any]]:
    done = cli("keys", *words, "--json")
    assert done.returncode == 0, done.stderr
    return {key["kid"]: key for key in map(json.loads, done.stdout.splitlines())}


def let_pass(database: TestDatabase, interval: str) -> None:
    with psycopg.connect(database.admin_url) as admin:
        admin.execute(
            "UPDATE pdmp.signing_key SET created_at = created_at - %(past)s::interval,"
            " retired_at = retired_at - %(past)s::interval",
            {"past": interval},
        )


def test_a_new_key_is_published_first_then_signs_and_the_old_one_verifies_for_a_day(
    client: FlaskClient, backend: Backend, cli: Cli, database: TestDatabase
) -> None:
    before = token(client, backend)
    listed = run(cli, "list")
    assert {key["state"] for key in listed.values()} == {"signing"}
    (old_rsa,) = (one for one, key in listed.items() if key["algorithm"] == "RS256")
    rotated = run(cli, "rotate", "--algorithm", "ES256")
    assert rotated[old_rsa] == listed[old_rsa]
    (new,) = rotated.keys() - listed.keys()
    assert (rotated[new]["state"], rotated[kid(before)]["state"]) == ("next", "signing")
    # Running workers publish it, and go on signing by the one that everybody has.
    assert published(client) == {new: "ES256", kid(before): "ES256", old_rsa: "RS256"}
    assert kid(token(client, backend)) == kid(before)
    # A copy of the JWKS from before the rotation has ended before the new key signs.
    cached = client.get("/.well-known/jwks.json").headers["Cache-Control"]
    assert cached == f"public, max-age={module.PUBLISHED_SECONDS}"
    let_pass(database, f"{module.PUBLISHED_SECONDS} seconds")
    assert kid(token(client, backend)) == kid(before)
    let_pass(database, "6 minutes")
    after = token(client, backend)
    assert kid(after) == new
    assert status(client, before) == status(client, after) != 401
    assert run(cli, "list")[kid(before)]["state"] == "verifying"
    let_pass(database, "25 hours")
    assert kid(before) not in published(client)


def test_after_a_theft_the_old_keys_end_at_once(client: FlaskClient, backend: Backend, cli: Cli) -> None:
    before, old = token(client, backend), published(client)
    assert status(client, before) != 401
    run(cli, "rotate", "--at-once")
    new = published(client)
    assert sorted(new.values()) == ["ES256", "RS256"]
    assert not new.keys() & old.keys()
    assert status(client, before) == 401
    assert status(client, token(client, backend)) != 401


def test_two_rotations_in_a_row_leave_a_key_to_sign_at_every_moment(
    client: FlaskClient, backend: Backend, cli: Cli, database: TestDatabase
) -> None:
    first = kid(token(client, backend))
    run(cli, "rotate")
    let_pass(database, "5 minutes")
    run(cli, "rotate")
    assert kid(token(client, backend)) == first
    seen = []
    for _ in range(4):
        let_pass(database, "3 minutes")
        seen.append(kid(token(client, backend)))
    assert len(set(seen)) == 3
    assert len(published(client)) == 6


def test_an_unknown_algorithm_is_refused(cli: Cli) -> None:
    assert cli("keys", "rotate", "--algorithm", "HS256").returncode == 2


def test_a_database_that_is_away_for_a_moment_stops_no_worker(
    app: flask.Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: SigningKeys = app.extensions["pdmp"].keys
    known = keys.jwks()
    monkeypatch.setattr(keys, "_database", type(keys._database)("postgresql://localhost:1/nothing"))
    assert keys.jwks() == known
