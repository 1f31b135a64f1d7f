"""Kept connections: one a thread, of the gateway's role, replaced when their server is gone."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from gateway.core.errors import Unavailable
from gateway.store.database import Database
from tests.support.databases import TestDatabase


def _pid(database: Database) -> int:
    with database.connection() as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
    assert row
    return int(row[0])


@pytest.fixture
def kept(database: TestDatabase) -> Database:
    return Database(database.url)


def test_a_thread_keeps_its_connection_and_shares_it_with_no_other(kept: Database) -> None:
    mine = _pid(kept)
    assert _pid(kept) == mine
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: (_pid(kept), kept.close())).result()[0] != mine
    kept.close()


def test_every_connection_drops_to_the_gateways_role(kept: Database) -> None:
    with kept.connection() as connection:
        assert connection.execute("SELECT current_user::text").fetchone() == ("pdmp_gateway",)
    kept.close()


def test_a_killed_backend_is_an_unavailable_database_once_and_then_replaced(
    kept: Database, database: TestDatabase
) -> None:
    pid = _pid(kept)
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(%s)", (pid,))
    with pytest.raises(Unavailable):
        _pid(kept)
    assert _pid(kept) != pid
    kept.close()


def test_an_idle_connection_is_checked_before_it_is_trusted(kept: Database, database: TestDatabase) -> None:
    pid = _pid(kept)
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(%s)", (pid,))
    time.sleep(1.1)
    assert _pid(kept) != pid
    kept.close()


def test_no_database_is_unavailable_and_says_no_address() -> None:
    with pytest.raises(Unavailable) as caught:
        _pid(Database("postgresql://user:secret@127.0.0.1:9/none"))
    assert "secret" not in caught.value.public + caught.value.detail


def test_a_transaction_that_fails_leaves_nothing(kept: Database) -> None:
    statement = (
        "INSERT INTO audit (jurisdiction, audit_id, outcome, interaction)"
        " VALUES ('KY', gen_random_uuid(), 'refused', 'x')"
    )

    def fail() -> None:
        with kept.transaction() as connection:
            connection.execute(statement)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with kept.connection() as connection:
        assert connection.execute("SELECT count(*) FROM audit").fetchone() == (0,)
    kept.close()
