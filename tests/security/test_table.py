"""The table of attacks is whole: each has tests, all that it names are there, and no test is without one."""

from __future__ import annotations

import ast
import csv
from pathlib import Path

FOLDER = Path(__file__).parent


def rows() -> list[dict[str, str]]:
    with (FOLDER / "attacks.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_each_of_the_thirty_five_attacks_has_tests_and_each_test_an_attack() -> None:
    table = rows()
    assert [row["number"] for row in table] == [str(number) for number in range(1, 36)]
    assert all(row["attack"] and row["answer"] and row["tests"] for row in table)
    named = {name for row in table for name in row["tests"].split()}
    there = {
        part.name
        for path in FOLDER.glob("test_*.py")
        if path.name != Path(__file__).name
        for part in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(part, ast.FunctionDef) and part.name.startswith("test_")
    }
    assert named - there == set(), "named and not there"
    assert there - named == set(), "there and not named"
