"""The classes that arithmetic looks for together, finer than the lanes that a clinician reads side by side.

Opioid, buprenorphine and stimulant follow from the lane of a substance; the others and what is long-acting
come from a table that a pharmacist signs (`mappings/drugs/classes.toml`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from gateway.clinical.drug import Drug, Lane, Substance


class DrugClass(Enum):
    """What a substance is to an overlap. Buprenorphine is a class of its own, never `OPIOID`."""

    OPIOID = "opioid"
    BUPRENORPHINE = "buprenorphine"
    BENZODIAZEPINE = "benzodiazepine"
    Z_DRUG = "z-drug"
    GABAPENTINOID = "gabapentinoid"
    CARISOPRODOL = "carisoprodol"
    STIMULANT = "stimulant"

    # By identity, as equality is: an enumeration's own hash is a call of Python.
    __hash__ = object.__hash__


_BY_LANE = {
    Lane.OPIOID: DrugClass.OPIOID,
    Lane.BUPRENORPHINE: DrugClass.BUPRENORPHINE,
    Lane.STIMULANT: DrugClass.STIMULANT,
}


@dataclass(frozen=True, slots=True)
class ClassTable:
    """Classes by substance (without its salt), and what makes an opioid long-acting."""

    classes: Mapping[str, DrugClass]
    long_acting_substances: frozenset[str]
    long_acting_forms: frozenset[str]
    long_acting_routes: frozenset[str]

    def of_substance(self, substance: Substance) -> DrugClass | None:
        """Return the class of `substance`; None: none that arithmetic looks for."""
        return _BY_LANE.get(substance.lane) or self.classes.get(substance.name)

    def is_long_acting_opioid(self, drug: Drug, *, in_compound: bool = False) -> bool:
        """Return whether `drug` has an opioid (not buprenorphine) and is long-acting or extended-release.

        `in_compound`: it was made into something else, so its own form and route say nothing.
        """
        opioids = [s for s in drug.substances if s.lane is Lane.OPIOID]
        if any(s.name in self.long_acting_substances for s in opioids):
            return True
        by_form = drug.form in self.long_acting_forms or drug.route in self.long_acting_routes
        return bool(opioids) and by_form and not in_compound
