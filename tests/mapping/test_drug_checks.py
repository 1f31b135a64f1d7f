"""Holes and contradictions of the drug table: each is refused by name, at start and by the checker."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from gateway.clinical.classes import DrugClass
from gateway.clinical.drug import Lane
from gateway.core.errors import Misconfigured
from gateway.mapping.tables import Mappings
from tests.mapping.shapes import BASE, FOLDER, mappings

OXYCODONE = "10702005601"


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    copy = tmp_path / "mappings"
    shutil.copytree(FOLDER, copy)
    return copy


def load(folder: Path) -> Mappings:
    return Mappings.load(folder, jurisdiction="KY", identifier_base=BASE)


Spoil = Callable[[Path], None]


def cell(ndc: str, column: str, value: str) -> Spoil:
    """Write another value into one cell of the drug table."""

    def spoil(folder: Path) -> None:
        path = folder / "drugs" / "drugs.csv"
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            rows, columns = list(reader), reader.fieldnames or ()
        (row,) = [row for row in rows if row["ndc11"] == ndc]
        assert row[column] != value
        row[column] = value
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)

    return spoil


def edit(name: str, old: str, new: str) -> Spoil:
    def spoil(folder: Path) -> None:
        path = folder / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return spoil


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (cell(OXYCODONE, "src_row", ""), f"{OXYCODONE}: no source"),
        (cell(OXYCODONE, "src_schedule", ""), f"{OXYCODONE}: a schedule without a source"),
        (cell(OXYCODONE, "federal_schedule", "III"), f"{OXYCODONE}: federal schedule III"),
        (cell(OXYCODONE, "federal_schedule", ""), "21 CFR 1308.12 says II"),
        (cell(OXYCODONE, "federal_schedule", "2"), "no schedule is called '2'"),
        (cell(OXYCODONE, "substances", "oxycodone hydrochloride"), "no strength of oxycodone"),
        (cell(OXYCODONE, "substances", "oxycodone hydrochloride 10 mg/mL"), "where Oral Tablet has mg"),
        (cell(OXYCODONE, "substances", "oxycodone hydrochloride 0 mg"), "not above 0"),
        (cell(OXYCODONE, "substances", "oxycodone hydrochloride 20 mg"), "is another drug at"),
        (cell(OXYCODONE, "substances", "oxycodone 5 mg; oxycodone 5 mg"), "names a substance twice"),
        (cell(OXYCODONE, "substances", "nitazene 10 mg"), "no lane for nitazene"),
        (cell(OXYCODONE, "rxcui", ""), "an RxNorm name without its code"),
        (cell(OXYCODONE, "form", ""), "no dose form"),
        (cell("00378912198", "substances", "fentanyl 25 mg"), "has mcg/h"),
        (edit("drugs/substances.toml", '"tapentadol", ', ""), "tapentadol"),
        (edit("drugs/schedules.toml", '"tapentadol",', ""), "schedules.toml says nothing of tapentadol"),
        (edit("drugs/schedules.toml", '"pregabalin"', '"codeine"'), "codeine is in two schedules"),
        (edit("drugs/schedules.toml", "13107005830", OXYCODONE), "13107005830: federal schedule V"),
        (edit("drugs/schedules.toml", "13107005830", OXYCODONE), "no longer one"),
        (edit("drugs/classes.toml", '"triazolam"', '"trizolam"'), "trizolam has a class and no lane"),
        (edit("drugs/classes.toml", '"triazolam",', ""), "triazolam is a benzodiazepine by name"),
        (
            edit("drugs/classes.toml", '["methadone"]', '["metadone"]'),
            "metadone is long-acting and no opioid",
        ),
        (edit("mme/cdc-2022.toml", '"meperidine", ', ""), "says nothing of meperidine"),
        (edit("mme/cdc-2022.toml", '"meperidine"', '"meperidin", "meperidine"'), "meperidin: no opioid"),
        (edit("mme/cdc-2022.toml", '"meperidine"', '"morphine", "meperidine"'), "morphine: not listed, yet"),
        (
            edit("mme/cdc-2016.toml", "[per_patch]", '[transdermal]\nfentanyl = "2.4"\n[per_patch]'),
            "by the patch",
        ),
        (edit("lme/mdcalc.toml", "oxazepam", "oxazepan"), "oxazepan is no sedative"),
        (edit("jurisdictions/ky.toml", 'schedules_source = "902 KAR 55:015"', ""), "schedules_source"),
    ],
)
def test_a_hole_or_a_contradiction_stops_the_start_and_is_named(
    tables: Path, spoil: Spoil, named: str
) -> None:
    spoil(tables)
    with pytest.raises(Misconfigured, match=re.escape(named)):
        load(tables)


def test_the_checker_passes_the_tables_and_names_what_is_wrong(tables: Path) -> None:
    def check() -> subprocess.CompletedProcess[str]:
        script = tables / "drugs" / "check.py"
        return subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)

    good = check()
    assert (good.returncode, good.stdout) == (0, f"KY: {len(mappings().drugs)} drugs, CDC 2022\n")
    cell(OXYCODONE, "federal_schedule", "III")(tables)
    bad = check()
    assert bad.returncode == 1
    assert OXYCODONE in bad.stdout


def test_the_facts_that_were_added_are_in_the_table(tables: Path) -> None:
    with (tables / "drugs" / "additions.csv").open(encoding="utf-8", newline="") as file:
        added = {row["ndc11"]: row for row in csv.DictReader(file)}
    assert added.keys() <= mappings().drugs.keys()
    assert all(row["src_row"] for row in added.values())


@pytest.mark.parametrize(
    ("ndc", "name", "lane", "schedule", "route"),
    [
        ("00409131230", "hydromorphone", Lane.OPIOID, "II", "injection"),
        ("00409909332", "fentanyl", Lane.OPIOID, "II", "injection"),
        ("00409146301", "nalbuphine", Lane.OPIOID, "IV", "injection"),  # in Kentucky
        ("12496075705", "buprenorphine", Lane.BUPRENORPHINE, "III", "injection"),
        ("00409205310", "ketamine", Lane.OTHER, "III", "injection"),
        ("00409677802", "lorazepam", Lane.SEDATIVE, "IV", "injection"),
        ("70860060110", "midazolam", Lane.SEDATIVE, "IV", "injection"),
        ("00574082710", "testosterone", Lane.OTHER, "III", "injection"),
        ("00006033530", "suvorexant", Lane.SEDATIVE, "IV", "oral"),
        ("42358010310", "levorphanol", Lane.OPIOID, "II", "oral"),
        ("00121077504", "codeine", Lane.OPIOID, "V", "oral"),
    ],
)
def test_injectables_and_other_gaps_are_filled(
    ndc: str, name: str, lane: Lane, schedule: str, route: str
) -> None:
    drug = mappings().drugs[ndc]
    found = {one.name: one for one in drug.substances}
    assert found[name].lane is lane
    assert found[name].strength is not None
    assert (drug.schedule, drug.route) == (schedule, route)


def test_mixed_amphetamine_salts_are_four_equal_parts() -> None:
    drug = mappings().drugs["13107007425"]
    assert [one.strength for one in drug.substances] == [Fraction("7.5")] * 4
    assert {mappings().classes.of_substance(one) for one in drug.substances} == {DrugClass.STIMULANT}
