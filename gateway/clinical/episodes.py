"""Multiple-provider episodes: many prescribers and many dispensers within a window.

Rules as configured (`thresholds`), e.g. at least 5 prescribers and 5 dispensers in 90 days (UK/Delcher 2021),
or 6 of either in 6 months (California CURES, Schneberk 2020). Counted are opioids in Schedules II to V but
not buprenorphine; one whose schedule no source names counts, for it was reported to a PDMP. A window of n
days is n calendar days, both ends counted; of n months, the days after the same day of the month n months
before. A day is the first day of the supply.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from gateway.clinical.classes import DrugClass
from gateway.clinical.runs import Run
from gateway.clinical.supplies import Supply

_SCHEDULES = frozenset({"II", "III", "IV", "V", ""})


@dataclass(frozen=True, slots=True)
class Length:
    """How long a window is: so many days, or so many months."""

    count: int
    unit: str
    """`days` or `months`."""

    def ending(self, last: dt.date) -> Run:
        """Return the window whose last day is `last`."""
        return Run(dt.date.fromordinal(_opening(self.count, self.unit, last.toordinal())), last)

    def __str__(self) -> str:
        return f"{self.count} {self.unit}"


@dataclass(frozen=True, slots=True)
class EpisodeRule:
    """At least so many of both, or of `either`, within `length`."""

    prescribers: int
    dispensers: int
    length: Length
    either: bool = False

    def met(self, prescribers: int, dispensers: int) -> bool:
        """Return whether the counts reach the rule."""
        if self.either:
            return prescribers >= self.prescribers or dispensers >= self.dispensers
        return prescribers >= self.prescribers and dispensers >= self.dispensers


@dataclass(frozen=True, slots=True)
class Episode:
    """Windows that met the rule and overlap, as one: from the first to the last dispensing in them.

    Counts are the highest of any of its windows, not of the whole.
    """

    run: Run
    prescribers: int
    dispensers: int
    rows: tuple[str, ...]


def episodes(found: Iterable[Supply], rule: EpisodeRule) -> tuple[Episode, ...]:
    """Return the episodes by `rule`, oldest first. `found` is in the order of `supplies`."""
    return by_rule(found, (rule,))[rule]


def by_rule(found: Iterable[Supply], rules: Iterable[EpisodeRule]) -> dict[EpisodeRule, tuple[Episode, ...]]:
    """Return the episodes by each of `rules`, as `episodes` does."""
    listed = [s for s in found if counts(s)]
    prescribers = _numbered([s.row.prescriber_id for s in listed])
    dispensers = _numbered([s.row.dispenser_id for s in listed])
    days = [s.first.toordinal() for s in listed]
    return {
        rule: tuple(
            [_episode(listed, group) for group in _grouped(_hits(rule, days, prescribers, dispensers))]
        )
        for rule in rules
    }


def _hits(
    rule: EpisodeRule, days: list[int], prescribers: list[int], dispensers: list[int]
) -> list[tuple[int, int, int, int]]:
    """Return the windows that meet `rule`: places of the first and last dispensing, and both counts."""
    # How often each occurs in the window, and how many occur at all.
    who, where = [0] * len(set(prescribers)), [0] * len(set(dispensers))
    people = places = start = 0
    hits: list[tuple[int, int, int, int]] = []
    if not rule.met(len(who), len(where)):
        # No window holds more than the whole.
        return hits
    following = [*days[1:], 0]
    for end, (day, who_now, where_now) in enumerate(zip(days, prescribers, dispensers, strict=True)):
        people += not who[who_now]
        places += not where[where_now]
        who[who_now] += 1
        where[where_now] += 1
        if following[end] == day:
            continue
        opening = _opening(rule.length.count, rule.length.unit, day)
        while days[start] < opening:
            gone, left = prescribers[start], dispensers[start]
            who[gone] -= 1
            where[left] -= 1
            people -= not who[gone]
            places -= not where[left]
            start += 1
        if rule.met(people, places):
            hits.append((start, end, people, places))
    return hits


def _numbered(names: list[str]) -> list[int]:
    """Return a small number for each name, from 0."""
    numbers: dict[str, int] = {}
    return [numbers.setdefault(name, len(numbers)) for name in names]


# Days of a few years, again and again.
@lru_cache(maxsize=16384)
def _opening(count: int, unit: str, day: int) -> int:
    """Return the first day of the window that ends on `day`, both as numbers."""
    if unit == "days":
        return day - count + 1
    last = dt.date.fromordinal(day)
    year, month = divmod(last.year * 12 + last.month - 1 - count, 12)
    same = min(last.day, calendar.monthrange(year, month + 1)[1])
    return dt.date(year, month + 1, same).toordinal() + 1


def counts(one: Supply) -> bool:
    """Return whether the rules count `one`."""
    return DrugClass.OPIOID in one.row.makeup.classes and one.row.makeup.schedule in _SCHEDULES


def _grouped(hits: list[tuple[int, int, int, int]]) -> list[list[tuple[int, int, int, int]]]:
    groups: list[list[tuple[int, int, int, int]]] = []
    for hit in hits:
        if groups and hit[0] <= groups[-1][-1][1]:
            groups[-1].append(hit)
        else:
            groups.append([hit])
    return groups


def _episode(listed: list[Supply], group: list[tuple[int, int, int, int]]) -> Episode:
    rows = listed[group[0][0] : group[-1][1] + 1]
    return Episode(
        Run(rows[0].first, rows[-1].first),
        max(hit[2] for hit in group),
        max(hit[3] for hit in group),
        tuple([one.row.dispensation_id for one in rows]),
    )
