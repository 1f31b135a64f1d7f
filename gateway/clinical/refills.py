"""Fills that came before the supply of the same drug before them had run out.

Rule: none is published with a number of days; the program sets one (`thresholds`). Days early are counted
from the first day of the new fill to the last day of the supply in hand, both counted, so a fill on the day
after the last is 0 days early. The same drug is the same substances, strengths and release, whoever
prescribed or dispensed it. The parts of one fill are one fill; a treatment programme's daily doses are none.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.clinical.supplies import Fill, Supply, fills


@dataclass(frozen=True, slots=True)
class EarlyFill:
    """A fill (`rows`) that began `days_early` days before the end of what was in hand (`before`)."""

    rows: tuple[str, ...]
    before: tuple[str, ...]
    days_early: int


def early_fills(found: Iterable[Supply], at_least: int = 1) -> tuple[EarlyFill, ...]:
    """Return the fills that were at least so many days early, by their first day."""
    if at_least < 1:
        raise ValueError("a fill is early from one day on")
    in_hand: dict[tuple[object, ...], tuple[Fill, dt.date]] = {}
    result: list[EarlyFill] = []
    for fill in fills(s for s in found if s.row.makeup.classes and not s.row.is_programme_dose):
        drug, last = fill.parts[0].row.makeup.sameness, fill.last
        before = in_hand.get(drug)
        if before is not None:
            days = (before[1] - fill.first).days + 1
            if days >= at_least:
                result.append(EarlyFill(_ids(fill), _ids(before[0]), days))
        # Of several supplies in hand the one that lasts longest; one of unknown length tells nothing.
        if last is not None and (before is None or last > before[1]):
            in_hand[drug] = fill, last
    return tuple(result)


def _ids(fill: Fill) -> tuple[str, ...]:
    return tuple(part.id for part in fill.parts)
