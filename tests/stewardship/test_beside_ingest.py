"""Stewards and files at the same time, and a change of the mapping after a merge."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from gateway.ingest.rerender import rerender
from gateway.store import ingest
from tests.ingest import asap
from tests.stewardship.conftest import PASSWORD, REASON, Office
from tests.stewardship.rows import consistent
from tests.support.databases import TestDatabase

ONE = {"PAT03": "999700101"}
OTHER = {"PAT03": "999700777", "PAT12": "9 Mill Street", "PAT17": "8595550177"}


@pytest.fixture
def pair(office: Office) -> tuple[UUID, UUID]:
    return office.report("7001", **ONE), office.report("7002", **OTHER)


def _apart(office: Office, act: Callable[[], Any]) -> Any:
    """Return what `act` does in this thread, with a connection of its own, closed behind it."""
    try:
        return act()
    finally:
        office.store.database.close()


def _file(first: int) -> bytes:
    """Return forty records of each description, numbered from `first`."""
    pharmacy = asap.pharmacy(
        asap.patient(*(asap.record(DSP02=f"{first + n}") for n in range(40)), **ONE),
        asap.patient(*(asap.record(DSP02=f"{first + 40 + n}") for n in range(40)), **OTHER),
    )
    return asap.file(pharmacy)


def test_a_merge_waits_for_a_file_that_is_being_loaded_and_takes_its_rows_along(
    office: Office, pair: tuple[UUID, UUID]
) -> None:
    keep, away = pair
    with ThreadPoolExecutor(3) as pool:
        with office.store.database.transaction() as connection:
            # Both stand before the same door; whoever comes first, the other sees all of it.
            ingest.lock(connection, "KY")
            loading = pool.submit(_apart, office, partial(office.store.load, _file(8000)))
            merging = pool.submit(_apart, office, partial(office.desk.merge, keep, away))
        answer, done = loading.result(60), merging.result(60)
    assert answer["new"] == 80
    assert office.store.rows("select distinct person_id from dispensation_version") == [(keep,)]
    consistent(office.store)
    with ThreadPoolExecutor(3) as pool:
        with office.store.database.transaction() as connection:
            ingest.lock(connection, "KY")
            undoing = pool.submit(_apart, office, partial(office.desk.undo, done.action_id))
            loading = pool.submit(_apart, office, partial(office.store.load, _file(9000)))
        assert loading.result(60)["new"] == 80
        undoing.result(60)
    counts = "select person_id, count(*) from dispensation_version group by 1 order by 2, 1"
    assert office.store.rows(counts) == sorted([(keep, 81), (away, 81)])
    consistent(office.store)


def test_two_processes_a_file_and_a_merge(office: Office, pair: tuple[UUID, UUID], tmp_path: Path) -> None:
    path = tmp_path / "later.asap"
    path.write_bytes(_file(8000))
    keep, away = map(str, pair)
    words = ("persons", "merge", keep, away, "--steward", "odell", "--reason", REASON, "--password-stdin")
    with ThreadPoolExecutor(2) as pool:
        loading = pool.submit(office.cli, "ingest", str(path))
        merging = pool.submit(office.cli, *words, stdin=f"{PASSWORD}\n")
        assert (loading.result().returncode, merging.result().returncode) == (0, 0)
    assert office.store.rows("select distinct person_id::text from dispensation_version") == [(keep,)]
    consistent(office.store)


def test_a_change_of_mapping_renders_merged_persons_too(
    office: Office, pair: tuple[UUID, UUID], database: TestDatabase
) -> None:
    office.desk.merge(*pair)
    kept = "select person_id, version, resource from person order by 1"
    before = office.store.rows(kept)
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute("UPDATE pdmp.person SET resource = '{}', mapping_version = 'earlier'")
        assert rerender(connection, office.store.mappings) == 2
        assert office.store.rows(kept) == before
        assert rerender(connection, replace(office.store.mappings, version="later")) > 2
        assert office.store.rows("select distinct mapping_version from person") == [("later",)]
        assert office.store.rows(kept) == before


def test_a_void_after_a_merge_finds_its_record(office: Office, pair: tuple[UUID, UUID]) -> None:
    keep, away = pair
    done = office.desk.merge(keep, away)
    void = asap.file(asap.pharmacy(asap.patient(asap.record(DSP01="02", DSP02="7002"), **OTHER)))
    assert office.store.load(void)["voided"] == 1
    consistent(office.store)
    office.desk.undo(done.action_id)
    versions = (
        "select person_id, version, voided from dispensation_version where rx_number = '7002' order by 2"
    )
    assert office.store.rows(versions) == [(away, 1, False), (away, 2, True)]
    consistent(office.store)
