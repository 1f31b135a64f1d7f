"""Build `drugs.csv` from a table of facts: `python mappings/drugs/build.py FACTS.csv`.

The facts are one row a package (11-digit NDC) with RxNorm names, federal schedule and, for every value,
where it came from. This script adds nothing of its own: it only takes names apart into substances with
their strengths, so that combination products and compounds can be counted by ingredient. Rows that it
cannot read stop it. Kentucky's schedules are in `../jurisdictions/ky.toml`, MME factors in `../mme/`.
"""

from __future__ import annotations

import csv
import re
import sys
import tomllib
from decimal import Decimal
from pathlib import Path

HERE = Path(__file__).resolve().parent
COLUMNS = (
    "ndc11", "name", "substances", "form", "route", "rxcui", "rxnorm_name", "rxnorm_tty",
    "federal_schedule", "brand", "labeler", "src_row", "src_schedule",
)  # fmt: skip
COMPONENT = re.compile(
    r"(?P<name>[A-Za-z][A-Za-z ,-]*?) (?P<strength>[0-9.]+) (?P<unit>MG/ML|MG/HR|MG/ACTUAT|MG|MCG)\b"
)
UNITS = {"MG": "mg", "MG/ML": "mg/mL", "MG/ACTUAT": "mg/actuat", "MCG": "mcg", "MCG/HR": "mcg/h"}


def main() -> int:
    """Return 0 after writing `drugs.csv` beside this script."""
    if len(sys.argv) != 2:
        sys.stderr.write(__doc__ or "")
        return 2
    known = _known_substances()
    with Path(sys.argv[1]).open(newline="", encoding="utf-8") as source:
        rows = [_row(fact, known) for fact in csv.DictReader(source)]
    rows.sort(key=lambda row: row["ndc11"])
    with (HERE / "drugs.csv").open("w", newline="", encoding="utf-8") as target:
        writer = csv.DictWriter(target, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    sys.stdout.write(f"{len(rows)} drugs\n")
    return 0


def _known_substances() -> dict[str, str]:
    table = tomllib.loads((HERE / "substances.toml").read_text(encoding="utf-8"))
    return {name: lane for lane, names in table["lanes"].items() for name in names}


def _row(fact: dict[str, str], known: dict[str, str]) -> dict[str, str]:
    if not re.fullmatch(r"[0-9]{11}", fact["ndc11"]):
        raise SystemExit(f"not an 11-digit NDC: {fact['ndc11']}")
    form = fact["dosage_form"]
    substances = _named(fact) if fact["rxnorm_name"] else _unnamed(fact, known)
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
    strength = f"{fact['strength']} {fact['strength_unit'].removesuffix(' (sum of 4 salts)')}"
    parts = [fact["drug_name"].strip(), strength if fact["strength"] else "", fact["dosage_form"]]
    return " ".join(part for part in parts if part)


def _named(fact: dict[str, str]) -> list[tuple[str, str]]:
    """Return (substance, strength with unit) of each component of an RxNorm name."""
    text = re.sub(r" \[[^]]*\]$", "", fact["rxnorm_name"])
    # Release pattern, duration and volume stand before the first substance.
    text = re.sub(r"^(?:(?:[0-9]+/[0-9]+ Release|[0-9]-Bead) )?(?:[0-9.]+ (?:HR|ML) )?", "", text)
    found: list[tuple[str, str]] = []
    for part in text.split(" / "):
        match = COMPONENT.match(part)
        if match is None:
            raise SystemExit(f"{fact['ndc11']}: cannot read {part!r}")
        value, unit = Decimal(match["strength"]), match["unit"]
        if unit == "MG/HR":
            value, unit = value * 1000, "MCG/HR"
        found.append((match["name"].lower(), f"{_plain(value)} {UNITS[unit]}"))
    return found


def _unnamed(fact: dict[str, str], known: dict[str, str]) -> list[tuple[str, str]]:
    """Return the substances of a row without an RxNorm name: its one strength is the controlled one's."""
    names = [name.strip() for name in fact["ingredient"].split(";")]
    unit = fact["strength_unit"].lower().replace("ml", "mL")
    if not fact["strength"] or "sum of" in unit:
        return [(name, "") for name in names]
    value = Decimal(fact["strength"])
    if per := re.fullmatch(r"mg/([0-9]+)mL", unit):
        value, unit = value / Decimal(per[1]), "mg/mL"
    if unit not in UNITS.values():
        raise SystemExit(f"{fact['ndc11']}: unit {unit!r}")
    owners = [name for name in names if name.split()[0] in known] or names[:1]
    if len(owners) != 1:
        raise SystemExit(f"{fact['ndc11']}: whose strength is {fact['strength']}?")
    return [(name, f"{_plain(value)} {unit}" if name == owners[0] else "") for name in names]


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


def _plain(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


if __name__ == "__main__":
    raise SystemExit(main())
