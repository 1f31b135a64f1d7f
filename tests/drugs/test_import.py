"""`pdmp drugs import`: the FDA's and NLM's own files become rows of our table; none is written over."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli import main
from gateway.clinical.drug import Lane
from gateway.mapping.ndc_directory import eleven_digits
from gateway.mapping.product_names import parts, plain, scaled
from gateway.mapping.tables import Mappings
from tests.mapping.shapes import BASE, FOLDER, mappings

DATA = Path(__file__).resolve().parents[1] / "data"
HYDROMORPHONE, GABAPENTIN, PATCH = "99999010101", "99999010205", "09999010305"


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = tmp_path / "mappings"
    shutil.copytree(FOLDER, copy)
    monkeypatch.setenv("PDMP_MAPPINGS", str(copy))
    return copy


@pytest.fixture
def ndc(tmp_path: Path) -> Path:
    """A copy of the directory's files, to be changed."""
    shutil.copytree(DATA / "ndc-directory", tmp_path / "ndc")
    return tmp_path / "ndc"


def run(*more: str, ndc: Path = DATA / "ndc-directory", rxnorm: Path | None = DATA / "rxnorm") -> Result:
    words = ["drugs", "import", "--ndc", str(ndc), *(("--rxnorm", str(rxnorm)) if rxnorm else ())]
    return CliRunner().invoke(main, [*words, "--release", "2026-11", *more])


def imported(*more: str, **how: Any) -> dict[str, Any]:
    result = run("--json", *more, **how)
    assert result.exit_code == 0, result.output
    told: dict[str, Any] = json.loads(result.output)
    return told


def rows(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "drugs" / "imported.csv").open(encoding="utf-8", newline="") as file:
        return {row["ndc11"]: row for row in csv.DictReader(file)}


def change(folder: Path, old: bytes, new: bytes, name: str = "product.txt") -> None:
    content = (folder / name).read_bytes()
    assert old in content
    (folder / name).write_bytes(content.replace(old, new, 1))


def load(folder: Path) -> Mappings:
    return Mappings.load(folder, jurisdiction="KY", identifier_base=BASE)


def test_packages_of_both_sources_become_products_with_their_provenance(tables: Path) -> None:
    told = imported()
    assert {name: told[name] for name in ("added", "changed", "unchanged", "kept", "agreed")} == {
        "added": 7,
        "changed": 0,
        "unchanged": 0,
        "kept": 0,
        "agreed": 1,
    }
    drugs = load(tables).drugs
    assert len(drugs) == len(mappings().drugs) + 7
    patch = drugs[PATCH]
    assert [(one.name, one.strength, one.unit) for one in patch.substances] == [("fentanyl", 25, "mcg/h")]
    assert (patch.rxcui, patch.route, patch.schedule) == ("245134", "transdermal", "II")
    injection = drugs[HYDROMORPHONE]
    assert (injection.route, injection.rxcui, injection.lanes) == ("injection", "", (Lane.OPIOID,))
    assert (drugs[GABAPENTIN].federal_schedule, drugs[GABAPENTIN].schedule) == ("", "V")
    assert [one.strength for one in drugs["99999011101"].substances] == [Fraction(2)]  # 10 mg/5mL
    written = rows(tables)
    assert written["99999010401"]["labeler"] == "Café Pharma"
    assert all(
        "FDA NDC directory" in row["src_row"] and "2026-11" in row["src_row"] for row in written.values()
    )
    assert "RxNorm 245134" in written[PATCH]["src_row"]
    assert "RxNorm" not in written[HYDROMORPHONE]["src_row"]


def test_reviewed_rows_stay_as_they_are_and_differences_are_told(tables: Path) -> None:
    before = (tables / "drugs" / "drugs.csv").read_bytes()
    told = imported()
    assert (tables / "drugs" / "drugs.csv").read_bytes() == before
    assert {"ndc": "00228203110", "column": "federal_schedule", "reviewed": "IV", "imported": "III"} in told[
        "differences"
    ]
    assert not rows(tables).keys() & mappings().drugs.keys()


def test_what_would_leave_a_hole_or_contradict_is_left_out_with_its_reason(tables: Path) -> None:
    reasons = {one["ndc"]: one["reason"] for one in imported()["left_out"]}
    assert reasons == {
        "100000-0001-01": "NDC of another form than 4-4-2, 5-3-2 or 5-4-1",
        "99999010801": "the directory and RxNorm give different strengths of buprenorphine",
        "99999011401": "unit '[iU]/mL'",
        "99999010701": "substances.toml has no lane for nitazene",
        "99999010901": "federal schedule III; 21 CFR 1308.12 says II",
        "99999011301": "classes.toml does not know the form Granule, Extended Release",
    }
    assert not rows(tables).keys() & reasons.keys()


def test_over_the_counter_uncontrolled_and_excluded_products_are_not_taken(tables: Path) -> None:
    imported()
    assert not [ndc for ndc in rows(tables) if ndc[:9] in ("999990105", "999990106", "999990112")]


def test_a_second_import_changes_what_changed_and_keeps_what_is_gone(tables: Path, ndc: Path) -> None:
    imported()
    assert imported()["unchanged"] == 7
    change(ndc, b"HYDROMORPHONE HYDROCHLORIDE\t2\t", b"HYDROMORPHONE HYDROCHLORIDE\t4\t")
    change(ndc, b"99999-111-01", b"99999-111-02", "package.txt")
    told = imported(ndc=ndc)
    assert {name: told[name] for name in ("added", "changed", "unchanged", "kept")} == {
        "added": 1,
        "changed": 2,  # both packages
        "unchanged": 4,
        "kept": 1,
    }
    assert {"99999011101", "99999011102"} <= rows(tables).keys()
    assert rows(tables)[HYDROMORPHONE]["substances"] == "hydromorphone hydrochloride 4 mg/mL"


def test_an_imported_row_that_names_its_reviewer_is_never_written_over(tables: Path, ndc: Path) -> None:
    imported()
    path = tables / "drugs" / "imported.csv"
    signed = [
        f"{line}A. Pharmacist" if line.startswith(HYDROMORPHONE) else line
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    path.write_text("\n".join(signed) + "\n", encoding="utf-8")
    change(ndc, b"HYDROMORPHONE HYDROCHLORIDE\t2\t", b"HYDROMORPHONE HYDROCHLORIDE\t4\t")
    told = imported(ndc=ndc)
    assert [one["ndc"] for one in told["differences"] if one["column"] == "substances"] == [HYDROMORPHONE]
    assert rows(tables)[HYDROMORPHONE]["substances"] == "hydromorphone hydrochloride 2 mg/mL"
    assert rows(tables)[HYDROMORPHONE]["reviewed_by"] == "A. Pharmacist"


def test_a_product_that_was_reviewed_since_leaves_the_imported_table(tables: Path) -> None:
    imported()
    table = tables / "drugs" / "drugs.csv"
    row = rows(tables)[GABAPENTIN]
    row.pop("reviewed_by")
    with table.open("a", encoding="utf-8", newline="") as file:
        csv.DictWriter(file, list(row), lineterminator="\n").writerow(row)
    assert imported()["agreed"] == 2
    assert GABAPENTIN not in rows(tables)
    assert GABAPENTIN in load(tables).drugs


def test_without_rxnorm_the_directory_alone_serves(tables: Path) -> None:
    imported(rxnorm=None)
    drug = load(tables).drugs[PATCH]
    assert (drug.rxcui, drug.form) == ("", "Patch, Extended Release")
    assert drug.substances[0].unit == "mcg/h"


def test_a_dry_run_and_a_refusal_write_nothing(tables: Path, ndc: Path) -> None:
    assert imported("--dry-run")["written"] is None
    assert not (tables / "drugs" / "imported.csv").exists()
    imported()
    before = (tables / "drugs" / "imported.csv").read_bytes()
    change(ndc, b"ACTIVE_INGRED_UNIT", b"UNIT")
    bad = run(ndc=ndc)
    assert bad.exit_code == 3
    assert "product.txt lacks ACTIVE_INGRED_UNIT" in bad.output
    (ndc / "package.txt").unlink()
    assert "no package.txt" in run(ndc=ndc).output
    assert (tables / "drugs" / "imported.csv").read_bytes() == before
    assert not list((tables / "drugs").glob(".imported*"))


def grown(folder: Path, lines: int) -> None:
    """Add `lines` products without a schedule to the directory's file."""
    with (folder / "product.txt").open("rb+") as file:
        heading = file.readline().decode().rstrip().split("\t")
        cells = {"PRODUCTTYPENAME": "HUMAN PRESCRIPTION DRUG", "ROUTENAME": "ORAL", "NDC_EXCLUDE_FLAG": "N"}
        file.seek(0, 2)
        for number in range(lines):
            row = {**cells, "PRODUCTID": f"99998-001_{number}", "SUBSTANCENAME": "METFORMIN"}
            file.write("\t".join(row.get(name, "") for name in heading).encode() + b"\n")


def test_a_line_of_another_shape_is_left_out_by_its_number(tables: Path, ndc: Path) -> None:
    grown(ndc, 200)
    change(ndc, b"INJECTION, SOLUTION", b"INJECTION,\tSOLUTION")
    told = imported(ndc=ndc)
    assert {"ndc": "product.txt, line 2", "reason": "21 columns, not 20"} in told["left_out"]
    assert told["added"] == 5  # both packages of the injection are missing
    assert HYDROMORPHONE not in rows(tables)


def test_a_file_with_many_such_lines_is_refused(tables: Path, ndc: Path) -> None:
    grown(ndc, 200)
    whole = (ndc / "product.txt").read_bytes()
    (ndc / "product.txt").write_bytes(whole.replace(b"\tORAL\t", b"\t"))
    refused = run(ndc=ndc)
    assert refused.exit_code == 3
    assert re.search(r"product.txt, line 3: 19 columns, not 20; so in \d+ of \d+ lines", refused.output)
    assert not (tables / "drugs" / "imported.csv").exists()


def test_marks_line_ends_and_encodings_of_other_years_are_read_alike(tables: Path, ndc: Path) -> None:
    imported()
    plain_rows = rows(tables)
    (tables / "drugs" / "imported.csv").unlink()
    for name in ("product.txt", "package.txt"):
        text = b"".join(
            line.rstrip(b"\r\n") + b"\r\n" for line in (ndc / name).read_bytes().splitlines(keepends=True)
        )
        (ndc / name).write_bytes(b"\xef\xbb\xbf" + text)
    imported(ndc=ndc)
    assert rows(tables) == plain_rows


def test_a_package_of_two_products_is_nobodys(tables: Path, ndc: Path) -> None:
    with (ndc / "package.txt").open("ab") as file:
        file.write(b"99999-102_000000004-0000-4000-8000-000000000000\t99999-102\t99999-0101-1\tX\t\t\tN\tN\n")
    told = imported(ndc=ndc)
    reason = "listed as a package of two products"
    assert {"ndc": HYDROMORPHONE, "reason": reason} in told["left_out"]
    assert HYDROMORPHONE not in rows(tables)


@pytest.mark.parametrize(
    ("name", "content"),
    [("RXNSAT.RRF", b"1|2|3\n"), ("RXNCONSO.RRF", b"\xff|\n"), ("RXNREL.RRF", b"RXCUI1,RELA,RXCUI2\n")],
)
def test_files_of_another_kind_are_refused_by_name(
    tables: Path, tmp_path: Path, name: str, content: bytes
) -> None:
    shutil.copytree(DATA / "rxnorm", tmp_path / "rrf")
    (tmp_path / "rrf" / name).write_bytes(content)
    result = run(rxnorm=tmp_path)
    assert result.exit_code == 3
    assert f"{name}, line 1" in result.output


def test_the_report_for_a_person_says_what_to_do_next(tables: Path) -> None:
    told = run().output
    assert "7 added" in told
    assert "Reviewed otherwise: 2" in told
    assert "Left out: 6" in told
    assert "Run `pdmp migrate`" in told


def test_the_checker_reads_the_imported_table_too(tables: Path) -> None:
    imported()
    path = tables / "drugs" / "imported.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(",II,Hydromorphone", ",IV,Hydromorphone", 1))
    done = subprocess.run(
        [sys.executable, tables / "drugs" / "check.py"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"drugs/imported.csv, {HYDROMORPHONE}: federal schedule IV" in done.stdout


@given(st.integers(0, 99999), st.integers(0, 9999), st.integers(0, 99))
def test_every_form_of_a_package_number_has_its_eleven_digits(
    labeler: int, product: int, package: int
) -> None:
    expected = f"{labeler:05d}{product:04d}{package:02d}"
    if labeler < 10_000:
        assert eleven_digits(f"{labeler:04d}-{product:04d}-{package:02d}") == expected
    if product < 1000:
        assert eleven_digits(f"{labeler:05d}-{product:03d}-{package:02d}") == expected
    if package < 10:
        assert eleven_digits(f"{labeler:05d}-{product:04d}-{package:d}") == expected


@given(st.text(alphabet="0123456789-", max_size=14) | st.text(max_size=20))
def test_any_other_text_is_refused_as_a_package_number(text: str) -> None:
    try:
        found = eleven_digits(text)
    except ValueError:
        return
    assert len(found) == 11
    assert found.isascii()
    assert found.isdecimal()


@given(st.decimals("0.001", "1000", places=3))
def test_units_of_both_sources_come_out_in_ours(value: Decimal) -> None:
    assert scaled(value, "mg/1") == (value, "mg")
    assert scaled(value, "MG/HR") == (value * 1000, "mcg/h")
    assert scaled(value * 5, "mg/5mL") == (value, "mg/mL")
    assert scaled(value * 1000, "ug/mL") == (value, "mg/mL")
    assert parts(f"12 HR oxycodone hydrochloride {plain(value)} MG Extended Release Oral Tablet") == [
        ("oxycodone hydrochloride", value, "mg")
    ]
