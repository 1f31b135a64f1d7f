"""What `pdmp synth` writes, the gateway takes: every file whole, every person told apart."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import psycopg

from gateway.core.settings import Settings
from gateway.synth.generate import write
from tests.support.databases import TestDatabase
from tests.support.processes import Cli

TODAY = dt.date(2026, 11, 20)


def test_a_population_is_accepted_whole_and_each_person_is_one(
    cli: Cli, settings: Settings, database: TestDatabase, tmp_path: Path
) -> None:
    summary = write(tmp_path, patients=150, seed=11, today=TODAY, mappings=settings.mappings_dir)
    files = sorted(str(file) for file in tmp_path.glob("*.asap"))
    done = cli("ingest", "--json", *files)
    assert done.returncode == 0, done.stdout + done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert {answer["status"] for answer in answers} == {"accepted"}
    assert [answer["errors"] for answer in answers if answer["errors"]] == []
    assert sum(answer["new"] for answer in answers) == summary.dispensations
    assert sum(answer["records"] for answer in answers) == summary.dispensations
    with psycopg.connect(database.admin_url) as admin:
        people = admin.execute("SELECT count(*) FROM pdmp.person").fetchone()
        doctors = admin.execute(
            "SELECT count(DISTINCT value), count(DISTINCT prescriber_id) FROM pdmp.prescriber_identifier "
            "WHERE kind = 'npi'"
        ).fetchone()
    assert people == (150,)
    # Residents write under one hospital's DEA number and stay apart by its suffix.
    assert doctors is not None
    assert doctors[0] == doctors[1]


def test_a_larger_population_brings_only_the_people_who_are_new(
    cli: Cli, settings: Settings, tmp_path: Path
) -> None:
    def loaded(patients: int) -> tuple[int, int]:
        folder = tmp_path / str(patients)
        summary = write(folder, patients=patients, seed=12, today=TODAY, mappings=settings.mappings_dir)
        done = cli("ingest", "--json", *sorted(str(file) for file in folder.glob("*.asap")))
        assert done.returncode == 0, done.stdout + done.stderr
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        return summary.dispensations, sum(answer["new"] for answer in answers)

    fewer, first = loaded(10)
    more, second = loaded(20)
    assert first == fewer
    assert second == more - fewer
