"""The drug table, from `mappings/drugs`: products by NDC, with the jurisdiction's schedules laid over."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from gateway.clinical.drug import Drug, Lane, Substance
from gateway.core.errors import Misconfigured
from gateway.mapping.jurisdiction import SCHEDULES
from gateway.mapping.sources import Sources

_COLUMNS = frozenset(
    {"ndc11", "name", "substances", "form", "route", "rxcui", "rxnorm_name", "federal_schedule"}
)
_SUBSTANCE = re.compile(r"(?P<name>[a-z][a-z ,-]*?)(?: (?P<strength>[0-9]+(?:\.[0-9]+)?) (?P<unit>\S+))?")
_UNITS = frozenset({"mg", "mg/mL", "mcg/h", "mg/actuat"})


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    salts: frozenset[str]
    lanes: Mapping[str, Lane]


def load(sources: Sources, schedules: Mapping[str, str]) -> dict[str, Drug]:
    """Return every product by its 11-digit NDC. Raises Misconfigured."""
    vocabulary = _vocabulary(sources)
    drugs: dict[str, Drug] = {}
    for row in sources.csv("drugs/drugs.csv", _COLUMNS):
        try:
            drug = _drug(row, vocabulary, schedules)
            if drug.ndc11 in drugs:
                raise ValueError("appears twice")
        except ValueError as error:
            raise Misconfigured(f"Mapping table drugs/drugs.csv, {row['ndc11']}: {error}") from None
        drugs[drug.ndc11] = drug
    return drugs


def rows(
    drugs: Mapping[str, Drug], factors: Mapping[str, Fraction], version: str
) -> Iterator[tuple[str | None, ...]]:
    """Yield what table `drug` holds: ndc11, name, ingredient, strength, strength_unit, dosage_form, rxcui,
    rxnorm_name, schedule, drug_class, mme_factor (decimal text or None), table_version.

    Strengths of combination products are joined by `; ` in the order of their ingredients.
    """
    for drug in drugs.values():
        substances = drug.substances
        counted = {factors[s.name] for s in substances if s.lane is Lane.OPIOID and s.name in factors}
        yield (
            drug.ndc11,
            drug.name,
            "; ".join(s.full_name for s in substances),
            "; ".join("" if s.strength is None else _decimal(s.strength) for s in substances),
            "; ".join(s.unit for s in substances),
            drug.form,
            drug.rxcui,
            drug.rxnorm_name,
            drug.schedule,
            ",".join(lane.value for lane in drug.lanes),
            _decimal(counted.pop()) if len(counted) == 1 else None,
            version,
        )


def _vocabulary(sources: Sources) -> _Vocabulary:
    table = sources.toml("drugs/substances.toml")
    try:
        lanes: dict[str, Lane] = {}
        for lane, names in table["lanes"].items():
            for name in names:
                if lanes.setdefault(name, Lane(lane)) is not Lane(lane):
                    raise ValueError(f"{name} is in two lanes")
        return _Vocabulary(frozenset(table["salts"]), lanes)
    except (KeyError, ValueError) as error:
        raise Misconfigured(f"Mapping table drugs/substances.toml: {error}") from None


def _drug(row: dict[str, str], vocabulary: _Vocabulary, schedules: Mapping[str, str]) -> Drug:
    if not re.fullmatch(r"[0-9]{11}", row["ndc11"]):
        raise ValueError("an NDC has 11 digits")
    if not row["name"] or not re.fullmatch(r"[0-9]*", row["rxcui"]):
        raise ValueError("name or RxCUI is wrong")
    substances = tuple(_substance(text, vocabulary) for text in row["substances"].split("; "))
    federal = row["federal_schedule"]
    own = [schedules[s.name] for s in substances if s.name in schedules]
    return Drug(
        ndc11=row["ndc11"],
        name=row["name"],
        substances=substances,
        form=row["form"],
        route=row["route"],
        rxcui=row["rxcui"],
        rxnorm_name=row["rxnorm_name"],
        federal_schedule=federal,
        schedule=min([federal, *own], key=SCHEDULES.index),
    )


def _substance(text: str, vocabulary: _Vocabulary) -> Substance:
    match = _SUBSTANCE.fullmatch(text)
    if match is None or match["unit"] not in (*_UNITS, None):
        raise ValueError(f"cannot read {text!r}")
    words = match["name"].split()
    while len(words) > 1 and words[-1] in vocabulary.salts:
        words.pop()
    name = " ".join(words)
    return Substance(
        name=name,
        full_name=match["name"],
        strength=Fraction(match["strength"]) if match["strength"] else None,
        unit=match["unit"] or "",
        lane=vocabulary.lanes.get(name, Lane.OTHER),
    )


def _decimal(value: Fraction) -> str:
    """Return exact decimal text; every strength and factor is a finite decimal by construction."""
    scale = 0
    while (value * 10**scale).denominator != 1:
        scale += 1
    digits = str(int(value * 10**scale)).rjust(scale + 1, "0")
    return f"{digits[:-scale]}.{digits[-scale:]}" if scale else digits
