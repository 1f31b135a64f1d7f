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
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

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
        if self.unit == "days":
            return Run(last - dt.timedelta(self.count - 1), last)
        months = last.year * 12 + last.month - 1 - self.count
        year, month = divmod(months, 12)
        day = min(last.day, calendar.monthrange(year, month + 1)[1])
        return Run(dt.date(year, month + 1, day) + dt.timedelta(1), last)

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
        enough = (prescribers >= self.prescribers, dispensers >= self.dispensers)
        return any(enough) if self.either else all(enough)


@dataclass(frozen=True, slots=True)
class Episode:
    """Windows that met the rule and overlap, as one: from the first to the last dispensing in them.

    Counts are the highest of any of its windows, not of the whole.
    """

    run: Run
    prescribers: int
    dispensers: int
    rows: tuple[UUID, ...]


def episodes(found: Iterable[Supply], rule: EpisodeRule) -> tuple[Episode, ...]:
    """Return the episodes by `rule`, oldest first. `found` is in the order of `supplies`."""
    listed = [s for s in found if _counts(s)]
    # Counted by the numbers of the ids, whose hashes cost less.
    prescribers: Counter[int] = Counter()
    dispensers: Counter[int] = Counter()
    hits: list[tuple[int, int, int, int]] = []
    start = 0
    for end, one in enumerate(listed):
        prescribers[one.row.prescriber_id.int] += 1
        dispensers[one.row.dispenser_id.int] += 1
        if end + 1 < len(listed) and listed[end + 1].first == one.first:
            continue
        opening = rule.length.ending(one.first).first
        while listed[start].first < opening:
            _drop(prescribers, listed[start].row.prescriber_id.int)
            _drop(dispensers, listed[start].row.dispenser_id.int)
            start += 1
        if rule.met(len(prescribers), len(dispensers)):
            hits.append((start, end, len(prescribers), len(dispensers)))
    return tuple(_episode(listed, group) for group in _grouped(hits))


def _counts(one: Supply) -> bool:
    return DrugClass.OPIOID in one.row.makeup.classes and one.row.makeup.schedule in _SCHEDULES


def _drop(counts: Counter[int], key: int) -> None:
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
