"""Makes rows of our drug table from the NDC directory and RxNorm, beside those that were reviewed.

A row says where each of its values comes from and passes the checks of the table, or it is left out with the
reason: a hole is better seen than filled by guess. What a pharmacist has reviewed is never written over;
where the sources say otherwise, the difference is reported.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from gateway.clinical.classes import ClassTable
from gateway.clinical.drug import Drug
from gateway.mapping import drug_checks, drugs, ndc_directory, product_names
from gateway.mapping.drugs import COLUMNS, Vocabulary
from gateway.mapping.federal_schedules import FederalSchedules
from gateway.mapping.ndc_directory import Listed
from gateway.mapping.rxnorm_release import Release

REVIEWED_BY = "reviewed_by"
_COMPARED = ("substances", "route", "rxcui", "federal_schedule")
_ROUTES = {
    "ORAL": "oral", "SUBLINGUAL": "sublingual", "BUCCAL": "buccal", "TRANSMUCOSAL": "buccal",
    "TRANSDERMAL": "transdermal", "RECTAL": "rectal", "NASAL": "nasal", "TOPICAL": "topical",
    "VAGINAL": "vaginal", "INTRAMUSCULAR": "injection", "INTRAVENOUS": "injection",
    "SUBCUTANEOUS": "injection", "EPIDURAL": "injection", "INTRATHECAL": "injection",
    "PARENTERAL": "injection", "INFILTRATION": "injection",
}  # fmt: skip
_SAME = Decimal("0.005")  # RxNorm writes three digits
Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What an import is held against."""

    words: Vocabulary
    federal: FederalSchedules
    schedules: Mapping[str, str]
    """The jurisdiction's own."""
    classes: ClassTable


@dataclass(slots=True)
class Report:
    """What an import did, by NDC. `kept` are imported earlier and not in these files any more."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    kept: int = 0
    agreed: int = 0
    """Reviewed products of which the files say the same."""
    differences: list[tuple[str, str, str, str]] = field(default_factory=list)
    """(NDC, column, what was reviewed, what the files say)."""
    left_out: list[tuple[str, str]] = field(default_factory=list)
    """(NDC as listed, or the line of a file; reason)."""


def candidates(
    products: Iterable[Listed],
    packages: Iterable[tuple[str, str]],
    rxnorm: Callable[[set[str]], Release],
    known: Knowledge,
    release: str,
    report: Report,
) -> list[Row]:
    """Return a row of each package of a product that a monitoring program hears of; others are left out.

    Those are what the directory or `known` schedules. `rxnorm` is asked for the packages that were found.
    """
    listed = {one.product_id: one for one in products if _reported(one, known)}
    found: dict[str, Listed] = {}
    twice: set[str] = set()
    for product_id, package in packages:
        if product_id in listed:
            try:
                ndc, product = ndc_directory.eleven_digits(package), listed[product_id]
            except ValueError as error:
                report.left_out.append((package, str(error)))
                continue
            if found.setdefault(ndc, product).product_id != product_id:
                twice.add(ndc)
    for ndc in sorted(twice):
        del found[ndc]
        report.left_out.append((ndc, "listed as a package of two products"))
    names = rxnorm(set(found))
    rows: list[Row] = []
    for ndc in sorted(found):
        try:
            rows.append(_row(ndc, found[ndc], names, known, release))
        except (ValueError, InvalidOperation) as error:
            report.left_out.append((ndc, str(error) or "a strength that is no number"))
    return rows


def merge(
    reviewed: Mapping[str, Row], imported: Iterable[Row], new: Iterable[Row], known: Knowledge, report: Report
) -> list[Row]:
    """Return the rows of the imported table: those of `imported` with `new`, none of them in `reviewed`.

    A row of `imported` that names who reviewed it counts as reviewed.
    """
    result = {row["ndc11"]: dict(row) for row in imported if row["ndc11"] not in reviewed}
    by_code: dict[str, Drug] = {}
    for row in (*reviewed.values(), *result.values()):
        drug, _ = drugs.read(row, known.words, known.schedules, known.federal)
        if drug is not None and drug.rxcui and drug.rxnorm_name:
            by_code.setdefault(drug.rxcui, drug)
    seen: set[str] = set()
    for row in new:
        ndc = row["ndc11"]
        signed = reviewed.get(ndc) or (result[ndc] if result.get(ndc, {}).get(REVIEWED_BY) else None)
        if signed is not None:
            _compare(signed, row, report)
            seen.add(ndc)
            continue
        drug, wrong = drugs.read(row, known.words, known.schedules, known.federal)
        if drug is not None:
            wrong += _against(drug, by_code, known)
        if drug is None or wrong:
            report.left_out.append((ndc, "; ".join(wrong)))
            continue
        seen.add(ndc)
        if drug.rxcui:
            by_code.setdefault(drug.rxcui, drug)
        before = result.get(ndc)
        row = {**row, REVIEWED_BY: ""}
        if before is None:
            report.added += 1
        elif any(before.get(column, "") != row[column] for column in COLUMNS):
            report.changed += 1
        else:
            report.unchanged += 1
        result[ndc] = row
    report.kept += len(result.keys() - seen)
    return [result[ndc] for ndc in sorted(result)]


def written(rows: Iterable[Row]) -> str:
    """Return the imported table as text."""
    text = io.StringIO()
    writer = csv.DictWriter(text, (*COLUMNS, REVIEWED_BY), lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _reported(one: Listed, known: Knowledge) -> bool:
    names = {known.words.base(name.lower()) for name in one.substances}
    return bool(one.schedule) or not names.isdisjoint(
        known.federal.substances.keys() | known.schedules.keys()
    )


def _row(ndc: str, one: Listed, names: Release, known: Knowledge, release: str) -> Row:
    listed = _listed_parts(one)
    rxcui = names.codes.get(ndc, "")
    name, kind = names.names.get(rxcui, ("", ""))
    parts, form, source = listed, one.form.title(), f"FDA NDC directory {one.product_id}"
    if name:
        parts = product_names.parts(name)
        form = product_names.form(name)
        _agree(listed, parts, names.ingredients.get(rxcui), known.words)
        source += f"; RxNorm {rxcui} (NDC, name)"
    else:
        rxcui = ""
    substances = "; ".join(f"{part} {product_names.plain(value)} {unit}" for part, value, unit in parts)
    return {
        "ndc11": ndc,
        "name": name or f"{one.name or one.brand} {_amounts(parts)} {form}",
        "substances": substances,
        "form": form,
        "route": _route(one.routes),
        "rxcui": rxcui,
        "rxnorm_name": name,
        "rxnorm_tty": kind,
        "federal_schedule": one.schedule.removeprefix("C"),
        "brand": one.brand,
        "labeler": one.labeler,
        "src_row": f"{source}; {release}",
        "src_schedule": "FDA NDC directory, DEASCHEDULE" if one.schedule else "",
    }


def _listed_parts(one: Listed) -> list[product_names.Part]:
    if not one.substances or not len(one.substances) == len(one.strengths) == len(one.units):
        raise ValueError("substances and strengths of the directory do not match")
    return [
        (name.lower(), *product_names.scaled(Decimal(strength.replace(",", "")), unit))
        for name, strength, unit in zip(one.substances, one.strengths, one.units, strict=True)
    ]


def _agree(
    listed: list[product_names.Part],
    named: list[product_names.Part],
    ingredients: frozenset[str] | None,
    words: Vocabulary,
) -> None:
    """Raise ValueError where the directory and RxNorm say different things of one package."""
    ours, theirs = _sums(listed, words), _sums(named, words)
    if ours.keys() != theirs.keys():
        raise ValueError("the directory and RxNorm name different substances")
    if ingredients is not None and {words.base(name) for name in ingredients} != theirs.keys():
        raise ValueError("RxNorm's name and RxNorm's ingredients are different substances")
    for name, (value, unit) in ours.items():
        other, other_unit = theirs[name]
        if unit == other_unit and abs(value - other) > _SAME * max(value, other):
            raise ValueError(f"the directory and RxNorm give different strengths of {name}")


def _sums(parts: Iterable[product_names.Part], words: Vocabulary) -> dict[str, tuple[Decimal, str]]:
    """Return strength by substance, its salts added up."""
    result: dict[str, tuple[Decimal, str]] = {}
    for name, value, unit in parts:
        before, _ = result.get(words.base(name), (Decimal(0), unit))
        result[words.base(name)] = before + value, unit
    return result


def _route(listed: tuple[str, ...]) -> str:
    routes = {_ROUTES.get(route.upper(), route.lower()) for route in listed}
    if len(routes) != 1:
        raise ValueError("no route" if not routes else "several routes")
    return routes.pop()


def _amounts(parts: Iterable[product_names.Part]) -> str:
    return " / ".join(f"{product_names.plain(value)} {unit}" for _, value, unit in parts)


def _against(drug: Drug, by_code: Mapping[str, Drug], known: Knowledge) -> list[str]:
    wrong = []
    first = by_code.get(drug.rxcui)
    if drug.rxcui and first is not None and drug_checks.holds(first) != drug_checks.holds(drug):
        wrong.append(f"RxCUI {drug.rxcui} is another drug at {first.ndc11}")
    if "extended release" in drug.form.lower() and drug.form not in known.classes.long_acting_forms:
        wrong.append(f"classes.toml does not know the form {drug.form}")
    return wrong


def _compare(signed: Row, row: Row, report: Report) -> None:
    told = [
        (row["ndc11"], column, signed[column], row[column])
        for column in _COMPARED
        # What the files leave open is no difference.
        if row[column] and _same_text(signed[column]) != _same_text(row[column])
    ]
    report.differences += told
    report.agreed += not told


def _same_text(text: str) -> tuple[str, ...]:
    return tuple(sorted(text.split("; ")))
