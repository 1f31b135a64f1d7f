"""What adds up although it may not be meant to: one drug twice, two strengths at once, hurried patches.

Rule: overlapping supplies are summed by the letter (see `curve`), so a doubled day must say that it is one.
CDC 2022's footnote to its factors: a fentanyl patch is one strength for three days; a change that is faster
than every 3 days, or two strengths at once, is shown and not silently added.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from gateway.clinical.runs import Run, Span, as_runs, at_least
from gateway.clinical.supplies import Supply, touching

#: Days that a fentanyl patch is worn, by its labelling and CDC/CMS.
PATCH_DAYS = 3


@dataclass(frozen=True, slots=True)
class Doubling:
    """Days on which several supplies of one substance lie together. `two_strengths`: not all equal."""

    substance: str
    runs: tuple[Run, ...]
    rows: tuple[str, ...]
    two_strengths: bool


@dataclass(frozen=True, slots=True)
class HurriedPatch:
    """A patch whose quantity and days imply a change every `days_each` days, fewer than PATCH_DAYS."""

    dispensation_id: str
    days_each: Fraction


def doublings(found: Iterable[Supply]) -> tuple[Doubling, ...]:
    """Return each substance with a class that is supplied twice on a day, by name."""
    by_name: dict[str, list[Supply]] = {}
    for one in found:
        if one.span is not None:
            for name in one.row.makeup.strengths:
                by_name.setdefault(name, []).append(one)
    result: list[Doubling] = []
    for name, listed in sorted(by_name.items()):
        spans: list[Span] = [one.span for one in listed if one.span is not None]
        runs = as_runs(at_least(spans, 2))
        if runs:
            doubled = touching(listed, runs)
            strengths = {one.row.makeup.strengths[name] for one in doubled}
            result.append(Doubling(name, runs, tuple(one.id for one in doubled), len(strengths) > 1))
    return tuple(result)


def hurried_patches(found: Iterable[Supply]) -> tuple[HurriedPatch, ...]:
    """Return the patches that would be changed faster than every PATCH_DAYS days and were counted as one."""
    result: list[HurriedPatch] = []
    for one in found:
        row = one.row
        dose = row.makeup.dose
        if dose.patch is not None and not dose.each_patch and row.quantity > 0:
            days_each = Fraction(row.days_supply) / Fraction(row.quantity)
            if days_each < PATCH_DAYS:
                result.append(HurriedPatch(one.id, days_each))
    return tuple(result)
