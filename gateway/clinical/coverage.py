"""Days covered and gaps, how many prescribers and dispensers, the last fill, what is left today.

Arithmetic on the records alone: supplies as dispensed, as if taken as directed. Day counts include both
ends; days covered are counted once (the numerator of PQA's proportion of days covered, without shifting
overlapping supplies to later days).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from gateway.clinical.runs import Run, as_runs, clip, complement, days_of, union
from gateway.clinical.supplies import Supply


@dataclass(frozen=True, slots=True)
class Coverage:
    """The days of a window with any of the supplies, and those between the first and last such day without.

    `not_judged`: dispensations of unknown length, which may cover days.
    """

    covered: tuple[Run, ...]
    gaps: tuple[Run, ...]
    window: Run
    not_judged: tuple[str, ...]

    @property
    def days(self) -> int:
        """Return the number of days covered."""
        return days_of(self.covered)


@dataclass(frozen=True, slots=True)
class Providers:
    """Distinct people who prescribed and places that dispensed."""

    prescribers: frozenset[str]
    dispensers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Left:
    """What one supply has left, today counted: days, and quantity in the dispensed unit, exact."""

    dispensation_id: str
    days: int
    quantity: Fraction


def coverage(found: Iterable[Supply], window: Run) -> Coverage:
    """Return the days of `window` that `found` covers, and the gaps between them."""
    listed = tuple(found)
    covered = clip(union(s.span for s in listed if s.span is not None), window.span)
    gaps = complement(covered, (covered[0][0], covered[-1][1])) if covered else []
    unknown = tuple(s.id for s in listed if s.span is None and s.first in window)
    return Coverage(as_runs(covered), as_runs(gaps), window, unknown)


def providers(found: Iterable[Supply], window: Run) -> Providers:
    """Return who prescribed and who dispensed what began in `window`."""
    begun = [s.row for s in found if s.first in window]
    return Providers(frozenset(r.prescriber_id for r in begun), frozenset(r.dispenser_id for r in begun))


def days_since_last_fill(found: Iterable[Supply], today: dt.date) -> int | None:
    """Return the days from the latest first day of supply to `today` (0: today); None without any by then."""
    begun = [s.first for s in found if s.first <= today]
    return (today - max(begun)).days if begun else None


def left_today(found: Iterable[Supply], today: dt.date) -> tuple[Left, ...]:
    """Return what the supplies that cover `today` have left, as if taken evenly from their first day."""
    result: list[Left] = []
    number = today.toordinal()
    for one in found:
        if one.span is not None and one.span[0] <= number <= one.span[1]:
            days = one.span[1] - number + 1
            quantity = Fraction(one.row.quantity) * days / one.row.days_supply
            result.append(Left(one.id, days, quantity))
    return tuple(result)
