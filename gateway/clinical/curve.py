"""Morphine equivalents by day: the sum over every opioid supply that covers the day, as runs of equal days.

Rule: CDC Clinical Practice Guideline, MMWR Recomm Rep 2022;71(RR-3), and CDC/CMS: MME of a day is the sum
of MME a day of each opioid whose days include it. Overlapping refills add up (`doubling` flags them).
What cannot be counted is listed with its reason beside every figure and is never 0. There is no agreed
denominator for a mean (opioiddatalab MMEequations lists four): each mean here says which it has.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from gateway.clinical.mme import Uncounted
from gateway.clinical.runs import Levels, Run, as_runs, sum_by_day, union
from gateway.clinical.supplies import Supply


@dataclass(frozen=True, slots=True)
class NotCounted:
    """A dispensation that a sum leaves out, and why."""

    dispensation_id: str
    reason: Uncounted


@dataclass(frozen=True, slots=True)
class DailyDose:
    """Days, both ends included, each with the same sum a day, exact."""

    first: dt.date
    last: dt.date
    per_day: Fraction


@dataclass(frozen=True, slots=True)
class Curve:
    """A sum by day. Days that no counted supply covers are left out. `table` names the factors.

    `considered` is how many dispensations ought to be in it, `not_counted` those of them that are not.
    """

    levels: Levels
    table: str
    considered: int
    not_counted: tuple[NotCounted, ...]

    @property
    def days(self) -> tuple[DailyDose, ...]:
        """Return every run of equal days, in order."""
        return daily(self.levels)


@dataclass(frozen=True, slots=True)
class Active:
    """The sum of one day. `total` is None when something covers the day and nothing could be counted.

    `not_counted` has what covers the day without a figure, and what may cover it: supplies of unknown length
    that began by then.
    """

    day: dt.date
    total: Fraction | None
    table: str
    counted: tuple[str, ...]
    not_counted: tuple[NotCounted, ...]

    @property
    def considered(self) -> int:
        """Return the number of dispensations that ought to be in the sum."""
        return len(self.counted) + len(self.not_counted)


@dataclass(frozen=True, slots=True)
class Mean:
    """Both denominators, named. `over_covered_days` is None without a covered day."""

    over_window: Fraction
    over_covered_days: Fraction | None
    covered_days: int


def morphine_curve(found: Iterable[Supply], table: str) -> Curve:
    """Return MME by day of `found`. `table` names the factors by which their doses were computed."""
    counted, missing = _sorted_out(found)
    levels = sum_by_day(
        (s.span, s.row.makeup.dose.per_day) for s in counted if s.span and s.row.makeup.dose.per_day
    )
    return Curve(levels, table, len(counted) + len(missing), tuple(missing))


def active(found: Iterable[Supply], table: str, day: dt.date) -> Active:
    """Return the MME sum of `day`: what is in hand by the letter of the records."""
    begun = [s for s in found if s.covers(day) or (s.last is None and s.first <= day)]
    counted, missing = _sorted_out(begun)
    total: Fraction | None = sum((s.row.makeup.dose.per_day or Fraction(0) for s in counted), Fraction(0))
    if missing and not counted:
        total = None
    return Active(day, total, table, tuple(s.id for s in counted), tuple(missing))


def daily(levels: Levels) -> tuple[DailyDose, ...]:
    """Return `levels` as dates and doses."""
    return tuple(_dose(levels, run) for run in levels.runs)


def on(curve: Curve, day: dt.date) -> Fraction:
    """Return the counted sum of `day`; 0 when nothing that could be counted covers it."""
    number = day.toordinal()
    levels = curve.levels
    return Fraction(sum(whole for a, b, whole in levels.runs if a <= number <= b), levels.parts)


def peak(curve: Curve, window: Run) -> DailyDose | None:
    """Return the first run of days in `window` with the highest sum; None: no counted day."""
    inside = _clipped(curve, window)
    return _dose(curve.levels, max(inside, key=lambda run: run[2])) if inside else None


def mean(curve: Curve, window: Run) -> Mean:
    """Return the mean a day over all days of `window`, and over its days with a counted supply."""
    inside = _clipped(curve, window)
    covered = sum(b - a + 1 for a, b, _ in inside)
    total = Fraction(sum((b - a + 1) * whole for a, b, whole in inside), curve.levels.parts)
    return Mean(total / window.days, total / covered if covered else None, covered)


def reaching(curve: Curve, threshold: Fraction) -> tuple[Run, ...]:
    """Return the days at or above `threshold`, compared exactly: 49.99 does not reach 50."""
    levels = curve.levels
    # level / parts >= threshold, without dividing.
    enough = threshold.numerator * levels.parts
    return as_runs(union((a, b) for a, b, whole in levels.runs if whole * threshold.denominator >= enough))


def _sorted_out(found: Iterable[Supply]) -> tuple[list[Supply], list[NotCounted]]:
    counted: list[Supply] = []
    missing: list[NotCounted] = []
    for one in found:
        dose = one.row.makeup.dose
        if dose.per_day is not None and one.span is not None:
            counted.append(one)
        elif dose.reason is not Uncounted.NOT_OPIOID:
            missing.append(NotCounted(one.id, dose.reason or Uncounted.NO_DAYS_SUPPLY))
    return counted, missing


def _clipped(curve: Curve, window: Run) -> list[tuple[int, int, int]]:
    first, last = window.span
    return [
        (max(a, first), min(b, last), whole) for a, b, whole in curve.levels.runs if a <= last and b >= first
    ]


def _dose(levels: Levels, run: tuple[int, int, int]) -> DailyDose:
    first, last, whole = run
    return DailyDose(dt.date.fromordinal(first), dt.date.fromordinal(last), Fraction(whole, levels.parts))
