"""What makes a drug table a bad one: holes and contradictions, found before anything is computed by it.

One row is looked at by itself (`of_row`), then all of them together (`of_table`). Used when the tables are
loaded, by `mappings/drugs/check.py`, and on each row of an import before it is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gateway.clinical.classes import ClassTable, DrugClass
from gateway.clinical.drug import Drug, Lane, Substance
from gateway.mapping.federal_schedules import FederalSchedules

_LIQUID = (
    "solution",
    "suspension",
    "elixir",
    "syrup",
    "liquid",
    "gel",
    "injection",
    "concentrate",
    "emulsion",
)
_PIECE = ("tablet", "capsule", "film", "lozenge", "suppository", "troche", "powder", "kit", "patch")


def of_row(drug: Drug, row: Mapping[str, str], federal: FederalSchedules) -> Iterator[str]:
    """Yield what is wrong with one product. `row` is the row of the table that it was read from."""
    if not row["src_row"].strip():
        yield "no source (src_row)"
    if drug.federal_schedule and not row["src_schedule"].strip():
        yield "a schedule without a source (src_schedule)"
    if drug.rxnorm_name and not drug.rxcui:
        yield "an RxNorm name without its code"
    if not drug.form or not drug.route:
        yield "no dose form or route"
    names = [one.full_name for one in drug.substances]
    if len(set(names)) != len(names):
        yield "names a substance twice"
    for one in drug.substances:
        yield from _of_substance(one, drug, federal)
    rule = federal.of(drug.substances)
    if rule is not None and rule[0] != drug.federal_schedule and drug.ndc11 not in federal.exceptions:
        yield f"federal schedule {drug.federal_schedule or 'none'}; {rule[1]} says {rule[0] or 'none'}"


def _of_substance(one: Substance, drug: Drug, federal: FederalSchedules) -> Iterator[str]:
    if one.lane is not Lane.OTHER and one.name not in federal.substances:
        yield f"schedules.toml says nothing of {one.name}"
    if one.name in federal.substances and one.strength is None and drug.ndc11 not in federal.exceptions:
        yield f"no strength of {one.name}"
    if one.strength is not None:
        if one.strength <= 0:
            yield f"strength of {one.name} is not above 0"
        if one.unit not in (fitting := _units(drug)):
            yield f"{one.name} in {one.unit}, where {drug.form} has {' or '.join(fitting)}"


def _units(drug: Drug) -> tuple[str, ...]:
    form = drug.form.lower()
    if drug.route == "transdermal":
        return ("mcg/h",)
    if any(word in form for word in ("spray", "aerosol", "inhal")):
        return ("mg/actuat", "mg/mL")
    if any(word in form for word in _PIECE):
        return ("mg",)
    if any(word in form for word in _LIQUID):
        return ("mg/mL",)
    return ("mg", "mg/mL")


def of_table(drugs: Mapping[str, Drug], federal: FederalSchedules) -> Iterator[str]:
    """Yield what rows say against each other, and exceptions that no row needs any more."""
    by_code: dict[str, Drug] = {}
    for drug in drugs.values():
        if not drug.rxcui or not drug.rxnorm_name:
            continue
        first = by_code.setdefault(drug.rxcui, drug)
        if holds(first) != holds(drug):
            yield f"{drug.ndc11}: RxCUI {drug.rxcui} is another drug at {first.ndc11}"
    for ndc in federal.exceptions:
        if ndc in drugs and not _differs(drugs[ndc], federal):
            yield f"{ndc}: an exception of schedules.toml that is no longer one"


def _differs(drug: Drug, federal: FederalSchedules) -> bool:
    rule = federal.of(drug.substances)
    missing = any(one.name in federal.substances and one.strength is None for one in drug.substances)
    return missing or (rule is not None and rule[0] != drug.federal_schedule)


def holds(drug: Drug) -> tuple[object, ...]:
    """Return what `drug` holds, equal for equal drugs; releases of RxNorm may call one differently."""
    return tuple(sorted((one.name, str(one.strength), one.unit) for one in drug.substances))


def of_classes(table: ClassTable, lanes: Mapping[str, Lane]) -> Iterator[str]:
    """Yield what the classes leave open. `lanes` are all substances of `substances.toml`."""
    for name in table.classes:
        if name not in lanes:
            yield f"{name} has a class and no lane"
        elif lanes[name] not in (Lane.SEDATIVE, Lane.OTHER):
            yield f"{name} has a class and the lane {lanes[name].value}"
    for name in table.long_acting_substances:
        if lanes.get(name) is not Lane.OPIOID:
            yield f"{name} is long-acting and no opioid"
    for name, lane in lanes.items():
        sounds = name.endswith(("azolam", "azepam"))
        if lane is Lane.SEDATIVE and sounds and table.classes.get(name) is not DrugClass.BENZODIAZEPINE:
            yield f"{name} is a benzodiazepine by name and not by class"
