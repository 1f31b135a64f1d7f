"""The computed figures of one person as values to be written: code, value, unit, days, method, notes.

Source of each figure: its function in `gateway.clinical`, all of them in gateway/clinical/README.md. What
could not be counted is None with its reason, never 0; every other value is exact.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from gateway.clinical import curve as curves
from gateway.clinical import published
from gateway.clinical.classes import DrugClass
from gateway.clinical.coverage import coverage
from gateway.clinical.curve import Active, Curve, NotCounted
from gateway.clinical.distance import Distance
from gateway.clinical.figures import text
from gateway.clinical.mme import Uncounted
from gateway.clinical.overlap import Pattern
from gateway.clinical.picture import Picture
from gateway.clinical.row import Content
from gateway.clinical.runs import Run, clip
from gateway.clinical.supplies import Supply, touching
from gateway.clinical.thresholds import Thresholds
from gateway.mapping.detected_issue import runs_in_words

_WHY = {
    Uncounted.EXCLUDED: "left out by the table",
    Uncounted.UNKNOWN_DRUG: "unknown drug",
    Uncounted.NO_FACTOR: "no factor in the table",
    Uncounted.NO_STRENGTH: "strength not known",
    Uncounted.NO_DAYS_SUPPLY: "days of supply not reported",
    Uncounted.NO_QUANTITY: "quantity not reported",
    Uncounted.UNIT_MISMATCH: "quantity in another unit than the strength",
    Uncounted.NOT_OPIOID: "no opioid",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One figure. `unit` is of UCUM, empty for a count; `rows` None: every dispensation of the answer.

    `value` None stands for `absent`: `unknown`, or `not-applicable` where there is nothing to divide by.
    """

    code: str
    text: str
    value: Fraction | int | None
    unit: str
    when: dt.date | Run
    rows: tuple[str, ...] | None
    notes: tuple[str, ...] = ()
    method: str = ""
    absent: str = "unknown"
    key: str = ""
    """Tells apart figures of one code."""
    focus: str = ""
    """Reference to whom or what it is about, besides the person."""


def facts(p: Picture, limits: Thresholds | None) -> Iterator[Fact]:
    """Yield the figures of `p`, in the order in which a reader asks for them."""
    yield _today(p)
    yield from _period(p)
    yield from _overlaps(p)
    yield from _providers(p, limits)
    yield from _fills(p, limits)
    yield from _stimulants(p)
    if p.lme is not None:
        yield _sedation(p, p.lme)
    for one in p.to_dispensers:
        rows = tuple(s.id for s in p.supplies if s.row.dispenser_id == one.place_id)
        yield _away(p, one, "dispenser", f"Organization/{one.place_id}", rows)
    for one in p.to_prescribers:
        rows = tuple(s.id for s in p.supplies if s.row.prescriber_id == one.place_id)
        yield _away(p, one, "prescriber", f"Practitioner/{one.place_id}", rows)


def _today(p: Picture) -> Fact:
    active = p.mme_today
    notes = [*_left_out(active.not_counted, active.considered), *_about(p, active)]
    return Fact(
        "mme-today",
        "Opioid dose active today",
        active.total,
        "mg/d",
        p.today,
        (*active.counted, *(one.dispensation_id for one in active.not_counted)),
        tuple(notes),
        active.table,
    )


def _about(p: Picture, active: Active) -> Iterator[str]:
    if not active.considered:
        yield "No opioid supply covers this day."
    for doses in p.take_homes:
        if doses.day == p.today:
            yield (
                f"A treatment programme handed out {len(doses.rows)} daily doses together, {doses.count} of "
                "them to take home: all count on this day."
            )
    counted = set(active.counted)
    for doubling in p.doublings:
        if counted.intersection(doubling.rows) and any(p.today in run for run in doubling.runs):
            strengths = ", in different strengths" if doubling.two_strengths else ""
            yield f"Several supplies of {doubling.substance} lie together today{strengths}: they add up."
    for one in p.supplies:
        if one.id in counted and not one.pick_up_reported:
            yield f"MedicationDispense/{one.id}: pick-up not reported; counted from the day filled."
    for patch in p.hurried_patches:
        if patch.dispensation_id in counted:
            yield (
                f"MedicationDispense/{patch.dispensation_id}: quantity and days imply a new patch every "
                f"{text(patch.days_each)} days; the dose is that of one patch."
            )


def _period(p: Picture) -> Iterator[Fact]:
    left_out = tuple(_left_out(p.mme.not_counted, p.mme.considered))
    opioids = [s for s in p.supplies if DrugClass.OPIOID in s.row.makeup.classes]
    counted = [s for s in opioids if s.row.makeup.dose.per_day is not None]
    missing = tuple(one.dispensation_id for one in p.mme.not_counted)
    # No counted day, yet something that ought to count: then nobody knows the figure.
    blind = p.mme_peak is None and bool(missing)
    peak, mean, table = p.mme_peak, p.mme_mean, p.mme.table
    top = Run(peak.first, peak.last) if peak else p.window
    yield Fact(
        "mme-peak",
        "Highest opioid dose on a day of the period",
        peak.per_day if peak else None if blind else 0,
        "mg/d",
        top,
        (*(s.id for s in touching(counted, [top])), *missing),
        left_out,
        table,
    )
    inside = (*(s.id for s in touching(counted, [p.window])), *missing)
    yield Fact(
        "mme-mean",
        f"Mean opioid dose over all {p.window.days} days of the period",
        None if blind else mean.over_window,
        "mg/d",
        p.window,
        inside,
        left_out,
        table,
    )
    yield Fact(
        "mme-mean-covered",
        f"Mean opioid dose over the {published.days(mean.covered_days)} with one",
        mean.over_covered_days,
        "mg/d",
        p.window,
        inside,
        left_out,
        table,
        absent="unknown" if blind else "not-applicable",
    )
    covered = coverage(opioids, p.window)
    gaps = (
        f"Gaps: {runs_in_words(covered.gaps)}." if covered.gaps else "No gap between the first and the last."
    )
    unknown = f"{_dispensations(len(covered.not_judged))} of unknown length may cover more."
    yield Fact(
        "opioid-days-covered",
        "Days with an opioid supply",
        covered.days,
        "d",
        p.window,
        (*(s.id for s in touching(opioids, [p.window])), *covered.not_judged),
        (*((gaps,) if covered.covered else ()), *((unknown,) if covered.not_judged else ())),
    )


def _overlaps(p: Picture) -> Iterator[Fact]:
    last = max([p.today, *(s.last for s in p.supplies if s.last is not None)])
    unknown = p.overlaps.not_judged
    for pattern in Pattern:
        found = p.overlaps.of(pattern)
        notes = []
        if found.runs:
            past = sum(b - a + 1 for a, b in clip((run.span for run in found.runs), p.window.span))
            notes.append(f"{runs_in_words(found.runs)}; {past} of {published.days(found.days)} by today.")
        if unknown:
            notes.append(f"{_dispensations(len(unknown))} of unknown drug or length may add days.")
        name = published.name(pattern)
        yield Fact(
            f"overlap-{published.code(pattern)}",
            name,
            found.days,
            "d",
            Run(p.window.first, last),
            (*found.rows, *(key for key in unknown if key not in found.rows)),
            tuple(notes),
        )


def _providers(p: Picture, limits: Thresholds | None) -> Iterator[Fact]:
    every = (f"Counts all {_dispensations(len(p.supplies))} of this answer.",)
    yield Fact("prescribers", "Prescribers", len(p.providers.prescribers), "", p.window, None, every)
    yield Fact("dispensers", "Dispensers", len(p.providers.dispensers), "", p.window, None, every)
    for rule in limits.episodes if limits else ():
        found = p.episodes[rule.rule]
        words = published.episode(rule)
        notes = [f"Rule: {words.rule} ({rule.source})."]
        notes += [
            f"{one.prescribers} prescribers and {one.dispensers} dispensers, {len(one.rows)} dispensings "
            f"from {one.run.first.isoformat()} to {one.run.last.isoformat()}."
            for one in found
        ]
        rows = tuple(key for one in found for key in one.rows)
        yield Fact(
            "provider-episodes",
            f"Multiple-provider episodes ({words.code})",
            len(found),
            "",
            p.window,
            rows,
            tuple(notes),
            key=words.code,
        )


def _fills(p: Picture, limits: Thresholds | None) -> Iterator[Fact]:
    begun = [s for s in p.supplies if s.first <= p.today]
    latest = max((s.first for s in begun), default=None)
    last = tuple(s.id for s in begun if s.first == latest)
    yield Fact(
        "days-since-last-fill", "Days since the last supply began", p.days_since_last_fill, "d", p.today, last
    )
    for left in p.left:
        yield Fact(
            "days-supply-left",
            "Days of supply left today",
            left.days,
            "d",
            p.today,
            (left.dispensation_id,),
            (f"Quantity left: {text(left.quantity)}, as if taken as directed from the first day.",),
            key=left.dispensation_id,
        )
    early = limits.early if limits else None
    configured = f"at least {published.days(early.days)} ({early.source})" if early else "at least 1 day"
    days = {s.id: s.first for s in p.supplies}
    yield Fact(
        "early-fills",
        "Early fills",
        len(p.early_fills),
        "",
        p.window,
        tuple(dict.fromkeys(key for fill in p.early_fills for key in (*fill.before, *fill.rows))),
        (
            f"Early by {configured}{'' if early else '; no number of days is published or configured'}.",
            *(
                f"{days[fill.rows[0]].isoformat()}: {published.days(fill.days_early)} early."
                for fill in p.early_fills
            ),
        ),
    )
    if limits and limits.naive:
        yield Fact(
            "long-acting-naive",
            "Long-acting opioid without an opioid before",
            len(p.naive_starts),
            "",
            p.window,
            tuple(key for one in p.naive_starts for key in (one.dispensation_id, *one.unknown)),
            (
                f"Without any opioid for {limits.naive.days} days before ({limits.naive.source}).",
                *(f"Began on {one.day.isoformat()}." for one in p.naive_starts),
            ),
        )


def _stimulants(p: Picture) -> Iterator[Fact]:
    missing = _of_today(p, p.stimulants.not_counted)
    today = p.stimulants.on(p.today)
    for name, dose in today.items():
        mine = [s for s in p.supplies if s.covers(p.today) and _holds(s, name)]
        yield Fact(
            "stimulant-today",
            f"Stimulant dose active today: {name}",
            dose,
            "mg/d",
            p.today,
            (*(s.id for s in mine), *(one.dispensation_id for one in missing)),
            tuple(_left_out(missing, len(mine) + len(missing))),
            key=name,
        )
    if missing and not today:
        rows = tuple(one.dispensation_id for one in missing)
        notes = tuple(_left_out(missing, len(missing)))
        yield Fact("stimulant-today", "Stimulant dose active today", None, "mg/d", p.today, rows, notes)


def _sedation(p: Picture, curve: Curve) -> Fact:
    missing = _of_today(p, curve.not_counted)
    left_out = {one.dispensation_id for one in curve.not_counted}
    sedatives = [
        s.id
        for s in p.supplies
        if s.covers(p.today)
        and s.id not in left_out
        and any(c.lane.value == "sedative" for c in _contents(s))
    ]
    total = curves.on(curve, p.today)
    return Fact(
        "lme-today",
        "Sedative dose active today",
        None if missing and not sedatives else total,
        "mg/d",
        p.today,
        (*sedatives, *(one.dispensation_id for one in missing)),
        (
            "There is no official table of lorazepam equivalents; published ones differ several-fold.",
            *_left_out(missing, len(sedatives) + len(missing)),
        ),
        curve.table,
    )


def _away(p: Picture, one: Distance, kind: str, reference: str, rows: tuple[str, ...]) -> Fact:
    notes = ("From the home last reported, in a straight line between the middles of ZIP areas; no road.",)
    return Fact(
        f"distance-{kind}",
        f"From home to a {kind}",
        one.miles,
        "[mi_i]",
        p.today,
        rows,
        notes if one.miles is not None else (f"The ZIP area of this {kind} is not known.",),
        one.table,
        key=one.place_id,
        focus=reference,
    )


def _of_today(p: Picture, missing: Iterable[NotCounted]) -> list[NotCounted]:
    """Return those of `missing` that cover today, or may."""
    by_id = {s.id: s for s in p.supplies}
    result = []
    for one in missing:
        its = by_id[one.dispensation_id]
        if its.covers(p.today) or (its.last is None and its.first <= p.today):
            result.append(one)
    return result


def _left_out(missing: Iterable[NotCounted], considered: int) -> Iterator[str]:
    listed = [f"MedicationDispense/{one.dispensation_id}: {_WHY[one.reason]}" for one in missing]
    if listed:
        yield f"{len(listed)} of {considered} not counted. {'; '.join(listed)}."


def _holds(one: Supply, name: str) -> bool:
    return any(content.name == name for content in _contents(one))


def _contents(one: Supply) -> Iterable[Content]:
    return one.row.makeup.contents


def _dispensations(count: int) -> str:
    return f"{count} {'dispensation' if count == 1 else 'dispensations'}"
