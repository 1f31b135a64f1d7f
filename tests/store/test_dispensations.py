"""Reads of patient rows: the grant's predicate stands in the SQL, whoever calls."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID, uuid4

import psycopg
import pytest

from gateway.core.access import Grant, Practitioner, Purpose, Window
from gateway.core.disclosure import DispenseQuery
from gateway.core.settings import Settings
from gateway.store import dispensations
from gateway.store.database import Database
from gateway.store.dispensations import AuditContext, DispensationPage
from tests.ingest.store import DATA, Store
from tests.support.databases import TestDatabase

EVERYTHING = DispenseQuery(count=1000)


@pytest.fixture(scope="module")
def programme(module_settings: Settings, module_database: TestDatabase) -> Iterator[tuple[Database, UUID]]:
    """A store with an opioid treatment programme's file, and the person who is also a pharmacy's patient."""
    settings = replace(module_settings, part2_dispensers=frozenset({"1999002110"}))
    store = Store(settings, module_database)
    store.load(DATA / "overlays" / "25-treatment-programme.asap")
    store.close()
    with psycopg.connect(module_database.admin_url) as connection:
        row = connection.execute(
            "SELECT person_id FROM pdmp.description WHERE last_name = 'Basham' LIMIT 1"
        ).fetchone()
    assert row
    database = Database(module_database.url)
    yield database, row[0]
    database.close()


def grant(person_id: UUID) -> Grant:
    return Grant(
        jurisdiction="KY",
        person_id=person_id,
        client_id="ehr",
        account_id=uuid4(),
        practitioner=Practitioner(npi="1999100856"),
        purpose=Purpose.TREATMENT,
        window=Window(None, None),
        restricted=True,
    )


def read(database: Database, granted: Grant, query: DispenseQuery = EVERYTHING) -> DispensationPage:
    audit = AuditContext("test", uuid4(), "request")
    with database.connection() as connection:
        return dispensations.page(connection, granted, query, audit, with_requests=True, with_patient=True)


def test_a_grant_without_programme_rows_shows_none_and_tells_of_none(
    programme: tuple[Database, UUID],
) -> None:
    database, person = programme
    whole = read(database, grant(person))
    bounded = read(database, replace(grant(person), restricted=False))
    assert whole.total > bounded.total > 0
    assert bounded.total == len(bounded.dispenses) == bounded.remaining
    assert all(b"42CFRPart2" not in entry.body for entry in bounded.dispenses + bounded.requests)
    assert any(b"42CFRPart2" in entry.body for entry in whole.dispenses)
    hidden = {entry.id for entry in whole.dispenses} - {entry.id for entry in bounded.dispenses}
    with database.connection() as connection:
        for key in hidden:
            unseen = replace(grant(person), restricted=False)
            assert dispensations.one(connection, unseen, "MedicationDispense", UUID(key)) is None
            assert dispensations.one(connection, grant(person), "MedicationDispense", UUID(key)) is not None


def test_the_grants_window_bounds_every_query(programme: tuple[Database, UUID]) -> None:
    database, person = programme
    whole = read(database, grant(person))
    day = dt.date(2026, 11, 12)
    narrow = replace(grant(person), window=Window(day, day))
    found = read(database, narrow, DispenseQuery(count=1000, prepared=Window(dt.date(2026, 1, 1), None)))
    assert 0 < found.total < whole.total
    assert all(b'"whenPrepared":"2026-11-12"' in entry.body for entry in found.dispenses)


def test_a_grant_for_one_person_reads_nobody_else(programme: tuple[Database, UUID]) -> None:
    database, person = programme
    found = read(database, grant(uuid4()))
    assert (found.total, found.dispenses, found.patient) == (0, [], None)
    key = UUID(read(database, grant(person)).dispenses[0].id)
    with database.connection() as connection:
        assert dispensations.one(connection, grant(uuid4()), "MedicationDispense", key) is None


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_pages_by_cursor_are_the_whole_without_gap_or_repeat(
    programme: tuple[Database, UUID], size: int
) -> None:
    database, person = programme
    whole = [entry.id for entry in read(database, grant(person)).dispenses]
    collected: list[str] = []
    query = DispenseQuery(count=size)
    while True:
        page = read(database, grant(person), query)
        assert page.total == len(whole)
        collected += [entry.id for entry in page.dispenses]
        if page.remaining <= len(page.dispenses):
            break
        query = replace(query, after=page.last)
    assert collected == whole
