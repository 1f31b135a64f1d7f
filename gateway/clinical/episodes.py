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
        return Run(_opening(self.count, self.unit, last), last)

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
    listed = [s for s in found if counts(s)]
    prescribers = [s.row.prescriber_id for s in listed]
    dispensers = [s.row.dispenser_id for s in listed]
    if not rule.met(len(set(prescribers)), len(set(dispensers))):
        # No window holds more than the whole.
        return ()
    days = [s.first for s in listed]
    # How often each occurs in the window; what falls to none is taken out.
    who: dict[str, int] = {}
    where: dict[str, int] = {}
    hits: list[tuple[int, int, int, int]] = []
    start, after = 0, len(days)
    for end, day in enumerate(days):
        who[prescribers[end]] = who.get(prescribers[end], 0) + 1
        where[dispensers[end]] = where.get(dispensers[end], 0) + 1
        if end + 1 < after and days[end + 1] == day:
            continue
        opening = _opening(rule.length.count, rule.length.unit, day)
        while days[start] < opening:
            _drop(who, prescribers[start])
            _drop(where, dispensers[start])
            start += 1
        if rule.met(len(who), len(where)):
            hits.append((start, end, len(who), len(where)))
    return tuple(_episode(listed, group) for group in _grouped(hits))


# Days of a few years, again and again.
@lru_cache(maxsize=16384)
def _opening(count: int, unit: str, last: dt.date) -> dt.date:
    if unit == "days":
        return last - dt.timedelta(count - 1)
    year, month = divmod(last.year * 12 + last.month - 1 - count, 12)
    day = min(last.day, calendar.monthrange(year, month + 1)[1])
    return dt.date(year, month + 1, day) + dt.timedelta(1)


def counts(one: Supply) -> bool:
    """Return whether the rules count `one`."""
    return DrugClass.OPIOID in one.row.makeup.classes and one.row.makeup.schedule in _SCHEDULES


def _drop(counts: dict[str, int], key: str) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]


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
        tuple(one.id for one in rows),
    )
