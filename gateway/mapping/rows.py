"""A stored dispensation as a row of arithmetic: its substances in mg a day, its dose, its classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from gateway.clinical.drug import Substance
from gateway.clinical.mme import COUNTED_IN, Part, Uncounted, of_compound, of_product
from gateway.clinical.picture import Rules
from gateway.clinical.row import Content, Makeup, Row
from gateway.clinical.supplies import Starts
from gateway.core.records import Counted, Dispensation
from gateway.mapping.jurisdiction import SCHEDULES
from gateway.mapping.tables import Mappings

_COMPOUND = "06"
#: Between the fields of a package and of a part: no reported text holds it.
_BETWEEN = "\x1f"


@lru_cache(maxsize=8)
def rules(m: Mappings) -> Rules:
    """Return what the jurisdiction of `m` configures."""
    state = m.jurisdiction
    return Rules(Starts(state.supply_starts), m.mme.name, state.alerts, m.lme)


def row(d: Dispensation, m: Mappings) -> Row:
    """Return `d` for arithmetic, by the tables of `m`."""
    fields = (d.product_qualifier, d.product_id, str(d.quantity), d.dosage_unit, str(d.days_supply))
    parts = tuple((i.qualifier, i.product_id, i.quantity_text, i.unit) for i in d.ingredients)
    makeup, days, quantity = _packaged(m, _BETWEEN.join(fields), parts)
    return Row(
        dispensation_id=str(d.dispensation_id),
        prescriber_id=str(d.prescriber_id),
        dispenser_id=str(d.dispenser_id),
        rx_number=d.rx_number,
        fill_number=d.fill_number,
        partial_fill=d.partial_fill,
        filled_on=d.filled_on,
        sold_on=d.sold_on,
        days_supply=days,
        quantity=quantity,
        makeup=makeup,
        voided=d.voided,
        restriction=d.restriction,
        treatment_type=d.treatment_type,
        diagnosis=d.diagnosis,
        directions=d.sig,
    )


def counted_row(c: Counted, m: Mappings) -> Row:
    """Return the stored columns `c` for arithmetic, by the tables of `m`; whole fills without Rx number."""
    key, filled, prescriber, dispenser, sold, package, part, parts, restriction, treatment, directions = c
    makeup, days, quantity = _packaged(m, package, _ingredients(parts) if parts else ())
    rx_number, fill_number, partial = ("", 0, "00") if part is None else _part(part)
    return Row(
        key, prescriber, dispenser, rx_number, fill_number, partial, filled, sold, days, quantity, makeup,
        False, restriction, treatment, "", directions or "",
    )  # fmt: skip


def _part(text: str) -> tuple[str, int, str]:
    rx_number, fill_number, partial = text.rsplit(_BETWEEN, 2)
    return rx_number, int(fill_number), partial


def _ingredients(listed: Iterable[dict[str, str]]) -> tuple[tuple[str, str, str, str], ...]:
    return tuple((i["qualifier"], i["product_id"], i["quantity"], i["unit"]) for i in listed)


# A person gets the same package in the same amount again and again.
@lru_cache(maxsize=65536)
def _packaged(
    m: Mappings, package: str, ingredients: tuple[tuple[str, str, str, str], ...]
) -> tuple[Makeup, int, Decimal]:
    """Return what a package is, its days of supply and its quantity."""
    qualifier, product_id, amount, unit, days = package.split(_BETWEEN)
    days_supply, quantity = int(days), Decimal(amount)
    if qualifier == _COMPOUND:
        parts = [
            Part(m.drugs.get(product) if kind == "01" else None, Decimal(count), of)
            for kind, product, count, of in ingredients
        ]
        return _makeup(parts, days_supply, m, compound=True), days_supply, quantity
    drug = m.drugs.get(product_id) if qualifier == "01" else None
    return _makeup([Part(drug, quantity, unit)], days_supply, m, compound=False), days_supply, quantity


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
        strengths=_strengths(contents),
        sameness=(
            long_acting,
            *sorted((c.name, str(c.strength), c.unit) for c in contents),
            *(sorted(str(part.quantity) for part in parts) if compound else ()),
        ),
    )


def _strengths(contents: Iterable[Content]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for one in contents:
        if one.drug_class is not None:
            found[one.name] = (*found.get(one.name, ()), f"{one.strength} {one.unit}")
    return found


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
