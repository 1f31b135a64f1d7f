"""Build `drugs.csv` from tables of facts: `python mappings/drugs/build.py FACTS.csv additions.csv`.

The facts are one row a package (11-digit NDC) with RxNorm names, federal schedule and, for every value,
where it came from. This script takes names apart into substances with their strengths, so that combination
products and compounds can be counted by ingredient, and fills an empty schedule from `schedules.toml`. It
adds nothing else of its own. Rows that it cannot read stop it. Kentucky's schedules are in
`../jurisdictions/ky.toml`, MME factors in `../mme/`.
"""

from __future__ import annotations

import csv
import re
import sys
from decimal import Decimal
from pathlib import Path

from gateway.clinical.drug import Lane
from gateway.core.errors import Misconfigured
from gateway.mapping import drugs, federal_schedules
from gateway.mapping.drugs import COLUMNS
from gateway.mapping.product_names import parts, plain, scaled
from gateway.mapping.sources import Sources

HERE = Path(__file__).resolve().parent
SALTS_OF_ONE = " (sum of 4 salts)"


def main() -> int:
    """Return 0 after writing `drugs.csv` beside this script."""
    if len(sys.argv) < 2:
        sys.stderr.write(__doc__ or "")
        return 2
    sources = Sources(HERE.parent)
    try:
        words, federal = drugs.vocabulary(sources), federal_schedules.load(sources)
    except Misconfigured as error:
        raise SystemExit(error.public) from None
    rows: dict[str, dict[str, str]] = {}
    for name in sys.argv[1:]:
        with Path(name).open(newline="", encoding="utf-8") as source:
            for fact in csv.DictReader(source):
                if fact["ndc11"] in rows:
                    raise SystemExit(f"{fact['ndc11']} stands twice in the facts")
                row = rows[fact["ndc11"]] = _row(fact, words)
                drug, _ = drugs.read(row, words, {}, federal)
                rule = federal.of(drug.substances) if drug else None
                if rule is not None and not row["federal_schedule"]:
                    row["federal_schedule"], row["src_schedule"] = rule
    with (HERE / "drugs.csv").open("w", newline="", encoding="utf-8") as target:
        writer = csv.DictWriter(target, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows[ndc] for ndc in sorted(rows))
    sys.stdout.write(f"{len(rows)} drugs\n")
    return 0


def _row(fact: dict[str, str], words: drugs.Vocabulary) -> dict[str, str]:
    if not re.fullmatch(r"[0-9]{11}", fact["ndc11"]):
        raise SystemExit(f"not an 11-digit NDC: {fact['ndc11']}")
    form = fact["dosage_form"]
    try:
        substances = _named(fact) if fact["rxnorm_name"] else _unnamed(fact, words)
    except ValueError as error:
        raise SystemExit(f"{fact['ndc11']}: {error}") from None
    return {
        "ndc11": fact["ndc11"],
        "name": _name(fact),
        "substances": "; ".join(f"{name} {strength}".strip() for name, strength in substances),
        "form": form,
        "route": _route(form),
        "rxcui": fact["rxcui"],
        "rxnorm_name": fact["rxnorm_name"],
        "rxnorm_tty": fact["rxnorm_tty"],
        "federal_schedule": fact["dea_schedule"].removeprefix("C"),
        "brand": fact["brand_or_label"],
        "labeler": fact["labeler"],
        "src_row": fact["src_row"],
        "src_schedule": fact["src_schedule"],
    }


def _name(fact: dict[str, str]) -> str:
    """Return what a reader is shown: RxNorm's name, else the label's with strength and form."""
    if fact["rxnorm_name"]:
        return fact["rxnorm_name"]
    strength = f"{fact['strength']} {fact['strength_unit'].removesuffix(SALTS_OF_ONE)}"
    parts = [fact["drug_name"].strip(), strength if fact["strength"] else "", fact["dosage_form"]]
    return " ".join(part for part in parts if part)


def _named(fact: dict[str, str]) -> list[tuple[str, str]]:
    """Return (substance, strength with unit) of each component of an RxNorm name."""
    return [(name, f"{plain(value)} {unit}") for name, value, unit in parts(fact["rxnorm_name"])]


def _unnamed(fact: dict[str, str], words: drugs.Vocabulary) -> list[tuple[str, str]]:
    """Return the substances of a row without an RxNorm name: its one strength is the controlled one's."""
    names = [name.strip() for name in fact["ingredient"].split(";")]
    if not fact["strength"]:
        return [(name, "") for name in names]
    unit = fact["strength_unit"]
    if unit.endswith(SALTS_OF_ONE):
        # Mixed amphetamine salts come in equal parts, as RxNorm's names of the same strengths write them.
        value, unit = scaled(Decimal(fact["strength"]) / len(names), unit.removesuffix(SALTS_OF_ONE))
        return [(name, f"{plain(value)} {unit}") for name in names]
    value, unit = scaled(Decimal(fact["strength"]), unit)
    owners = [name for name in names if words.lanes.get(name.split()[0], Lane.OTHER) is not Lane.OTHER]
    owners = owners or names[:1]
    if len(owners) != 1:
        raise ValueError(f"whose strength is {fact['strength']}?")
    return [(name, f"{plain(value)} {unit}" if name == owners[0] else "") for name in names]


def _route(form: str) -> str:
    for word, route in (
        ("Transdermal", "transdermal"),
        ("Injection", "injection"),
        ("Nasal", "nasal"),
        ("Rectal", "rectal"),
        ("Buccal", "buccal"),
        ("Sublingual", "sublingual"),
        ("Lozenge", "buccal"),
    ):
        if word in form:
            return route
    return "oral"


if __name__ == "__main__":
    raise SystemExit(main())
