"""Which drugs the population takes: therapies over the project's own drug table.

A therapy names substances with their strengths and a form; every NDC of the table that fits may be
dispensed. Schedules, RxNorm codes and the NDCs themselves come from the table alone.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from gateway.core.errors import Misconfigured

_QUALIFIERS = {"SCD": "01", "SBD": "02", "GPCK": "03", "BPCK": "04"}
_WORDS = {"tablet": "TABLET", "capsule": "CAPSULE", "film": "FILM", "transdermal": "PATCH"}
_ROUTES = ("oral", "sublingual", "transdermal")
_COLUMNS = {"ndc11", "substances", "form", "route", "rxcui", "rxnorm_tty", "federal_schedule"}


@dataclass(frozen=True, slots=True)
class Drug:
    """One row of the drug table, as far as a dispensation needs it. `refillable` is false for Schedule II."""

    ndc11: str
    rxnorm_qualifier: str
    rxcui: str
    refillable: bool
    word: str


@dataclass(frozen=True, slots=True)
class Therapy:
    """A way of taking one medicine; `substances` is a pattern of the drug table's column of that name.

    `weight` is how often it is drawn; one of weight 0 belongs to a story alone. With `months` (low, high) it
    is a steady treatment, else a short course written once or twice. `per_day` are units a day to choose
    from, 0 a patch every three days; `days` the supplies of one fill; `kinds` who prescribes it; `treatment`
    is DSP24.
    """

    name: str
    weight: int
    substances: str
    form: str
    per_day: tuple[int, ...]
    days: tuple[int, ...]
    kinds: tuple[str, ...]
    months: tuple[int, int] | None = None
    treatment: str = ""
    refills: int = 0


_APAP = r"acetaminophen( \d+ mg)?; "
_OXYCODONE = rf"({_APAP})?oxycodone hydrochloride "
_ACUTE = ("dental", "emergency", "resident", "general", "nurse")
_GENERAL = ("general", "nurse", "pain")
_MIND = ("psychiatry", "general")

# fmt: off
THERAPIES: tuple[Therapy, ...] = (
    Therapy("hydrocodone, short", 22, rf"{_APAP}hydrocodone bitartrate (5|7\.5) mg", "tablet",
            (2, 3, 4, 6), (3, 3, 4, 5, 7), _ACUTE, treatment="10"),
    Therapy("oxycodone, short", 14, rf"{_OXYCODONE}5 mg", "tablet",
            (3, 4, 6), (3, 4, 5, 7, 10), _ACUTE, treatment="10"),
    Therapy("tramadol, short", 9, "tramadol hydrochloride 50 mg", "tablet",
            (3, 4), (5, 7, 10), _ACUTE, treatment="10", refills=1),
    Therapy("codeine, short", 6, rf"{_APAP}codeine phosphate 30 mg", "tablet",
            (3, 4), (3, 5, 7), _ACUTE, treatment="10"),
    Therapy("hydrocodone, steady", 8, rf"{_APAP}hydrocodone bitartrate (7\.5|10) mg", "tablet",
            (2, 3, 4), (28, 30), _GENERAL, (5, 34), "11"),
    Therapy("oxycodone, steady", 6, rf"{_OXYCODONE}(5|10|15) mg", "tablet",
            (2, 3, 4), (28, 30), ("pain", "general"), (6, 36), "11"),
    Therapy("morphine, steady", 2, "morphine sulfate (15|30|60) mg", "extended release oral tablet",
            (2, 3), (28, 30), ("pain",), (8, 36), "11"),
    Therapy("fentanyl patch", 1, "fentanyl (12|25|50) mcg/h", "transdermal",
            (0,), (30,), ("pain",), (5, 24), "11"),
    Therapy("tramadol, steady", 5, "tramadol hydrochloride 50 mg", "tablet",
            (2, 3, 4), (30,), _GENERAL, (4, 24), "11", 5),
    Therapy("buprenorphine and naloxone", 7, r"buprenorphine (2|8) mg; naloxone [\d.]+ mg", "sublingual",
            (1, 2), (7, 14, 28, 28, 30), ("recovery",), (5, 36), "02", 2),
    Therapy("alprazolam", 8, r"alprazolam (0\.25|0\.5|1) mg", "tablet",
            (1, 2, 3), (30,), _MIND, (4, 30), refills=5),
    Therapy("clonazepam", 7, r"clonazepam (0\.5|1|2) mg", "tablet",
            (1, 2), (30,), _MIND, (5, 36), refills=5),
    Therapy("lorazepam", 6, r"lorazepam (0\.5|1) mg", "tablet",
            (1, 2, 3), (10, 30), _MIND, (1, 18), refills=3),
    Therapy("diazepam", 4, "diazepam (2|5|10) mg", "tablet",
            (1, 2, 3), (7, 15, 30), ("general", "pain"), (1, 12), refills=2),
    Therapy("zolpidem", 8, "zolpidem tartrate (5|10) mg", "tablet",
            (1,), (30, 30, 90), ("general", "nurse"), (3, 30), refills=5),
    Therapy("amphetamine salts", 9, r"amphetamine aspartate (2\.5|3\.75|5|7\.5) mg; .+", "",
            (1, 2), (30,), _MIND, (6, 36)),
    Therapy("methylphenidate", 6, "methylphenidate hydrochloride (18|27|36|54) mg", "extended release",
            (1,), (30,), ("psychiatry", "nurse"), (6, 36)),
    Therapy("lisdexamfetamine", 4, "lisdexamfetamine dimesylate (50|60|70) mg", "capsule",
            (1,), (30,), ("psychiatry",), (6, 30)),
    Therapy("gabapentin", 16, "gabapentin (100|300|400|600|800) mg", "",
            (2, 3, 4), (30, 30, 90), _GENERAL, (3, 36), refills=5),
    Therapy("pregabalin", 5, "pregabalin (50|75|100|150) mg", "capsule",
            (2, 3), (30, 30, 90), ("general", "pain"), (4, 30), refills=5),
    Therapy("carisoprodol", 3, "carisoprodol (250|350) mg", "tablet",
            (2, 3), (10, 30), ("general", "pain"), (1, 10), refills=1),
    Therapy("phentermine", 5, r"phentermine hydrochloride (15|30|37\.5) mg", "",
            (1,), (30,), ("general", "nurse"), (2, 6), refills=2),
    Therapy("methadone", 0, "methadone hydrochloride 10 mg", "tablet",
            (2, 3, 4), (28, 30), ("pain",), treatment="11"),
    Therapy("fentanyl patch, strong", 0, "fentanyl (50|75|100) mcg/h", "transdermal",
            (0,), (30,), ("pain",), treatment="11"),
    Therapy("oxycodone, beside another", 0, "oxycodone hydrochloride (10|15) mg", "tablet",
            (2, 3, 4), (28, 30), ("pain",), treatment="11"),
    Therapy("oxycodone, tapered", 0, rf"{_OXYCODONE}(5|10) mg", "tablet",
            (6,), (28,), ("pain", "general"), treatment="11"),
    Therapy("morphine, tapered", 0, "morphine sulfate 15 mg", "extended release oral tablet",
            (6,), (28,), ("pain",), treatment="11"),
    Therapy("oxycodone, strong", 0, "oxycodone hydrochloride 30 mg", "tablet",
            (3, 4), (28,), ("pain",)),
    Therapy("alprazolam, strong", 0, "alprazolam 2 mg", "oral tablet",
            (2, 3), (28,), ("pain",)),
    Therapy("carisoprodol, steady", 0, "carisoprodol 350 mg", "tablet",
            (3,), (28,), ("pain",)),
)
# fmt: on


class Lacking(LookupError):
    """The drug table holds none of the medicines asked for."""


@dataclass(frozen=True, slots=True)
class Formulary:
    """Therapies that the drug table can fill, each with the drugs that fit."""

    therapies: tuple[Therapy, ...]
    """Those that are drawn, as often as `weights` say."""
    weights: tuple[int, ...]
    drugs: dict[str, tuple[Drug, ...]]

    def named(self, *names: str) -> tuple[Therapy, ...]:
        """Return those of `names` that the drug table can fill. Raises Lacking when it is none."""
        found = tuple(
            therapy for therapy in THERAPIES if therapy.name in names and therapy.name in self.drugs
        )
        if not found:
            raise Lacking
        return found


def load(mappings: Path) -> Formulary:
    """Return the formulary of `mappings`/drugs/drugs.csv. Raises Misconfigured when it cannot serve."""
    rows = _rows(mappings / "drugs" / "drugs.csv")
    drugs: dict[str, tuple[Drug, ...]] = {}
    for therapy in THERAPIES:
        fitting = tuple(_drug(row) for row in rows if _fits(row, therapy))
        if fitting:
            drugs[therapy.name] = fitting
    kept = tuple(therapy for therapy in THERAPIES if therapy.weight and therapy.name in drugs)
    if not kept:
        raise Misconfigured("The drug table holds none of the medicines of the synthetic population.")
    return Formulary(kept, tuple(therapy.weight for therapy in kept), drugs)


def _rows(table: Path) -> list[dict[str, str]]:
    try:
        with table.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            missing = _COLUMNS - set(reader.fieldnames or ())
            if missing:
                raise Misconfigured(f"The drug table has no column {', '.join(sorted(missing))}.")
            return sorted(reader, key=lambda row: row["ndc11"])
    except FileNotFoundError:
        raise Misconfigured("There is no drug table: drugs/drugs.csv in the mappings folder.") from None


def _fits(row: dict[str, str], therapy: Therapy) -> bool:
    return (
        row["route"] in _ROUTES
        and therapy.form in row["form"].lower()
        and re.fullmatch(therapy.substances, row["substances"]) is not None
    )


def _drug(row: dict[str, str]) -> Drug:
    form = row["form"].lower()
    qualifier = _QUALIFIERS.get(row["rxnorm_tty"], "") if row["rxcui"] else ""
    return Drug(
        ndc11=row["ndc11"],
        rxnorm_qualifier=qualifier,
        rxcui=row["rxcui"] if qualifier else "",
        # Schedule II is never refilled (21 CFR 1306.12); others, scheduled or not, may be.
        refillable=row["federal_schedule"] != "II",
        word=next((spoken for word, spoken in _WORDS.items() if word in form), "UNIT"),
    )
