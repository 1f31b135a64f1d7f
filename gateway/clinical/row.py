"""A dispensation as arithmetic sees it: when, how much, of what, by whom. Made by `gateway.mapping.rows`.

Nothing here names a person. Ids are those of the stored resources, as text, so that a figure can point at its
rows.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from gateway.clinical.classes import DrugClass
from gateway.clinical.drug import Lane
from gateway.clinical.mme import Dose, Uncounted

#: DSP24: treatment of opioid dependency.
DEPENDENCY_TREATMENT = "02"
#: DSP24: cancer, palliative care, end of life. What CDC's rules leave out before they warn.
CARE_TREATMENTS = frozenset({"03", "04", "05"})


@dataclass(frozen=True, slots=True)
class Content:
    """One substance of what was dispensed. `per_day` is mg a day, exact; None with the `reason`."""

    name: str
    lane: Lane
    drug_class: DrugClass | None
    route: str
    strength: Fraction | None
    unit: str
    per_day: Fraction | None
    reason: Uncounted | None = None


@dataclass(frozen=True, slots=True)
class Makeup:
    """What a product or compound is, and its dose over one supply: the same for every equal package.

    `contents` is empty for an unknown drug; `dose.reason` then says so.
    """

    contents: tuple[Content, ...]
    dose: Dose
    schedule: str
    long_acting: bool
    classes: frozenset[DrugClass]
    strengths: Mapping[str, tuple[str, ...]]
    """Substances that have a class, with their strengths in words, to be compared."""
    sameness: tuple[object, ...]
    """Equal for two products that a patient takes as one drug: substances, strengths, release."""


# Not frozen, though nobody changes one: a frozen one takes four times as long to make.
@dataclass(slots=True)
class Row:
    """One dispensation. Dates are calendar dates; `partial_fill` is two digits, `00` for a whole fill."""

    dispensation_id: str
    prescriber_id: str
    dispenser_id: str
    rx_number: str
    fill_number: int
    partial_fill: str
    filled_on: dt.date
    sold_on: dt.date | None
    days_supply: int
    quantity: Decimal
    makeup: Makeup
    voided: bool = False
    restriction: str | None = None
    treatment_type: str = ""
    diagnosis: str = ""
    directions: str = ""

    @property
    def is_programme_dose(self) -> bool:
        """Return whether this is one day's dose of a treatment programme (42 CFR Part 2, or DSP24 02)."""
        in_treatment = self.restriction is not None or self.treatment_type == DEPENDENCY_TREATMENT
        return in_treatment and self.days_supply == 1
