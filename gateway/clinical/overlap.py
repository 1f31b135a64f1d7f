"""Days on which classes of drugs lie together, each day counted once however many supplies cover it.

Rules: opioid + benzodiazepine, any day: CDC 2022 (MMWR Recomm Rep 2022;71(RR-3)), recommendation 11.
Opioid + gabapentinoid: FDA Drug Safety Communication of 19 December 2019 (breathing problems). The others
are counted for the clinician to judge; no published number of days exists. By the letter of the records:
what is in hand, not what is taken. Buprenorphine is not an `opioid` here: it has a line of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from gateway.clinical.classes import DrugClass
from gateway.clinical.runs import Run, Span, as_runs, at_least, days_of, intersection, union
from gateway.clinical.supplies import Supply, fills, touching


class Pattern(Enum):
    """What lies together. `OPIOID_TWICE`: at least two opioid supplies on one day, be they of one drug."""

    OPIOID_TWICE = "opioid twice"
    OPIOID_BENZODIAZEPINE = "opioid+benzodiazepine"
    OPIOID_GABAPENTINOID = "opioid+gabapentinoid"
    OPIOID_CARISOPRODOL = "opioid+carisoprodol"
    OPIOID_BENZODIAZEPINE_CARISOPRODOL = "opioid+benzodiazepine+carisoprodol"
    ALL_FOUR = "opioid+benzodiazepine+carisoprodol+gabapentinoid"
    OPIOID_Z_DRUG = "opioid+z-drug"
    BUPRENORPHINE_BENZODIAZEPINE = "buprenorphine+benzodiazepine"
    Z_DRUG = "z-drug"

    @property
    def classes(self) -> tuple[DrugClass, ...]:
        """Return the classes that it is made of."""
        if self is Pattern.OPIOID_TWICE:
            return (DrugClass.OPIOID,)
        return tuple(DrugClass(name) for name in self.value.split("+"))


@dataclass(frozen=True, slots=True)
class Overlap:
    """The days of one pattern, and the dispensations that make them."""

    pattern: Pattern
    runs: tuple[Run, ...]
    rows: tuple[str, ...]

    @property
    def days(self) -> int:
        """Return the number of days."""
        return days_of(self.runs)


@dataclass(frozen=True, slots=True)
class Overlaps:
    """Every pattern that occurs. `not_judged`: of unknown drug or length, which may add days."""

    found: tuple[Overlap, ...]
    not_judged: tuple[str, ...]

    def of(self, pattern: Pattern) -> Overlap:
        """Return the days of `pattern`, without any when it does not occur."""
        return next((o for o in self.found if o.pattern is pattern), Overlap(pattern, (), ()))


def overlaps(found: Iterable[Supply]) -> Overlaps:
    """Return what lies together on which days."""
    listed = tuple(found)
    together = days_together(listed, Pattern)
    return Overlaps(
        tuple(_overlap(pattern, spans, listed) for pattern, spans in together.items() if spans),
        not_judged(listed),
    )


def days_together(found: Iterable[Supply], patterns: Iterable[Pattern]) -> dict[Pattern, list[Span]]:
    """Return the days of each of `patterns`, in its order."""
    spans: dict[DrugClass, list[Span]] = {drug_class: [] for drug_class in DrugClass}
    for one in found:
        if one.span is not None:
            for drug_class in one.row.makeup.classes:
                spans[drug_class].append(one.span)
    covered = {drug_class: union(each) for drug_class, each in spans.items()}
    result: dict[Pattern, list[Span]] = {}
    for pattern in patterns:
        if pattern is Pattern.OPIOID_TWICE:
            result[pattern] = at_least(spans[DrugClass.OPIOID], 2)
        else:
            first, *others = pattern.classes
            together = covered[first]
            for other in others:
                together = intersection(together, covered[other])
            result[pattern] = together
    return result


def not_judged(found: Iterable[Supply]) -> tuple[str, ...]:
    """Return the dispensations of unknown drug or length, which may add days to any pattern."""
    return tuple(
        one.row.dispensation_id
        for one in found
        if not one.row.makeup.contents or (one.span is None and one.row.makeup.classes)
    )


def opioids_of_two_fills(found: Iterable[Supply]) -> tuple[tuple[Run, ...], list[Supply]]:
    """Return the days on which opioids of two different fills lie together, and all that were looked at.

    Unlike `OPIOID_TWICE`, the parts of one fill count as one, and the daily doses of a treatment programme
    that were handed out together as none.
    """
    opioids = [s for s in taking_part(Pattern.OPIOID_TWICE, found) if not s.row.is_programme_dose]
    spans: list[Span] = []
    for fill in fills(opioids):
        parts = [part.span for part in fill.parts if part.span is not None]
        spans += parts if len(parts) < 2 else union(parts)
    return as_runs(at_least(spans, 2)), opioids


def taking_part(pattern: Pattern, found: Iterable[Supply]) -> list[Supply]:
    """Return the supplies that hold a class of `pattern`."""
    wanted = frozenset(pattern.classes)
    return [s for s in found if not wanted.isdisjoint(s.row.makeup.classes)]


def _overlap(pattern: Pattern, together: list[Span], found: Iterable[Supply]) -> Overlap:
    runs = as_runs(together)
    return Overlap(pattern, runs, tuple(s.id for s in touching(taking_part(pattern, found), runs)))
