"""A synthetic population goes in as it comes out: no record is refused, on whatever day it is made."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.support.processes import Cli


def answers(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_population_is_accepted_without_a_warning(cli: Cli, tmp_path: Path) -> None:
    made = cli("synth", "--patients", "80", "--seed", "5", "--out", str(tmp_path / "out"))
    assert made.returncode == 0, made.stderr
    loaded = cli("ingest", "--json", str(tmp_path / "out"))
    assert loaded.returncode == 0
    told = answers(loaded.stdout)
    assert {one["status"] for one in told} == {"accepted"}
    assert sum(int(str(one["warned"])) + int(str(one["refused"])) for one in told) == 0


@pytest.mark.parametrize("zone", ["Etc/GMT-14", "Etc/GMT+12"])
def test_the_last_day_is_that_of_the_jurisdiction_wherever_the_machine_stands(
    tmp_path: Path, zone: str
) -> None:
    there = ZoneInfo("America/New_York")
    cli = Cli({**{k: v for k, v in os.environ.items() if not k.startswith("PDMP_")}, "TZ": zone})
    before = dt.datetime.now(there).date()
    assert cli("synth", "--patients", "60", "--out", str(tmp_path / "out")).returncode == 0
    after = dt.datetime.now(there).date()
    newest = max((tmp_path / "out").iterdir()).read_text(encoding="ascii")
    created = dt.datetime.strptime(newest.split("*")[5], "%Y%m%d").date()  # noqa: DTZ007
