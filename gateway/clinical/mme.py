"""Morphine milligram equivalents of one dispensation: exact, by a named table, or a reason why not.

Rule: CDC Clinical Practice Guideline for Prescribing Opioids for Pain, MMWR Recomm Rep 2022;71(RR-3):
strength per unit x (quantity / days supply) x factor, the opioids of a combination product only. A fentanyl
patch is its strength in mcg/h x factor, whatever the quantity; the tables before 2022 count each patch
(CDC/CMS, Oral MME 2017-18: 7.2 a patch, x patches / days). Buprenorphine is left out. What cannot be
computed is unknown, never 0. Nothing is rounded here: 89.99 must not become 90.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from fractions import Fraction

from gateway.clinical.drug import Drug, Lane, Substance


class Uncounted(Enum):
    """Why a dispensation has no MME. All but NOT_OPIOID are to be shown beside a sum."""

    NOT_OPIOID = "not-opioid"
    EXCLUDED = "excluded"
    UNKNOWN_DRUG = "unknown-drug"
    NO_FACTOR = "no-factor"
    NO_STRENGTH = "no-strength"
    NO_DAYS_SUPPLY = "no-days-supply"
    NO_QUANTITY = "no-quantity"
    UNIT_MISMATCH = "unit-mismatch"


@dataclass(frozen=True, slots=True)
class Band:
    """A factor for a day's dose up to and including `up_to` mg; None: no upper end."""

    up_to: Fraction | None
    factor: Fraction


@dataclass(frozen=True, slots=True)
class MmeTable:
    """One published table of factors. Keys are substances without their salt."""

    name: str
    citation: str
    routes: frozenset[str]
    excluded: frozenset[str]
    factors: Mapping[str, tuple[Band, ...]]
    """Per mg a day."""
    transdermal: Mapping[str, Fraction]
    """Per mcg/h, whatever the number of patches."""
    per_patch: Mapping[str, Fraction] = field(default_factory=dict)
    """Per mcg/h of each patch, times patches a day: the way of the tables before 2022."""


@dataclass(frozen=True, slots=True)
class Dose:
    """MME a day by `table`, or None with the `reason`.

    `patch` is the strength in mcg/h of a patch that was counted; None for every other product. `each_patch`:
    every patch was counted, not one at a time.
    """

    per_day: Fraction | None
    table: str
    reason: Uncounted | None = None
    patch: Fraction | None = None
    each_patch: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """A product and how much of it: a whole dispensation, or one ingredient of a compound.

    `unit` is ASAP's dosage unit: 01 each, 02 mL, 03 g; empty: not reported, taken as the product's own.
    """

    drug: Drug | None
    quantity: Decimal
    unit: str


#: The dosage units in which a strength of that unit can be counted.
COUNTED_IN = {"mg": ("01", ""), "mg/mL": ("02", ""), "mcg/h": ("01", "")}


class _CannotCountError(Exception):
    def __init__(self, reason: Uncounted) -> None:
        super().__init__(reason.value)
        self.reason = reason


def of_product(table: MmeTable, part: Part, days_supply: int) -> Dose:
    """Return the dose of one product dispensed for `days_supply` days."""
    if part.drug is None:
        return Dose(None, table.name, Uncounted.UNKNOWN_DRUG)
    return _dose(table, [part], days_supply, whole=True)


def of_compound(table: MmeTable, parts: Iterable[Part], days_supply: int) -> Dose:
    """Return the dose of a compound from its ingredients (ASAP CDI); unknown ones are taken as vehicles.

    A compound of which no ingredient is known is an unknown drug.
    """
    known = [part for part in parts if part.drug is not None]
    if not known:
        return Dose(None, table.name, Uncounted.UNKNOWN_DRUG)
    return _dose(table, known, days_supply, whole=False)


def _dose(table: MmeTable, parts: list[Part], days_supply: int, *, whole: bool) -> Dose:
    opioids = [
        (part, substance)
        for part in parts
        if part.drug is not None
        for substance in part.drug.substances
        if substance.lane in (Lane.OPIOID, Lane.BUPRENORPHINE)
    ]
    counted = [(part, substance) for part, substance in opioids if substance.name not in table.excluded]
    if not opioids:
        return Dose(None, table.name, Uncounted.NOT_OPIOID)
    if not counted:
        return Dose(None, table.name, Uncounted.EXCLUDED)
    try:
        # Cut up in a compound, a patch no longer gives its strength an hour.
        if whole and len(counted) == 1 and counted[0][1].unit == "mcg/h":
            return _patch(table, *counted[0], days_supply)
        return Dose(_sum(table, counted, days_supply), table.name)
    except _CannotCountError as error:
        return Dose(None, table.name, error.reason)


def _patch(table: MmeTable, part: Part, substance: Substance, days_supply: int) -> Dose:
    name, strength = substance.name, substance.strength
    if name not in table.transdermal and name not in table.per_patch:
        raise _CannotCountError(Uncounted.NO_FACTOR)
    patches = _amount(part, substance, days_supply)
    if strength is None:
        raise _CannotCountError(Uncounted.NO_STRENGTH)
    if name in table.per_patch:
        per_day = strength * table.per_patch[name] * patches / days_supply
        return Dose(per_day, table.name, patch=strength, each_patch=True)
    return Dose(strength * table.transdermal[name], table.name, patch=strength)


def _sum(table: MmeTable, counted: list[tuple[Part, Substance]], days_supply: int) -> Fraction:
    """Return MME a day. Doses of one substance are added before a band is chosen."""
    daily: dict[str, Fraction] = {}
    for part, substance in counted:
        route = part.drug.route if part.drug else ""
        if substance.name not in table.factors or route not in table.routes or substance.unit == "mcg/h":
            raise _CannotCountError(Uncounted.NO_FACTOR)
        if substance.strength is None:
            raise _CannotCountError(Uncounted.NO_STRENGTH)
        milligrams = substance.strength * _amount(part, substance, days_supply)
        daily[substance.name] = daily.get(substance.name, Fraction(0)) + milligrams / days_supply
    return sum((dose * _factor(table.factors[name], dose) for name, dose in daily.items()), Fraction(0))


def _amount(part: Part, substance: Substance, days_supply: int) -> Fraction:
    """Return the quantity in units of the strength; raises _CannotCountError."""
    if days_supply <= 0:
        raise _CannotCountError(Uncounted.NO_DAYS_SUPPLY)
    if part.quantity <= 0:
        raise _CannotCountError(Uncounted.NO_QUANTITY)
    if part.unit not in COUNTED_IN.get(substance.unit, ()):
        raise _CannotCountError(Uncounted.UNIT_MISMATCH)
    return Fraction(part.quantity)


def _factor(bands: tuple[Band, ...], dose: Fraction) -> Fraction:
    for band in bands:
        if band.up_to is None or dose <= band.up_to:
            return band.factor
    return bands[-1].factor
