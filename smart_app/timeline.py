"""Rows to the geometry of a picture: pure. The template draws what stands here and computes nothing.

A lane is a class of drugs; in it each drug has a strip, a small picture of its own, so that names and
strips can stand beside or above each other as the frame allows. Horizontal positions are percentages of a
strip's width, vertical ones pixels from its top. Supplies of one drug that overlap in time lie below each
other. A supply whose days are not reported is a mark on its first day; one without any date is not drawn,
and counted.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from smart_app.history import CLASSES, Row

TITLES = {
    "opioid": "Opioids",
    "buprenorphine": "Buprenorphine",
    "sedative": "Sedatives",
    "stimulant": "Stimulants",
    "other": "Other controlled drugs",
}

_TRACK, _MARGIN = 13, 4


@dataclass(frozen=True, slots=True)
class Bar:
    """One supply. `x` and `width` in percent, `y` in pixels; `index` is the row's place in the table."""

    index: int
    row: Row
    x: float
    width: float
    y: int
    mark: bool
    cut: bool


@dataclass(frozen=True, slots=True)
class Strip:
    """One drug of a lane: its name, its height in pixels, and its bars, oldest first."""

    name: str
    height: int
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Lane:
    """One class of drugs."""

    kind: str
    title: str
    strips: tuple[Strip, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """The first of a month on the axis; `wide` ones stay where there is little room."""

    x: float
    label: str
    year: bool
    wide: bool


@dataclass(frozen=True, slots=True)
class Timeline:
    """The whole picture: `today` in percent, or None when outside."""

    start: dt.date
    end: dt.date
    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    today: float | None
    undated: int

    @property
    def marks(self) -> bool:
        """Return whether a supply without days is drawn."""
        return any(bar.mark for bar in self._bars())

    @property
    def unsold(self) -> bool:
        """Return whether a supply without a pick-up is drawn."""
        return any(bar.row.sold is None for bar in self._bars())

    def _bars(self) -> Iterable[Bar]:
        return (bar for lane in self.lanes for strip in lane.strips for bar in strip.bars)


def draw(
    rows: Sequence[Row], today: dt.date, start: dt.date | None = None, end: dt.date | None = None
) -> Timeline | None:
    """Return the picture of `rows`, or None where none has a date.

    It spans `start` (else the first supply) to `end` (else today), widened to show every first day and
    the supplies that reach beyond today.
    """
    dated = [(i, row) for i, row in enumerate(rows) if row.start is not None and not row.voided]
    firsts = [row.start for _, row in dated if row.start is not None]
    if not firsts:
        return None
    left = min([start or today, today, *firsts])
    right = max(
        [end or today, today, *firsts, *(row.end for _, row in dated if row.end and row.end <= _far(today))]
    )
    right = max(right, left + dt.timedelta(days=27))
    scale = _Scale(left, right)
    lanes = [
        _lane(kind, members, scale)
        for kind in CLASSES
        if (members := [(i, row) for i, row in dated if kind in row.classes])
    ]
    return Timeline(
        start=left,
        end=right,
        lanes=tuple(lanes),
        ticks=tuple(_ticks(scale)),
        today=scale.x(today) if left <= today <= right else None,
        undated=sum(1 for row in rows if row.start is None and not row.voided),
    )


def _far(today: dt.date) -> dt.date:
    """Return how far ahead the picture may reach: one long supply must not squeeze a year of others."""
    return today + dt.timedelta(days=120)


class _Scale:
    """Days to percent; a day is as wide as any other, the last one included."""

    def __init__(self, left: dt.date, right: dt.date) -> None:
        self.left, self.right = left, right
        self._days = (right - left).days + 1

    def x(self, day: dt.date) -> float:
        """Return where `day` begins."""
        return round(100 * (day - self.left).days / self._days, 3)

    def width(self, first: dt.date, last: dt.date) -> float:
        """Return the width of `first` through `last`."""
        return round(100 * ((last - first).days + 1) / self._days, 3)


def _lane(kind: str, members: list[tuple[int, Row]], scale: _Scale) -> Lane:
    by_drug: dict[str, list[tuple[int, Row]]] = {}
    for index, row in members:
        by_drug.setdefault(row.drug, []).append((index, row))
    return Lane(kind, TITLES[kind], tuple(_strip(name, group, scale) for name, group in by_drug.items()))


def _strip(name: str, group: list[tuple[int, Row]], scale: _Scale) -> Strip:
    """Return the strip of one drug: each supply on the first track that is free."""
    free: list[dt.date] = []
    bars = []
    for index, row in sorted(group, key=lambda pair: (pair[1].start or dt.date.min, pair[0])):
        first = row.start
        assert first is not None
        last = min(row.end or first, scale.right)
        track = next((t for t, until in enumerate(free) if until < first), len(free))
        if track == len(free):
            free.append(last)
        free[track] = last
        bars.append(
            Bar(
                index=index,
                row=row,
                x=scale.x(first),
                width=scale.width(first, last),
                y=_MARGIN + track * _TRACK,
                mark=row.end is None,
                cut=row.end is not None and row.end > scale.right,
            )
        )
    return Strip(name, len(free) * _TRACK + _MARGIN + 1, tuple(bars))


def _ticks(scale: _Scale) -> Iterable[Tick]:
    months = []
    month = scale.left.replace(day=1)
    while month <= scale.right:
        if month >= scale.left:
            months.append(month)
        month = (month.replace(day=28) + dt.timedelta(days=4)).replace(day=1)
    step = max(1, -(-len(months) // 14))
    for place, first in enumerate(months):
        if place % step == 0:
            yield Tick(
                x=scale.x(first),
                label=f"{first:%b}",
                year=first.month == 1 or place == 0,
                wide=(place // step) % 3 == 0,
            )
