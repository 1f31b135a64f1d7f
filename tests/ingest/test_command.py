"""`pdmp ingest` as a person and a program use it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.ingest import asap
from tests.ingest.store import DATA
from tests.support.processes import Cli

OVERLAYS, BAD = DATA / "overlays", DATA / "bad"


def test_one_json_line_a_file_in_the_order_given(cli: Cli) -> None:
    files = [OVERLAYS / "28a-refused-record.asap", OVERLAYS / "07a-zero-report.asap", BAD / "22-empty.asap"]
    run = cli("ingest", "--json", *map(str, files))
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    assert [answer["file"] for answer in answers] == [str(path) for path in files]
    assert [answer["status"] for answer in answers] == ["partly", "accepted", "refused"]
    assert set(answers[0]) == {
        "file", "status", "control_number", "version", "records", "new", "revised", "voided", "duplicate",
        "refused", "warned", "zero_report", "duplicate_file", "errors",
    }  # fmt: skip
    assert answers[0]["errors"] == [
        {
            "severity": "error",
            "code": "decimal",
            "segment": "DSP",
            "ordinal": 5,
            "element": "DSP09",
            "rx_number": "5280001",
            "message": "The element is not an unsigned decimal number.",
        }
    ]
    assert answers[2]["control_number"] is None
    assert run.returncode == 2


def test_the_exit_status_tells_the_worst(cli: Cli, tmp_path: Path) -> None:
    accepted, partly = OVERLAYS / "01-opioid-benzo-overlap.asap", OVERLAYS / "28a-refused-record.asap"
    refused, missing = BAD / "01-truncated.asap", tmp_path / "nothing.asap"
    assert cli("ingest", "--json", str(accepted)).returncode == 0
    assert cli("ingest", "--json", str(accepted), str(partly)).returncode == 1
    assert cli("ingest", "--json", str(refused), str(accepted)).returncode == 2
    run = cli("ingest", "--json", str(missing), str(refused))
    assert run.returncode == 3
    assert [json.loads(line)["status"] for line in run.stdout.splitlines()] == ["refused", "refused"]


def test_a_partly_loaded_file_gives_status_1(cli: Cli) -> None:
    assert cli("ingest", str(OVERLAYS / "28a-refused-record.asap")).returncode == 1


def test_a_folder_means_all_asap_files_below_it_sorted(cli: Cli, tmp_path: Path) -> None:
    for number, folder in ((2, tmp_path), (1, tmp_path), (3, tmp_path / "1890018")):
        folder.mkdir(exist_ok=True)
        data = asap.file(asap.pharmacy(asap.patient(asap.record(e02=str(number)))))
        (folder / f"{number}.asap").write_bytes(data)
    (tmp_path / "notes.txt").write_text("no file of ours")
    run = cli("ingest", "--json", str(tmp_path))
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    assert sorted(Path(answer["file"]).name for answer in answers) == ["1.asap", "2.asap", "3.asap"]
    assert sum(answer["new"] for answer in answers) == 3
    assert run.returncode == 0


def test_a_folder_without_asap_files_is_not_taken_for_success(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no file of ours")
    run = cli("ingest", "--json", str(tmp_path))
    assert run.returncode == 3
    assert json.loads(run.stdout)["errors"][0]["code"] == "unreadable"


def test_a_readable_line_a_file(cli: Cli) -> None:
    path = OVERLAYS / "28a-refused-record.asap"
    lines = cli("ingest", str(path)).stdout.splitlines()
    assert lines == [
        f"{path}: partly (2 new, 1 refused)",
        "  error: segment 5 DSP09, Rx 5280001: The element is not an unsigned decimal number. [decimal]",
    ]


def test_without_a_database_nothing_is_loaded_and_the_status_is_3(cli: Cli) -> None:
    run = cli(
        "ingest",
        str(OVERLAYS / "01-opioid-benzo-overlap.asap"),
        env={"PDMP_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"},
    )
    assert (run.returncode, run.stdout) == (3, "")
    assert "Traceback" not in run.stderr
