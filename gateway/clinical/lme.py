"""Lorazepam milligram equivalents by day, by a configured, named table.

Rule: there is no federal table, and the HL7 US PDMP guide (extension pdmp-extension-lme) publishes none;
published factors differ several-fold. So there is no figure without a table that the jurisdiction named,
and every figure carries its name. Factors are mg of lorazepam per mg of the substance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from gateway.clinical.curve import Curve, NotCounted
from gateway.clinical.drug import Lane
from gateway.clinical.mme import Uncounted
from gateway.clinical.row import Row
from gateway.clinical.runs import sum_by_day
from gateway.clinical.supplies import Supply


@dataclass(frozen=True, slots=True)
class LmeTable:
    """One named table. `factors` by substance without its salt; `routes` are those it is meant for."""

    name: str
    citation: str
    routes: frozenset[str]
    factors: Mapping[str, Fraction]


@dataclass(frozen=True, slots=True)
class Sedation:
    """Lorazepam mg a day by `table`, exact, or None with the `reason`."""

    per_day: Fraction | None
    table: str
    reason: Uncounted | None = None


def of_row(row: Row, table: LmeTable) -> Sedation | None:
    """Return the lorazepam equivalent of one dispensation, None when it is known to hold no sedative.

    All of its sedatives must be countable, else it has a reason instead of a figure.
    """
    if not row.makeup.contents:
        return Sedation(None, table.name, Uncounted.UNKNOWN_DRUG)
    sedatives = [content for content in row.makeup.contents if content.lane is Lane.SEDATIVE]
    if not sedatives:
        return None
    total = Fraction(0)
    for content in sedatives:
        factor = table.factors.get(content.name)
        if factor is None or content.route not in table.routes:
            return Sedation(None, table.name, Uncounted.NO_FACTOR)
        if content.per_day is None:
            return Sedation(None, table.name, content.reason or Uncounted.NO_STRENGTH)
        total += content.per_day * factor
    return Sedation(total, table.name)


def lorazepam_curve(found: Iterable[Supply], table: LmeTable | None) -> Curve | None:
    """Return lorazepam equivalents by day; None without a table. Only sedatives are considered."""
    if table is None:
        return None
    counted = []
    missing = []
    for one in found:
        dose = of_row(one.row, table)
        if dose is None:
            continue
        if dose.per_day is not None and one.span is not None:
            counted.append((one.span, dose.per_day))
        else:
            missing.append(NotCounted(one.id, dose.reason or Uncounted.NO_DAYS_SUPPLY))
    return Curve(sum_by_day(counted), table.name, len(counted) + len(missing), tuple(missing))
