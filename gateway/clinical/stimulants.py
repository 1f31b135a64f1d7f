"""Stimulants: milligrams a day by ingredient, never converted into one another.

Rule: no equivalence between stimulants is accepted, so none is applied. A salt's milligrams are those of
its name on the label (mixed amphetamine salts: amphetamine and dextroamphetamine each for itself).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from gateway.clinical.curve import DailyDose, NotCounted, daily
from gateway.clinical.drug import Lane
from gateway.clinical.mme import Uncounted
from gateway.clinical.runs import Span, sum_by_day
from gateway.clinical.supplies import Supply


@dataclass(frozen=True, slots=True)
class Stimulants:
    """mg a day by ingredient, as runs of equal days; and what could not be counted."""

    days: Mapping[str, tuple[DailyDose, ...]]
    not_counted: tuple[NotCounted, ...]

    def on(self, day: dt.date) -> dict[str, Fraction]:
        """Return mg of each ingredient on `day`, by name; those without a dose that day are left out."""
        return {
            name: run.per_day
            for name, runs in sorted(self.days.items())
            for run in runs
            if run.first <= day <= run.last
        }


def stimulants(found: Iterable[Supply]) -> Stimulants:
    """Return the stimulants of `found` by ingredient and day."""
    amounts: dict[str, list[tuple[Span, Fraction]]] = {}
    missing: list[NotCounted] = []
    for one in found:
        mine = [content for content in one.row.makeup.contents if content.lane is Lane.STIMULANT]
        unknown = [content for content in mine if content.per_day is None]
        if unknown:
            missing.append(NotCounted(one.id, unknown[0].reason or Uncounted.NO_STRENGTH))
            continue
        for content in mine:
            if one.span is not None and content.per_day is not None:
                amounts.setdefault(content.name, []).append((one.span, content.per_day))
    return Stimulants({name: daily(sum_by_day(listed)) for name, listed in amounts.items()}, tuple(missing))
