"""Sets of days as disjoint runs, by closed forms on day numbers: no clock, no zone, no step by day.

A `Span` is (first, last) in proleptic Gregorian ordinals, both ends included; a `Run` is the same as dates.
Lists of spans that these functions return are sorted, disjoint, and never touch.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

Span = tuple[int, int]


@dataclass(frozen=True, slots=True, order=True)
class Run:
    """Consecutive days, both ends included."""

    first: dt.date
    last: dt.date

    @property
    def days(self) -> int:
        """Return the number of days."""
        return self.last.toordinal() - self.first.toordinal() + 1

    @property
    def span(self) -> Span:
        """Return the run as day numbers."""
        return (self.first.toordinal(), self.last.toordinal())

    def __contains__(self, day: dt.date) -> bool:
        return self.first <= day <= self.last


def as_runs(spans: Iterable[Span]) -> tuple[Run, ...]:
    """Return `spans` as dates."""
    return tuple(Run(dt.date.fromordinal(a), dt.date.fromordinal(b)) for a, b in spans)


def days_of(runs: Iterable[Run]) -> int:
    """Return the number of days in disjoint `runs`."""
    return sum(run.days for run in runs)


def union(spans: Iterable[Span]) -> list[Span]:
    """Return every day that any of `spans` covers, once."""
    result: list[Span] = []
    for first, last in sorted(spans):
        if result and first <= result[-1][1] + 1:
            if last > result[-1][1]:
                result[-1] = (result[-1][0], last)
        else:
            result.append((first, last))
    return result


def intersection(one: list[Span], other: list[Span]) -> list[Span]:
    """Return the days that are in both; each must be a union."""
    result: list[Span] = []
    i = j = 0
    while i < len(one) and j < len(other):
        first, last = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if first <= last:
            result.append((first, last))
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1
    return result


def complement(spans: list[Span], within: Span) -> list[Span]:
    """Return the days of `within` that a union does not cover."""
    result: list[Span] = []
    start = within[0]
    for first, last in spans:
        if last < within[0] or first > within[1]:
            continue
        if first > start:
            result.append((start, first - 1))
        start = max(start, last + 1)
    if start <= within[1]:
        result.append((start, within[1]))
    return result


def clip(spans: Iterable[Span], within: Span) -> list[Span]:
    """Return the parts of `spans` that lie in `within`."""
    return [
        (max(first, within[0]), min(last, within[1]))
        for first, last in spans
        if first <= within[1] and last >= within[0]
    ]


def at_least(spans: Iterable[Span], times: int) -> list[Span]:
    """Return the days that at least `times` of `spans` cover."""
    changes: dict[int, int] = {}
    for first, last in spans:
        changes[first] = changes.get(first, 0) + 1
        changes[last + 1] = changes.get(last + 1, 0) - 1
    result: list[Span] = []
    depth = start = 0
    for day in sorted(changes):
        before, depth = depth, depth + changes[day]
        if before < times <= depth:
            start = day
        elif depth < times <= before:
            result.append((start, day - 1))
    return union(result)


@dataclass(frozen=True, slots=True)
class Levels:
    """Sums by day: (first, last, sum in `parts`ths), in order, never touching with equal sums, never 0."""

    parts: int
    runs: tuple[tuple[int, int, int], ...]


def sum_by_day(amounts: Iterable[tuple[Span, Fraction]]) -> Levels:
    """Return the runs of days with equal sums, exact: counted in whole parts of one common denominator."""
    listed = list(amounts)
    parts = lcm(*(amount.denominator for _, amount in listed))
    changes: dict[int, int] = {}
    for (first, last), amount in listed:
        whole = amount.numerator * (parts // amount.denominator)
        changes[first] = changes.get(first, 0) + whole
        changes[last + 1] = changes.get(last + 1, 0) - whole
    result: list[tuple[int, int, int]] = []
    level = start = 0
    for day in sorted(changes):
        if changes[day] == 0:
            continue
        if level:
            result.append((start, day - 1, level))
        start, level = day, level + changes[day]
    return Levels(parts, tuple(result))
