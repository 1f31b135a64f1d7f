"""The worked examples of gateway/clinical/README.md: what the code says about people of the sample files."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import cache

from gateway.clinical import published
from gateway.clinical.curve import on
from gateway.clinical.distance import distances
from gateway.clinical.figures import text
from gateway.clinical.mme import Part, of_product
from gateway.clinical.picture import Picture, picture
from gateway.clinical.row import Row
from gateway.clinical.runs import Run
from gateway.mapping import centroids, lme_tables, mme_tables
from gateway.mapping.facts import facts
from gateway.mapping.sources import Sources
from tests.clinical.made_up import OXYCODONE_10, made
from tests.clinical.other_implementations import CASES, Case
from tests.clinical.people import TODAY, people, rules
from tests.mapping.shapes import FOLDER, mappings


def ago(days: int) -> dt.date:
    return TODAY - dt.timedelta(days)


WINDOW = Run(dt.date(2025, 11, 20), TODAY)


@cache
def of(name: str, who: str = "") -> Picture:
    """Return what is computed of a person of overlay `name`; with the only one's first name left out."""
    rows: Iterable[Row] = people(name)[who] if who else next(iter(people(name).values()))
    table = lme_tables.load(Sources(FOLDER), "MDCalc-derived")
    return picture(rows, replace(rules(), lme=table), WINDOW)


def fact(p: Picture, code: str) -> str:
    """Return a figure as the FHIR answer would have it, with its first note."""
    one = next(f for f in facts(p, rules().thresholds) if f.code == code)
    value = "not known" if one.value is None else text(Fraction(one.value), 9)
    unit = {"mg/d": " mg a day", "d": " days"}.get(one.unit, "")
    method = f" ({one.method})" if one.method else ""
    note = f"; {one.notes[0]}" if one.notes and "MedicationDispense" not in one.notes[0] else ""
    return f"{one.text}: **{value}{unit}**{method}{note}"


def _dispensation() -> Iterator[str]:
    table = mappings().mme
    for ndc, quantity, days in (
        ("10702005601", "120", 30),
        ("00406012501", "90", 30),
        ("00054457125", "90", 30),
        ("00378912198", "10", 30),
        ("00054018913", "60", 30),
    ):
        drug = mappings().drugs[ndc]
        dose = of_product(table, Part(drug, Decimal(quantity), "01"), days)
        figure = (
            dose.reason.value if dose.per_day is None and dose.reason else text(dose.per_day or Fraction(0))
        )
        yield f"- {drug.name}, {quantity} for {days} days: **{figure}**"


def _today() -> Iterator[str]:
    yield f"- Overlay 03, methadone and a patch: {fact(of('03'), 'mme-today')}"
    yield f"- Overlay 26, four drugs: {fact(of('26'), 'mme-today')}"


def _period() -> Iterator[str]:
    p = of("02")
    yield f"- Overlay 02: on 15 September {text(on(p.mme, dt.date(2026, 9, 15)))}, on 16 September " + (
        f"{text(on(p.mme, dt.date(2026, 9, 16)))}"
    )
    for code in ("mme-peak", "mme-mean", "mme-mean-covered", "opioid-days-covered"):
        yield f"- Overlay 02, {fact(p, code)}"


def _thresholds() -> Iterator[str]:
    for who, rows in people("27").items():
        p = picture(rows, rules(), WINDOW)
        highest = text(p.mme_peak.per_day) if p.mme_peak else "none"
        codes = [a.code for a in p.alerts if a.code.startswith("mme")]
        yield f"- Overlay 27, {who}: highest {highest}, alerts: {', '.join(codes) or 'none'}"


def _overlaps() -> Iterator[str]:
    for overlap in of("26").overlaps.found:
        spells = ", ".join(f"{run.first} to {run.last}" for run in overlap.runs)
        count = published.days(overlap.days)
        yield f"- Overlay 26, {published.name(overlap.pattern)}: **{count}** ({spells})"


def _providers() -> Iterator[str]:
    p = of("02")
    yield f"- Overlay 02, {fact(p, 'prescribers')}"
    yield f"- Overlay 02, {fact(p, 'dispensers')}"
    for alert in p.alerts:
        if alert.code.startswith("providers"):
            yield f"- Overlay 02, rule `{alert.code}`: {alert.finding}"


def _fills() -> Iterator[str]:
    p = of("01")
    for code in ("early-fills", "days-since-last-fill", "days-supply-left"):
        yield f"- Overlay 01, {fact(p, code)}"
    early = p.early_fills[0]
    yield f"- Overlay 01, its early fill: **{published.days(early.days_early)}** early"


def _naive() -> Iterator[str]:
    (begun,) = picture([made(1, "00228427111", ago(10), 30, "60")], rules(), WINDOW).naive_starts
    yield f"- Morphine 30 mg ER on {begun.day}, nothing before: named, after {begun.lookback} days without"
    before = [made(1, "00228427111", ago(10), 30, "60"), made(2, OXYCODONE_10, ago(50), 10)]
    found = picture(before, rules(), WINDOW).naive_starts
    yield f"- The same after oxycodone 40 days earlier: {'named' if found else 'not named'}"


def _stimulants() -> Iterator[str]:
    p = picture([made(1, "00115148601", ago(5), 30, "60")], rules(), WINDOW)
    for one in facts(p, rules().thresholds):
        if one.code == "stimulant-today" and one.value is not None:
            dose = text(Fraction(one.value))
            yield f"- Mixed amphetamine salts 5 mg, two a day: {one.text}: **{dose} mg a day**"


def _lme() -> Iterator[str]:
    yield f"- Overlay 01, alprazolam 1 mg, two a day: {fact(of('01'), 'lme-today')}"


def _programme() -> Iterator[str]:
    p = of("25", "Jolene")
    for doses in p.take_homes:
        yield (
            f"- Overlay 25, {doses.day}: {len(doses.rows)} daily doses handed out together, {doses.count} "
            f"of them to take home; the day's dose by the rule is **{text(on(p.mme, doses.day))}**"
        )


def _distance() -> Iterator[str]:
    # Home and dispensers of overlay 02, as the file reports them.
    home = centroids.point("41701")
    for code, town in (("41101", "Ashland"), ("40503", "Lexington"), ("41701", "Hazard")):
        (far,) = distances(home, {town: centroids.point(code)}, centroids.table())
        package = far.table.split()[0]
        way = f"from ZIP 41701 (Hazard) to ZIP {code} ({town})"
        yield f"- Overlay 02, {way}: **{far.miles} miles** by {package}"


def _comparison() -> Iterator[str]:
    yield "| From | Dispensed | Theirs | Ours, CDC 2022 | Ours, CDC 2016 | Why they differ |"
    yield "|---|---|---|---|---|---|"
    for case in CASES:
        yield (
            f"| {case.source} | {case.drug}, {case.quantity} for {case.days} days | {case.theirs} | "
            f"{ours(case, 'CDC 2022')} | {ours(case, 'CDC 2016')} | {case.why} |"
        )


def ours(case: Case, by: str) -> str:
    """Return our figure of a published case, or why there is none."""
    drug = mappings().drugs.get(case.ndc)
    unit = "02" if drug and drug.substances[0].unit == "mg/mL" else "01"
    table = mme_tables.load(Sources(FOLDER), by)
    dose = of_product(table, Part(drug, Decimal(case.quantity), unit), case.days)
    if dose.per_day is not None:
        return text(dose.per_day)
    return dose.reason.value if dose.reason else ""


BLOCKS: dict[str, Callable[[], Iterator[str]]] = {
    "dispensation": _dispensation,
    "today": _today,
    "period": _period,
    "thresholds": _thresholds,
    "overlaps": _overlaps,
    "providers": _providers,
    "fills": _fills,
    "naive": _naive,
    "stimulants": _stimulants,
    "lme": _lme,
    "programme": _programme,
    "distance": _distance,
    "comparison": _comparison,
}
