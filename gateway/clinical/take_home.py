"""Daily doses of a treatment programme that were handed out together.

Rule: a programme reports each dose as a supply of one day. Several on one day are the dose of that day and
take-home doses for later days; by the published rule (see `curve`) all of them fall on the day on which they
were handed out. No row is moved: the figure of that day names them instead. Dosing of take-homes is 42 CFR
8.12(i); what they are for is only in the directions (DSP23), in words.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.clinical.supplies import Supply

_SAYS_SO = re.compile(r"take[\s-]*home", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TakeHome:
    """One programme's doses of one day. `named` are those whose directions say take-home.

    `count` is how many of `rows` are for another day: those named, else all but one.
    """

    day: dt.date
    dispenser_id: str
    rows: tuple[str, ...]
    named: tuple[str, ...]
    count: int


def take_homes(found: Iterable[Supply]) -> tuple[TakeHome, ...]:
    """Return the days on which a programme handed out a dose for another day, in order."""
    together: dict[tuple[dt.date, str], list[Supply]] = {}
    for one in found:
        if one.row.is_programme_dose:
            together.setdefault((one.first, one.row.dispenser_id), []).append(one)
    result: list[TakeHome] = []
    for (day, dispenser), doses in sorted(together.items()):
        named = tuple(one.id for one in doses if _SAYS_SO.search(one.row.directions))
        count = max(len(named), len(doses) - 1)
        if count:
            result.append(TakeHome(day, dispenser, tuple(one.id for one in doses), named, count))
    return tuple(result)
