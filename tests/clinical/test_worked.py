"""The page of the numbers says what the code says. `UPDATE_GOLDEN=1` writes its examples anew for review."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from gateway.mapping.tables import Mappings
from tests.clinical.other_implementations import CASES, Case
from tests.clinical.worked import BLOCKS, ours
from tests.mapping.shapes import BASE, FOLDER

PAGE = Path(__file__).resolve().parents[2] / "gateway" / "clinical" / "README.md"
BLOCK = re.compile(r"(<!-- computed: (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def test_the_worked_examples_are_what_the_code_computes() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert {match[2] for match in BLOCK.finditer(page)} == set(BLOCKS)
    written = BLOCK.sub(lambda m: m[1] + "".join(f"{line}\n" for line in BLOCKS[m[2]]()) + m[4], page)
    if os.environ.get("UPDATE_GOLDEN") == "1":
        PAGE.write_text(written, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == written


def test_every_figure_of_the_answer_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    m = Mappings.load(FOLDER, jurisdiction="KY", identifier_base=BASE)
    for code in m.facts:
        assert f"`{code}`" in page or (code.startswith("overlap-") and "`overlap-…`" in page), code


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.source}, {case.drug}, {case.quantity}")
def test_other_implementations_agree_or_the_reason_is_named(case: Case) -> None:
    agrees = ours(case, "CDC 2022") == f"{float(case.expected):g}"
    assert agrees is not bool(case.why)


def test_by_the_older_table_banded_methadone_is_the_same() -> None:
    for case in CASES:
        if "methadone" in case.drug or "hydromorphone 2" in case.drug:
            assert ours(case, "CDC 2016") == case.theirs
