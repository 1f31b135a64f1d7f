"""The line of counted facts above the timeline: pure, and honest about what could not be counted.

Source for the active dose: CDC Clinical Practice Guideline 2022 as the gateway's `mme-per-day` figures
carry it; a supply is active on the days from its first day through its days of supply. What has no
figure is counted as "not counted" and named so: unknown is never zero. No score is made.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from smart_app.history import Row


@dataclass(frozen=True, slots=True)
class ActiveDose:
    """Opioid supplies that cover today.

    `total` in MME mg a day sums those with a figure, None where no one has; `counted` of `supplies` are
    in it. `unclear` further supplies may be active opioids, but class, days or date are not known.
    """

    total: Decimal | None
    counted: int
    supplies: int
    unclear: int
    tables: tuple[str, ...]

    @property
    def uncounted(self) -> int:
        """Return how many supplies the sum leaves out."""
        return self.supplies - self.counted + self.unclear


@dataclass(frozen=True, slots=True)
class Facts:
    """Counts over the rows that were not withdrawn."""

    dispensations: int
    voided: int
    prescribers: int
    dispensers: int
    unnamed_prescribers: int
    last: dt.date | None
    active: ActiveDose
    restricted: bool
    buprenorphine_active: int


def of(rows: Sequence[Row], today: dt.date) -> Facts:
    """Return the facts of `rows` on the day `today`."""
    live = [row for row in rows if not row.voided]
    starts = [row.start for row in live if row.start is not None]
    return Facts(
        dispensations=len(live),
        voided=len(rows) - len(live),
        prescribers=len({row.prescriber.key for row in live if row.prescriber}),
        dispensers=len({row.dispenser.key for row in live if row.dispenser}),
        unnamed_prescribers=sum(1 for row in live if row.prescriber is None),
        last=max(starts, default=None),
        active=active_dose(live, today),
        restricted=any(row.part2 for row in rows),
        buprenorphine_active=sum(1 for row in live if "buprenorphine" in row.classes and covers(row, today)),
    )


def covers(row: Row, day: dt.date) -> bool:
    """Return whether the row's supply is known to cover `day`."""
    return row.start is not None and row.end is not None and row.start <= day <= row.end


def active_dose(rows: Iterable[Row], today: dt.date) -> ActiveDose:
    """Return the opioid dose of the supplies that cover `today`."""
    active, unclear = [], 0
    for row in rows:
        opioid = "opioid" in row.classes or row.mme is not None
        if opioid and covers(row, today):
            active.append(row)
        elif row.known_class and not opioid:
            continue
        elif row.end is None:
            # Without date or days nobody can tell; one that starts later is not active yet.
            unclear += row.start is None or row.start <= today
        elif not row.known_class and covers(row, today):
            unclear += 1
    doses = [row.mme for row in active if row.mme is not None]
    return ActiveDose(
        total=sum((dose.value for dose in doses), Decimal(0)) if doses else None,
        counted=len(doses),
        supplies=len(active),
        unclear=unclear,
        tables=tuple(sorted({dose.table for dose in doses if dose.table})),
    )
