"""From which day to which day a dispensation lasts, and which dispensations are one fill.

Rule: the first day is the day sold (DSP17), else the day filled (DSP05), or always the day filled, as the
jurisdiction says; the last day is the first day + days supply (DSP10) - 1, both counted (CDC/CMS; see
mme.py). A supply of no days is unknown, never empty: it has no last day. Voided dispensations are no
supplies. Only calendar dates: no time of day, zone or clock change can move one.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from gateway.clinical.row import Row
from gateway.clinical.runs import Run, Span


class Starts(Enum):
    """Which date begins a supply."""

    SOLD = "sold"
    FILLED = "filled"


# As `Row`: one for each dispensation of each answer.
@dataclass(slots=True)
class Supply:
    """A dispensation with its days. `span` has them as numbers, None when their number is not known."""

    row: Row
    first: dt.date
    span: Span | None

    @property
    def last(self) -> dt.date | None:
        """Return the last day, or None."""
        return None if self.span is None else dt.date.fromordinal(self.span[1])

    @property
    def id(self) -> str:
        """Return the dispensation's id."""
        return self.row.dispensation_id

    @property
    def pick_up_reported(self) -> bool:
        """Return whether a credible day of sale was reported; a sale before the filling is not."""
        return self.row.sold_on is not None and self.row.sold_on >= self.row.filled_on

    def covers(self, day: dt.date) -> bool:
        """Return whether `day` is one of its days; an unknown supply covers none."""
        return self.span is not None and self.span[0] <= day.toordinal() <= self.span[1]


@dataclass(slots=True)
class Fill:
    """One fill of one prescription: a single dispensation, or the parts in which it was handed out."""

    parts: tuple[Supply, ...]

    @property
    def first(self) -> dt.date:
        """Return the first day of the first part."""
        return self.parts[0].first

    @property
    def last(self) -> dt.date | None:
        """Return the last day of all parts, None when the days of any are not known."""
        if len(self.parts) == 1:
            return self.parts[0].last
        ends = [part.span[1] for part in self.parts if part.span is not None]
        return dt.date.fromordinal(max(ends)) if len(ends) == len(self.parts) else None


def supply(row: Row, starts: Starts) -> Supply:
    """Return the days of one dispensation."""
    first = row.filled_on
    if starts is Starts.SOLD and row.sold_on is not None and row.sold_on > first:
        first = row.sold_on
    if row.days_supply <= 0:
        return Supply(row, first, None)
    number = first.toordinal()
    return Supply(row, first, (number, number + row.days_supply - 1))


def supplies(rows: Iterable[Row], starts: Starts) -> tuple[Supply, ...]:
    """Return the supplies of `rows` by first day, then id; those of voided rows are left out."""
    found = [supply(row, starts) for row in rows if not row.voided]
    found.sort(key=lambda s: (s.first, s.row.dispensation_id))
    return tuple(found)


def fills(found: Iterable[Supply]) -> tuple[Fill, ...]:
    """Return `found`, in the order of `supplies`, with the parts of one fill (DSP13 not 00) together.

    Parts belong together by dispenser, Rx number and fill number, of the same drug.
    """
    together: dict[object, list[Supply]] = {}
    for one in found:
        row = one.row
        whole = row.partial_fill in ("00", "")
        key: object = row.dispensation_id
        if not whole:
            key = (row.dispenser_id, row.rx_number, row.fill_number, row.makeup.sameness)
        together.setdefault(key, []).append(one)
    return tuple([Fill(tuple(parts)) for parts in together.values()])


def touching(found: Iterable[Supply], runs: Iterable[Run]) -> tuple[Supply, ...]:
    """Return the supplies that cover a day of disjoint `runs`, in the order given."""
    spans = sorted(run.span for run in runs)
    ends = [last for _, last in spans]
    result: list[Supply] = []
    for one in found:
        if one.span is not None:
            # The first run that has not ended before this supply begins.
            at = bisect_left(ends, one.span[0])
            if at < len(spans) and spans[at][0] <= one.span[1]:
                result.append(one)
    return tuple(result)
