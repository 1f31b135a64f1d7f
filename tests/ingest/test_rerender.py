"""What is stored follows the mapping tables: `pdmp migrate` renders anew, and restricts programmes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway.ingest.rerender import rerender
from tests.ingest import asap
from tests.ingest.store import Store
from tests.support.databases import TestDatabase
from tests.support.processes import Cli

#: Voids, compounds, patches, animals, renamed persons, a shared DEA number, a programme.
FILES = ("03-", "06a-", "06b-", "12-", "13-", "15-", "24-", "25-", "29-")
DISPENSATIONS = (
    "select person_id, dispensation_id, version, superseded_at, recorded_at, rxcui, mme_per_day, mme_table, "
    "drug_classes, dispense_resource, request_resource, mapping_version from dispensation_version "
    "order by dispensation_id, version"
)
OTHERS = (
    "select person_id, version, updated_at, resource, mapping_version from person order by 1",
    "select dispenser_id, version, updated_at, resource, mapping_version from dispenser order by 1",
    "select prescriber_id, version, updated_at, resource, mapping_version from prescriber order by 1",
)
OUTDATE = (
    "update pdmp.dispensation_version set rxcui = '0', mme_per_day = 1, mme_table = 'none', "
    "drug_classes = '{other}', dispense_resource = '{}', request_resource = '{}', "
    "mapping_version = 'earlier'",
    "update pdmp.person set resource = '{}', mapping_version = 'earlier'",
    "update pdmp.dispenser set resource = '{}', mapping_version = 'earlier'",
    "update pdmp.prescriber set resource = '{}', mapping_version = 'earlier'",
    "update pdmp.drug set table_version = 'earlier'",
)


def everything(store: Store) -> list[list[tuple[Any, ...]]]:
    return [store.rows(statement) for statement in (DISPENSATIONS, *OTHERS)]


def outdate(database: TestDatabase) -> None:
    with psycopg.connect(database.owner_url) as connection:
        for statement in OUTDATE:
            connection.execute(statement.encode())


@pytest.fixture
def loaded(store: Store, overlays: Path) -> Store:
    for path in sorted(overlays.glob("*.asap")):
        if path.name.startswith(FILES):
            assert store.load(path)["status"] == "accepted"
    assert store.load(asap.file(asap.pharmacy(asap.patient(asap.record(e02="1")))))["new"] == 1
    assert store.load(asap.file(asap.pharmacy(asap.patient(asap.record(e02="1", e01="01", e09="60")))))
    return store


def test_migrating_renders_what_another_mapping_version_made_as_ingest_would(
    loaded: Store, database: TestDatabase, cli: Cli
) -> None:
    before = everything(loaded)
    outdate(database)
    assert everything(loaded) != before
    run = cli("migrate", "--json")
    assert (run.returncode, json.loads(run.stdout)) == (0, {"applied": []}), run.stderr
    assert everything(loaded) == before
    assert "rendered anew" in run.stderr
    assert "rendered anew" not in cli("migrate").stderr


@pytest.mark.parametrize("batch", [1, 3, 10_000])
def test_batches_of_any_size_reach_everything_once(loaded: Store, database: TestDatabase, batch: int) -> None:
    before = everything(loaded)
    outdate(database)
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        assert rerender(connection, loaded.mappings, batch=batch) == sum(map(len, before))
        assert rerender(connection, loaded.mappings, batch=batch) == 0
    assert everything(loaded) == before


def test_a_changed_table_shows_in_what_was_stored_before(store: Store, cli: Cli, tmp_path: Path) -> None:
    store.load(asap.file())
    tables = tmp_path / "mappings"
    shutil.copytree(store.settings.mappings_dir, tables)
    path = tables / "conceptmaps" / "payment-method.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"Commercial Insurance"', '"Insured privately"'), encoding="utf-8")
    seen = (
        "select convert_from(dispense_resource, 'UTF8'), mapping_version, recorded_at "
        "from dispensation_version"
    )
    ((before, version, recorded_at),) = store.rows(seen)
    env = {"PDMP_MAPPINGS": str(tables)}
    # Before a deploy the earlier processes still serve and write: nothing follows yet.
    assert cli("migrate", "--phase", "pre", env=env).returncode == 0
    assert store.rows(seen) == [(before, version, recorded_at)]
    assert cli("migrate", "--phase", "post", env=env).returncode == 0
    ((after, later, at),) = store.rows(seen)
    assert after == before.replace("Commercial Insurance", "Insured privately") != before
    assert (later != version, at) == (True, recorded_at)
    assert store.rows("select distinct mapping_version from person") == [(later,)]
    assert store.rows("select distinct table_version from drug") == [(later,)]


def test_migrating_restricts_a_programme_that_was_named_since(store: Store, cli: Cli) -> None:
    store.load(asap.file())
    assert store.rows("select restriction from dispensation_version") == [(None,)]
    run = cli("migrate", env={"PDMP_PART2_DISPENSERS": "FN9000035"})
    assert run.returncode == 0, run.stderr
    assert store.rows("select restriction from dispenser") == [("part2",)]
    body = "select restriction, convert_from(dispense_resource, 'UTF8') from dispensation_version"
    ((restriction, resource),) = store.rows(body)
    assert restriction == "part2"
    assert json.loads(resource)["meta"]["security"][0]["code"] == "42CFRPart2"
    assert cli("migrate", env={"PDMP_PART2_DISPENSERS": "FN9000035"}).returncode == 0
    assert "restricted" not in cli("migrate", env={"PDMP_PART2_DISPENSERS": "FN9000035"}).stderr
    assert store.rows("select version from dispenser") == [(2,)]


def test_a_programme_restricted_after_a_change_of_tables_has_its_numbers_by_the_new_ones(
    store: Store, database: TestDatabase, cli: Cli
) -> None:
    store.load(asap.file())
    numbers = "select rxcui, mme_per_day, mme_table, drug_classes, mapping_version from dispensation_version"
    before = store.rows(numbers)
    outdate(database)
    assert cli("migrate", env={"PDMP_PART2_DISPENSERS": "FN9000035"}).returncode == 0
    assert store.rows(numbers) == before
    assert store.rows("select restriction from dispensation_version") == [("part2",)]
