"""The drug table, from `mappings/drugs`: products by NDC, with the jurisdiction's schedules laid over.

`drugs.csv` holds what a pharmacist has reviewed; `imported.csv`, where a deployment has one, products of the
same form that nobody has reviewed yet. A product stands in one of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from gateway.clinical.drug import Drug, Lane, Substance
from gateway.core.errors import Misconfigured
from gateway.mapping import drug_checks, federal_schedules
from gateway.mapping.federal_schedules import FederalSchedules
from gateway.mapping.jurisdiction import SCHEDULES
from gateway.mapping.sources import Sources

REVIEWED, IMPORTED = "drugs/drugs.csv", "drugs/imported.csv"
COLUMNS = (
    "ndc11", "name", "substances", "form", "route", "rxcui", "rxnorm_name", "rxnorm_tty", "federal_schedule",
    "brand", "labeler", "src_row", "src_schedule",
)  # fmt: skip
_SHOWN = 5  # problems that one refusal names
_SUBSTANCE = re.compile(r"(?P<name>[a-z][a-z ,-]*?)(?: (?P<strength>[0-9]+(?:\.[0-9]+)?) (?P<unit>\S+))?")
_UNITS = frozenset({"mg", "mg/mL", "mcg/h", "mg/actuat"})


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a substance is: words that are salts, and the lane of each name. A name without one is a hole."""

    salts: frozenset[str]
    lanes: Mapping[str, Lane]

    def base(self, name: str) -> str:
        """Return a substance's name without its salt."""
        words = name.split()
        while len(words) > 1 and words[-1] in self.salts:
            words.pop()
        return " ".join(words)


def load(sources: Sources, schedules: Mapping[str, str]) -> dict[str, Drug]:
    """Return every product by its 11-digit NDC. Raises Misconfigured for one with holes or contradictions."""
    words, federal = vocabulary(sources), federal_schedules.load(sources)
    drugs: dict[str, Drug] = {}
    problems: list[str] = []
    for name in (REVIEWED, *(one for one in sources.names("drugs", ".csv") if one == IMPORTED)):
        for row in sources.csv(name, frozenset(COLUMNS)):
            drug, wrong = read(row, words, schedules, federal)
            if drug is not None and drug.ndc11 in drugs:
                wrong.append("appears twice")
            problems += [f"Mapping table {name}, {row['ndc11']}: {one}" for one in wrong]
            if drug is not None:
                drugs[drug.ndc11] = drug
    problems += [f"Mapping table {REVIEWED}, {one}" for one in drug_checks.of_table(drugs, federal)]
    if problems:
        more = f" And {len(problems) - _SHOWN} more." if len(problems) > _SHOWN else ""
        raise Misconfigured("; ".join(problems[:_SHOWN]) + f".{more}")
    return drugs


def read(
    row: Mapping[str, str], words: Vocabulary, schedules: Mapping[str, str], federal: FederalSchedules
) -> tuple[Drug | None, list[str]]:
    """Return the product of one row (None: it cannot be read) with everything that is wrong with it."""
    try:
        drug = _drug(row, words, schedules)
    except ValueError as error:
        return None, [str(error)]
    return drug, list(drug_checks.of_row(drug, row, federal))


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


def vocabulary(sources: Sources) -> Vocabulary:
    """Return the words of substances.toml. Raises Misconfigured."""
    table = sources.toml("drugs/substances.toml")
    try:
        lanes: dict[str, Lane] = {}
        for lane, names in table["lanes"].items():
            for name in names:
                if lanes.setdefault(name, Lane(lane)) is not Lane(lane):
                    raise ValueError(f"{name} is in two lanes")
        return Vocabulary(frozenset(table["salts"]), lanes)
    except (KeyError, ValueError) as error:
        raise Misconfigured(f"Mapping table drugs/substances.toml: {error}") from None


def _drug(row: Mapping[str, str], vocabulary: Vocabulary, schedules: Mapping[str, str]) -> Drug:
    if not re.fullmatch(r"[0-9]{11}", row["ndc11"]):
        raise ValueError("an NDC has 11 digits")
    if not row["name"] or not re.fullmatch(r"[0-9]*", row["rxcui"]):
        raise ValueError("name or RxCUI is wrong")
    substances = tuple(_substance(text, vocabulary) for text in row["substances"].split("; "))
    federal = row["federal_schedule"]
    if federal not in SCHEDULES:
        raise ValueError(f"no schedule is called {federal!r}")
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


def _substance(text: str, vocabulary: Vocabulary) -> Substance:
    match = _SUBSTANCE.fullmatch(text)
    if match is None or match["unit"] not in (*_UNITS, None):
        raise ValueError(f"cannot read {text!r}")
    name = vocabulary.base(match["name"])
    if name not in vocabulary.lanes:
        raise ValueError(f"substances.toml has no lane for {name}")
    return Substance(
        name=name,
        full_name=match["name"],
        strength=Fraction(match["strength"]) if match["strength"] else None,
        unit=match["unit"] or "",
        lane=vocabulary.lanes[name],
    )


def _decimal(value: Fraction) -> str:
    """Return exact decimal text; every strength and factor is a finite decimal by construction."""
    scale = 0
    while (value * 10**scale).denominator != 1:
        scale += 1
    digits = str(int(value * 10**scale)).rjust(scale + 1, "0")
    return f"{digits[:-scale]}.{digits[-scale:]}" if scale else digits
