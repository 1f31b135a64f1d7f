"""Requirement lists: `conformance/requirements/*.csv`, one requirement a row, and what is covered of them.

Columns: `id`, `url` of the passage, `level` (SHALL, SHOULD or MAY), `text` in our words, `reason` why no test
proves it (empty where one does). Which tests prove what, the tests say themselves.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from conformance.run.outcomes import Outcome, Result, Test

_FOLDER = Path(__file__).resolve().parents[1] / "requirements"
LEVELS = ("SHALL", "SHOULD", "MAY")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One row."""

    id: str
    url: str
    level: str
    text: str
    reason: str


class BadList(Exception):
    """The list and the tests contradict each other."""


def load(name: str, tests: Iterable[Test]) -> dict[str, Requirement]:
    """Return the requirements by id, each with a test or a reason. Raises BadList."""
    with (_FOLDER / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        rows = [Requirement(**row) for row in csv.DictReader(file)]
    found = {row.id: row for row in rows}
    proved = {own for test in tests for own in test.requirements}
    if len(found) != len(rows):
        raise BadList("an id is there twice")
    if unknown := proved - found.keys():
        raise BadList(f"tests name what is not in the list: {', '.join(sorted(unknown))}")
    for row in rows:
        if row.level not in LEVELS or not row.url or not row.text:
            raise BadList(f"{row.id} is not complete")
        if (row.id in proved) == bool(row.reason):
            raise BadList(f"{row.id} needs a test or a reason, and not both")
    return found


def coverage(requirements: dict[str, Requirement], results: Iterable[Result]) -> dict[str, dict[str, int]]:
    """Return per level how many there are, are tested, and were proved in this run."""
    worst = outcomes(results)
    table = {level: {"all": 0, "tested": 0, "passed": 0} for level in LEVELS}
    for row in requirements.values():
        table[row.level]["all"] += 1
        table[row.level]["tested"] += not row.reason
        table[row.level]["passed"] += worst.get(row.id) is Outcome.PASS
    return table


def outcomes(results: Iterable[Result]) -> dict[str, Outcome]:
    """Return the outcome of each requirement: the worst of its tests; omit counts only when all omit."""
    order = (Outcome.ERROR, Outcome.FAIL, Outcome.SKIP, Outcome.PASS, Outcome.OMIT)
    worst: dict[str, Outcome] = {}
    for result in results:
        for own in result.test.requirements:
            worst[own] = min(worst.get(own, Outcome.OMIT), result.outcome, key=order.index)
    return worst


def unproved(requirements: dict[str, Requirement], results: Iterable[Result]) -> list[str]:
    """Return the SHALLs with a test that this run did not prove; what does not apply here is left out."""
    worst = outcomes(results)
    fine = (Outcome.PASS, Outcome.OMIT)
    return [
        row.id
        for row in requirements.values()
        if row.level == "SHALL" and not row.reason and worst.get(row.id) not in fine
    ]
