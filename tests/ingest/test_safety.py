"""What must hold when things go wrong: two at once, a crash, curious eyes."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.core.settings import Settings
from gateway.store import ingest as statements
from tests.ingest import asap
from tests.ingest.store import DATA, Store
from tests.support.databases import TestDatabase
from tests.support.processes import ROOT, Cli, environment


def _pdmp(settings: Settings, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli", *words],
        env=environment(settings),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_same_file_sent_by_two_processes_at_once_is_loaded_once(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    patients = [
        asap.patient(asap.record(e02=str(number)), e07=f"Name{number}", e03=f"99970{number:04}")
        for number in range(300)
    ]
    path = tmp_path / "both.asap"
    path.write_bytes(asap.file(asap.pharmacy(*patients)))
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda _: _pdmp(settings, "ingest", "--json", str(path)), range(2)))
    assert [run.returncode for run in runs] == [0, 0], [run.stderr for run in runs]
    answers = [json.loads(run.stdout) for run in runs]
    assert sorted(answer["duplicate_file"] for answer in answers) == [False, True]
    assert (store.live, store.persons) == (300, 300)


def test_two_files_with_the_same_new_person_at_once_make_one(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    paths = []
    for number in range(4):
        path = tmp_path / f"{number}.asap"
        path.write_bytes(asap.file(asap.pharmacy(asap.patient(asap.record(e02=str(number))))))
        paths.append(path)
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda path: _pdmp(settings, "ingest", "--json", str(path)), paths))
    assert [run.returncode for run in runs] == [0] * 4
    assert (store.live, store.persons) == (4, 1)
    assert store.count("prescriber") == store.count("dispenser") == 1


def test_a_load_that_breaks_off_leaves_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("power cut")

    data = asap.file()
    # The last statement before the submission is kept.
    monkeypatch.setattr(statements, "change_record_keys", broken)
    with pytest.raises(RuntimeError, match="power cut"):
        store.load(data)
    monkeypatch.undo()
    for table in ("submission", "dispensation_version", "person", "description", "dispenser", "prescriber"):
        assert store.count(table) == 0
    assert store.load(data)["new"] == 1


_SECRETS = ("999700101", "Fenwick", "Loretta", "Quarry", "8595553509", "19680411", "1968-04-11")


def test_no_answer_holds_patient_data(store: Store) -> None:
    good = asap.file(asap.pharmacy(asap.patient(asap.record(), e04="KY", e05="06", e06="F99900001")))
    for place in range(len(good)):
        if place % 7 == 0:
            answer = json.dumps(store.load(good[:place] + b"~" + good[place:]))
            assert not [secret for secret in _SECRETS if secret in answer]
            answer = json.dumps(store.load(good[:place] + b"*" + good[place + 1 :]))
            assert not [secret for secret in _SECRETS if secret in answer]


def test_neither_the_command_nor_its_answers_show_patients(cli: Cli) -> None:
    run = cli("ingest", str(DATA / "bad"), str(DATA / "overlays" / "22-dummy-ssn.asap"))
    told = run.stdout + run.stderr
    for name in (
        "Stidham",
        "HAM",
        "STID",
        "Profitt",
        "Lopez",
        "Hargis",
        "999760002",
        "999700211",
        "H70022077",
    ):
        assert name not in told


def test_identifiers_are_stored_encrypted_and_hashed_only(store: Store, database: TestDatabase) -> None:
    from gateway.store.database import Database

    seen: list[str] = []
    store.load(asap.file(asap.pharmacy(asap.patient(e04="KY", e05="06", e06="F99900001"))))
    ((description_id, sealed),) = store.rows(
        "select description_id, value_encrypted from description_identifier where qualifier = '07'"
    )
    assert store.vault.decrypt(sealed, description_id.bytes) == b"999700101"
    tables = store.rows(
        "select table_name from information_schema.tables where table_schema = 'pdmp' order by 1"
    )
    with Database(database.admin_url, role=None).connection() as connection:
        for (table,) in tables:
            with connection.cursor() as cursor, cursor.copy(f"COPY pdmp.{table} TO STDOUT") as copy:
                seen.extend(bytes(block).decode("latin-1") for block in copy)
        connection.close()
    everything = "".join(seen)
    assert "Fenwick" in everything
    assert "999700101" not in everything
    assert "F99900001" not in everything
    assert b"999700101".hex() not in everything
