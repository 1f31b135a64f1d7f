"""A long-acting opioid for somebody who has had no opioid lately.

Rule: CDC 2022 (MMWR Recomm Rep 2022;71(RR-3)): begin opioid therapy with immediate-release, not
extended-release or long-acting opioids. Naive: no opioid within the look-back before, 90 days in PQA's
measure "Initial Opioid Prescribing for Long-Acting or Extended-Release Opioids"; the program sets it.
Buprenorphine before counts as an opioid. Treatment of dependency is left out: methadone there is no beginning
of pain treatment. Hospice, cancer and sickle cell disease, which PQA excludes, are rarely known here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.clinical.classes import DrugClass
from gateway.clinical.mme import Uncounted
from gateway.clinical.row import DEPENDENCY_TREATMENT
from gateway.clinical.supplies import Supply

_OPIOIDS = frozenset({DrugClass.OPIOID, DrugClass.BUPRENORPHINE})


@dataclass(frozen=True, slots=True)
class NaiveStart:
    """A long-acting opioid that began on `day` after `lookback` days without any known opioid.

    `unknown` are dispensations within the look-back whose drug is not known: each may have been one.
    """

    dispensation_id: str
    day: dt.date
    lookback: int
    unknown: tuple[str, ...]


def naive_starts(found: Iterable[Supply], lookback: int, known_from: dt.date) -> tuple[NaiveStart, ...]:
    """Return the long-acting opioids after `lookback` opioid-free days, in the order of `found`: `supplies`.

    Only where the history reaches back that far: `known_from` is its first day. What was dispensed on the
    same day is no history.
    """
    listed = tuple(found)
    opioids = [s for s in listed if not _OPIOIDS.isdisjoint(s.row.makeup.classes)]
    result: list[NaiveStart] = []
    # The last day with an opioid in hand, of what began before the day that is looked at.
    in_hand = place = 0
    for one in opioids:
        while opioids[place].first < one.first:
            in_hand = max(in_hand, _last(opioids[place]))
            place += 1
        opening = one.first - dt.timedelta(lookback)
        if opening < known_from or in_hand >= opening.toordinal() or not _begins(one):
            continue
        unknown = tuple(
            s.id
            for s in listed
            if s.row.makeup.dose.reason is Uncounted.UNKNOWN_DRUG
            and s.first < one.first
            and _last(s) >= opening.toordinal()
        )
        result.append(NaiveStart(one.id, one.first, lookback, unknown))
    return tuple(result)


def _last(one: Supply) -> int:
    """Return its last day as a number; of an unknown length, its first."""
    return one.first.toordinal() if one.span is None else one.span[1]


def _begins(one: Supply) -> bool:
    row = one.row
    in_treatment = row.restriction is not None or row.treatment_type == DEPENDENCY_TREATMENT
    return row.makeup.long_acting and not in_treatment
