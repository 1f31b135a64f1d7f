"""A launch counts once, for its client and its user, within its time; its Encounter is stored encrypted."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest

from gateway.auth.accounts import add_account
from gateway.auth.registration import register_client
from gateway.core.errors import Misconfigured
from gateway.core.ids import opaque_token, uuid7
from gateway.store import launches
from gateway.store.database import Database
from gateway.store.launches import Launch, NewLaunch
from gateway.store.vault import Vault
from tests.support.databases import TestDatabase

NOW = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)
VAULT = Vault(b"d" * 32, b"h" * 32, b"l" * 32)


@pytest.fixture(scope="module")
def store(module_database: TestDatabase) -> Iterator[Database]:
    database = Database(module_database.url)
    for client_id in ("app", "ehr"):
        register_client(
            database,
            {"token_endpoint_auth_method": "none", "redirect_uris": ["https://a.example/"]},
            client_id=client_id,
        )
    yield database
    database.close()


@pytest.fixture(scope="module")
def account(store: Database) -> UUID:
    made = add_account(
        store,
        VAULT,
        username="drwho",
        role="practitioner",
        given_name="Ada",
        family_name="Who",
        password="correct horse",
        npi="1234567893",
    )
    return UUID(made["account_id"])


@pytest.fixture
def opened(store: Database, account: UUID) -> NewLaunch:
    made = NewLaunch(
        launch_hash=launches.handle_hash(opaque_token()),
        launch_id=uuid7(),
        client_id="app",
        opened_by="ehr",
        account_id=account,
        jurisdiction="KY",
        person_id=uuid7(),
        encounter_id=None,
        context={"intent": "reconcile-medications"},
        created_at=NOW,
        expires_at=NOW + dt.timedelta(minutes=5),
    )
    with store.connection() as connection:
        launches.open_launch(connection, made)
    return made


def take(store: Database, opened: NewLaunch, **changes: object) -> Launch | None:
    asked = {"client_id": "app", "now": NOW, "account_id": opened.account_id, **changes}
    with store.connection() as connection:
        return launches.take(connection, opened.launch_hash, **asked)  # type: ignore[arg-type]


def test_a_launch_is_found_until_it_is_taken(store: Database, opened: NewLaunch) -> None:
    with store.connection() as connection:
        found = launches.find(connection, opened.launch_hash, "app", NOW)
        assert found == launches.find(connection, opened.launch_hash, "app", NOW)
    assert found is not None
    assert (found.person_id, found.context) == (opened.person_id, opened.context)
    assert take(store, opened) == found
    assert take(store, opened) is None
    with store.connection() as connection:
        assert launches.find(connection, opened.launch_hash, "app", NOW) is None


def test_nobody_else_uses_it_and_trying_does_not_use_it_up(store: Database, opened: NewLaunch) -> None:
    assert take(store, opened, client_id="ehr") is None
    assert take(store, opened, account_id=uuid7()) is None
    assert take(store, opened, now=opened.expires_at) is None
    assert take(store, dataclasses.replace(opened, launch_hash=b"x" * 32)) is None
    assert take(store, opened) is not None


def test_of_many_who_take_it_at_once_one_gets_it(store: Database, opened: NewLaunch) -> None:
    taken: list[Launch | None] = []
    barrier = threading.Barrier(8)

    def run() -> None:
        barrier.wait()
        taken.append(take(store, opened))
        store.close()

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one is not None for one in taken) == 1


def test_an_encounter_is_stored_encrypted_and_goes_when_nothing_needs_it(
    store: Database, module_database: TestDatabase
) -> None:
    encounter_id, clear = uuid7(), b'{"resourceType":"Encounter"}'
    sealed = launches.seal_encounter(VAULT, encounter_id, clear)
    with store.connection() as connection:
        launches.keep_encounter(
            connection,
            jurisdiction="KY",
            person_id=uuid7(),
            encounter_id=encounter_id,
            sealed=sealed,
            now=dt.datetime.now(dt.UTC) - dt.timedelta(hours=2),
        )
    with psycopg.connect(module_database.owner_url) as owner:
        row = owner.execute("SELECT resource FROM pdmp.launch_encounter").fetchone()
    assert row is not None
    assert b"Encounter" not in bytes(row[0])
    assert launches.open_encounter(VAULT, encounter_id, bytes(row[0])) == clear
    with pytest.raises(Misconfigured):
        launches.open_encounter(VAULT, uuid7(), bytes(row[0]))
    with store.connection() as connection:
        launches.purge(connection)
    with psycopg.connect(module_database.owner_url) as owner:
        assert owner.execute("SELECT count(*) FROM pdmp.launch_encounter").fetchone() == (0,)


def test_an_account_that_is_disabled_is_no_user(store: Database, account: UUID) -> None:
    with store.connection() as connection:
        found = launches.user_by_npi(connection, "1234567893")
        assert found is not None
        assert found == launches.user_by_username(connection, "drwho")
        assert (found.account_id, found.role) == (account, "practitioner")
        assert launches.user_by_username(connection, "nobody") is None
