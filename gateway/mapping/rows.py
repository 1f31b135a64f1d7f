"""A stored dispensation as a row of arithmetic: its substances in mg a day, its dose, its classes."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from gateway.clinical.drug import Substance
from gateway.clinical.mme import COUNTED_IN, Part, Uncounted, of_compound, of_product
from gateway.clinical.row import Content, Makeup, Row
from gateway.core.records import Dispensation
from gateway.mapping.jurisdiction import SCHEDULES
from gateway.mapping.tables import Mappings

_COMPOUND = "06"


def row(d: Dispensation, m: Mappings) -> Row:
    """Return `d` for arithmetic, by the tables of `m`."""
    if d.product_qualifier == _COMPOUND:
        parts = [
            Part(m.drugs.get(i.product_id) if i.qualifier == "01" else None, i.quantity, i.unit)
            for i in d.ingredients
        ]
        makeup = _makeup(parts, d.days_supply, m, compound=True)
    else:
        ndc = d.product_id if d.product_qualifier == "01" else ""
        makeup = _of_product(m, ndc, d.quantity, d.dosage_unit, d.days_supply)
    return Row(
        dispensation_id=d.dispensation_id,
        prescriber_id=d.prescriber_id,
        dispenser_id=d.dispenser_id,
        rx_number=d.rx_number,
        fill_number=d.fill_number,
        partial_fill=d.partial_fill,
        filled_on=d.filled_on,
        sold_on=d.sold_on,
        days_supply=d.days_supply,
        quantity=d.quantity,
        makeup=makeup,
        voided=d.voided,
        restriction=d.restriction,
        treatment_type=d.treatment_type,
        diagnosis=d.diagnosis,
        directions=d.sig,
    )


# A person gets the same package in the same amount again and again.
@lru_cache(maxsize=65536)
def _of_product(m: Mappings, ndc11: str, quantity: Decimal, unit: str, days_supply: int) -> Makeup:
    return _makeup([Part(m.drugs.get(ndc11), quantity, unit)], days_supply, m, compound=False)


def _makeup(parts: Sequence[Part], days_supply: int, m: Mappings, *, compound: bool) -> Makeup:
    dose = of_compound(m.mme, parts, days_supply) if compound else of_product(m.mme, parts[0], days_supply)
    drugs = [part.drug for part in parts if part.drug is not None]
    contents = tuple(
        _content(part, substance, days_supply, m)
        for part in parts
        if part.drug is not None
        for substance in part.drug.substances
    )
    long_acting = any(m.classes.is_long_acting_opioid(drug, in_compound=compound) for drug in drugs)
    return Makeup(
        contents=contents,
        dose=dose,
        schedule=min((drug.schedule for drug in drugs), key=SCHEDULES.index, default=""),
        long_acting=long_acting,
        classes=frozenset(c.drug_class for c in contents if c.drug_class is not None),
        names=frozenset(c.name for c in contents if c.drug_class is not None),
        sameness=(
            long_acting,
            *sorted((c.name, str(c.strength), c.unit) for c in contents),
            *(sorted(str(part.quantity) for part in parts) if compound else ()),
        ),
    )


def _content(part: Part, substance: Substance, days_supply: int, m: Mappings) -> Content:
    per_day, reason = _per_day(part, substance, days_supply)
    return Content(
        name=substance.name,
        lane=substance.lane,
        drug_class=m.classes.of_substance(substance),
        route=part.drug.route if part.drug else "",
        strength=substance.strength,
        unit=substance.unit,
        per_day=per_day,
        reason=reason,
    )


def _per_day(part: Part, substance: Substance, days_supply: int) -> tuple[Fraction | None, Uncounted | None]:
    """Return mg a day, or why there is none. A patch's mcg/h is no mg of anything swallowed."""
    if days_supply <= 0:
        return None, Uncounted.NO_DAYS_SUPPLY
    if part.quantity <= 0:
        return None, Uncounted.NO_QUANTITY
    if substance.strength is None:
        return None, Uncounted.NO_STRENGTH
    if substance.unit == "mcg/h" or part.unit not in COUNTED_IN.get(substance.unit, ()):
        return None, Uncounted.UNIT_MISMATCH
    return substance.strength * Fraction(part.quantity) / days_supply, None
