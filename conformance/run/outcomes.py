"""The five outcomes, and how a test says which is its own.

`pass` and `fail` are about the server under test; `skip`: a thing that the test needs was missing, so nothing
is known; `omit`: the requirement is for a case that is not here; `error`: the kit itself failed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Outcome(Enum):
    """What a test came to."""

    PASS = "pass"
    FAIL = "fail"
    SKIP = "skip"
    OMIT = "omit"
    ERROR = "error"


class Fail(Exception):
    """The server does not do what the requirement says."""


class Skip(Exception):
    """The test needs something that is not there."""


class Omit(Exception):
    """The requirement does not apply here."""


def expect(condition: object, what: str) -> None:
    """Return when `condition` holds. Raises Fail with `what` was expected."""
    if not condition:
        raise Fail(what)


@dataclass(frozen=True, slots=True)
class Test:
    """One test: its id, the ids of the requirements it proves, and what it does with the suite's session."""

    id: str
    title: str
    requirements: tuple[str, ...]
    run: Callable[[Any], None] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Result:
    """What one test came to, why, and the exchanges that show it."""

    test: Test
    outcome: Outcome
    message: str
    evidence: tuple[dict[str, Any], ...] = field(default=(), repr=False)
