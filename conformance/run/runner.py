"""Run the tests of a suite one after the other, each with its evidence."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from conformance.run.exchanges import Exchanges
from conformance.run.outcomes import Fail, Omit, Outcome, Result, Skip, Test
from conformance.run.requirements import Requirement, coverage, outcomes, unproved


class Session(Protocol):
    """What a suite hands to its tests."""

    @property
    def http(self) -> Exchanges:
        """Return the exchanges of this run."""


def run(tests: Iterable[Test], session: Session) -> list[Result]:
    """Return the result of every test, in order."""
    return [_one(test, session) for test in tests]


def _one(test: Test, session: Session) -> Result:
    session.http.take()
    try:
        test.run(session)
    except Fail as error:
        outcome, message = Outcome.FAIL, str(error)
    except Skip as error:
        outcome, message = Outcome.SKIP, str(error)
    except Omit as error:
        outcome, message = Outcome.OMIT, str(error)
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        message = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
        outcome = Outcome.ERROR
    else:
        outcome, message = Outcome.PASS, ""
    return Result(test, outcome, message, session.http.take())


def lines(requirements: dict[str, Requirement], results: list[Result]) -> list[str]:
    """Return the report as text."""
    told = []
    for result in results:
        told.append(f"{result.outcome.value:5}  {result.test.id:28} {result.test.title}")
        if result.message:
            told.append(f"       {result.message}")
    for level, counts in coverage(requirements, results).items():
        told.append(
            f"{level:6} {counts['all']:3} listed, {counts['tested']:3} tested, {counts['passed']:3} proved"
        )
    missing = unproved(requirements, results)
    told.append("every tested SHALL holds" if not missing else f"not proved: {', '.join(missing)}")
    return told


def report(suite: str, base: str, requirements: dict[str, Requirement], results: list[Result]) -> str:
    """Return the report as JSON, evidence included."""
    worst = outcomes(results)
    value: dict[str, Any] = {
        "suite": suite,
        "base_url": base,
        "coverage": coverage(requirements, results),
        "unproved": unproved(requirements, results),
        "requirements": [
            {
                "id": row.id,
                "url": row.url,
                "level": row.level,
                "text": row.text,
                "outcome": worst[row.id].value if row.id in worst else None,
                "reason": row.reason or None,
            }
            for row in requirements.values()
        ],
        "tests": [
            {
                "id": result.test.id,
                "title": result.test.title,
                "requirements": list(result.test.requirements),
                "outcome": result.outcome.value,
                "message": result.message,
                "evidence": list(result.evidence),
            }
            for result in results
        ],
    }
    return json.dumps(value, indent=2)
