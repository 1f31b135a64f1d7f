"""What must hold for any history: order, voids, parts, monotony, edges. Compared with counting day by day."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clinical import runs
from gateway.clinical.coverage import coverage
from gateway.clinical.curve import Curve, mean, morphine_curve, on, peak, reaching
from gateway.clinical.episodes import EpisodeRule, Length, episodes
from gateway.clinical.naive import naive_starts
from gateway.clinical.overlap import Pattern, overlaps
from gateway.clinical.picture import picture
from gateway.clinical.row import Row
from gateway.clinical.runs import Run
from gateway.clinical.supplies import Starts, supplies
from tests.clinical.made_up import (
    ALPRAZOLAM_1,
    BUPRENORPHINE,
    CARISOPRODOL,
    FENTANYL_25,
    GABAPENTIN,
    HYDROCODONE_10,
    METHADONE_10,
    OXYCODONE_5,
    TODAY,
    UNKNOWN,
    lasting,
    made,
    rules,
)
from tests.mapping.shapes import uid

ORIGIN = dt.date(2026, 8, 1)
CDC = "CDC 2022"
WINDOW = Run(ORIGIN, TODAY)
DRUGS = [
    OXYCODONE_5, HYDROCODONE_10, METHADONE_10, FENTANYL_25, BUPRENORPHINE, ALPRAZOLAM_1, GABAPENTIN,
    CARISOPRODOL, UNKNOWN,
]  # fmt: skip


def _row(number: int, ndc: str, day: int, late: int | None, days: int, quantity: Decimal, who: int) -> Row:
    filled = ORIGIN + dt.timedelta(day)
    sold = None if late is None else filled + dt.timedelta(late)
    row = made(
        number, ndc, filled, days, str(quantity),
        prescriber_id=uid(1000 + who % 4), dispenser_id=uid(2000 + who % 5),
    )  # fmt: skip
    return replace(row, sold_on=sold)


@st.composite
def histories(draw: st.DrawFn, least: int = 0) -> list[Row]:
    count = draw(st.integers(least, 12))
    return [
        _row(
            number,
            draw(st.sampled_from(DRUGS)),
            draw(st.integers(0, 110)),
            draw(st.none() | st.integers(0, 9)),
            draw(st.integers(0, 40)),
            draw(st.decimals("0.25", "300", places=2)),
            draw(st.integers(0, 60)),
        )
        for number in range(count)
    ]


def by_day(rows: list[Row], day: dt.date) -> Fraction:
    """The rule itself, with no cleverness."""
    total = Fraction(0)
    for row in rows:
        first = row.sold_on or row.filled_on
        if not row.voided and row.makeup.dose.per_day is not None and row.days_supply > 0:
            inside = first <= day <= first + dt.timedelta(row.days_supply - 1)
            total += row.makeup.dose.per_day if inside else 0
    return total


def days(run: Run) -> list[dt.date]:
    return [run.first + dt.timedelta(n) for n in range(run.days)]


ALL_DAYS = days(Run(ORIGIN - dt.timedelta(2), ORIGIN + dt.timedelta(165)))


def curve(rows: list[Row]) -> Curve:
    return morphine_curve(supplies(rows, Starts.SOLD), CDC)


@given(histories())
def test_the_curve_is_what_counting_day_by_day_gives(rows: list[Row]) -> None:
    found = curve(rows)
    assert [on(found, day) for day in ALL_DAYS] == [by_day(rows, day) for day in ALL_DAYS]
    neighbours = list(pairwise(found.days))
    assert all(a.last < b.first for a, b in neighbours)
    assert all(a.per_day != b.per_day or (b.first - a.last).days > 1 for a, b in neighbours)


@given(histories(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(rows: list[Row], random: Random) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert picture(shuffled, rules(), WINDOW) == picture(rows, rules(), WINDOW)


@given(histories(1), st.data())
def test_a_voided_row_never_counts(rows: list[Row], data: st.DataObject) -> None:
    gone = data.draw(st.integers(0, len(rows) - 1))
    voided = [replace(row, voided=True) if n == gone else row for n, row in enumerate(rows)]
    left = [row for n, row in enumerate(rows) if n != gone]
    assert picture(voided, rules(), WINDOW) == picture(left, rules(), WINDOW)


@given(units=st.integers(1, 9), first=st.integers(1, 60), second=st.integers(1, 60), day=st.integers(0, 30))
def test_a_fill_handed_out_in_two_parts_keeps_the_sum_and_is_not_early(
    units: int, first: int, second: int, day: int
) -> None:
    start = ORIGIN + dt.timedelta(day)
    whole = made(1, OXYCODONE_5, start, first + second, str(units * (first + second)))
    parts = [
        made(2, OXYCODONE_5, start, first, str(units * first), rx_number="7", partial_fill="01"),
        made(
            3, OXYCODONE_5, start + dt.timedelta(first), second, str(units * second),
            rx_number="7", partial_fill="02",
        ),
    ]  # fmt: skip
    assert curve(parts).days == curve([whole]).days
    assert sum(part.quantity for part in parts) == whole.quantity
    assert picture(parts, rules(), WINDOW).early_fills == ()
    overlapping = [parts[0], replace(parts[1], filled_on=start, sold_on=start)]
    assert picture(overlapping, rules(), WINDOW).early_fills == ()


@given(histories(), histories(1))
def test_one_more_dispensation_never_lowers_a_days_dose_or_a_day_together(
    rows: list[Row], others: list[Row]
) -> None:
    more = [*rows, replace(others[0], dispensation_id=str(uid(999)))]
    before, after = curve(rows), curve(more)
    assert all(on(after, day) >= on(before, day) for day in ALL_DAYS)
    together = overlaps(lasting(*rows)), overlaps(lasting(*more))
    assert all(together[1].of(p).days >= together[0].of(p).days for p in Pattern)
    tops = peak(before, WINDOW), peak(after, WINDOW)
    assert tops[0] is None or (tops[1] is not None and tops[1].per_day >= tops[0].per_day)


@given(histories(1))
def test_the_same_drug_twice_adds_up_and_is_flagged(rows: list[Row]) -> None:
    again = [*rows, *(replace(row, dispensation_id=str(uid(500 + n))) for n, row in enumerate(rows))]
    once, twice = curve(rows), curve(again)
    assert all(on(twice, day) == 2 * on(once, day) for day in ALL_DAYS)
    flagged = {d.substance for d in picture(again, rules(), WINDOW).doublings}
    known = {
        content.name
        for row in rows
        if row.days_supply > 0
        for content in row.makeup.contents
        if content.drug_class is not None
    }
    assert flagged == known


@given(histories())
def test_days_together_are_what_counting_day_by_day_gives(rows: list[Row]) -> None:
    found = supplies(rows, Starts.SOLD)
    together = overlaps(found)
    for pattern in Pattern:
        wanted = []
        for day in ALL_DAYS:
            here = [s.row.makeup.classes for s in found if s.covers(day)]
            if pattern is Pattern.OPIOID_TWICE:
                hit = sum(pattern.classes[0] in classes for classes in here) >= 2
            else:
                hit = all(any(c in classes for classes in here) for c in pattern.classes)
            wanted += [day] if hit else []
        assert [day for run in together.of(pattern).runs for day in days(run)] == wanted


@given(histories(), st.integers(0, 120), st.integers(0, 60))
def test_covered_days_gaps_and_means_fit_their_window(rows: list[Row], start: int, length: int) -> None:
    window = Run(ORIGIN + dt.timedelta(start), ORIGIN + dt.timedelta(start + length))
    seen = coverage(supplies(rows, Starts.SOLD), window)
    found = supplies(rows, Starts.SOLD)
    wanted = [day for day in days(window) if any(s.covers(day) for s in found)]
    assert [day for run in seen.covered for day in days(run)] == wanted
    between = [] if not wanted else [d for d in days(Run(wanted[0], wanted[-1])) if d not in wanted]
    assert [day for run in seen.gaps for day in days(run)] == between
    doses = [by_day(rows, day) for day in days(window)]
    average = mean(curve(rows), window)
    assert average.over_window == sum(doses, Fraction(0)) / window.days
    assert average.covered_days == sum(dose > 0 for dose in doses)
    top = peak(curve(rows), window)
    assert (top.per_day if top else 0) == max(doses)


@given(histories(1), st.fractions(1, 400, max_denominator=50), st.data())
def test_a_threshold_is_at_or_above(rows: list[Row], threshold: Fraction, data: st.DataObject) -> None:
    doses = sorted({by_day(rows, day) for day in ALL_DAYS} - {Fraction(0)})
    if doses and data.draw(st.booleans()):
        # Just reached, or missed by next to nothing.
        threshold = data.draw(st.sampled_from(doses)) + data.draw(st.sampled_from([0, Fraction(1, 10**12)]))
    reached = [day for run in reaching(curve(rows), threshold) for day in days(run)]
    assert reached == [day for day in ALL_DAYS if by_day(rows, day) >= threshold]


@given(histories(), st.integers(1, 4), st.integers(1, 4), st.integers(1, 60), st.booleans())
def test_episodes_are_found_where_a_window_meets_the_rule(
    rows: list[Row], prescribers: int, dispensers: int, length: int, either: bool
) -> None:
    rule = EpisodeRule(prescribers, dispensers, Length(length, "days"), either)
    opioids = [r for r in rows if r.makeup.dose.per_day is not None or r.makeup.dose.reason is not None]
    opioids = [r for r in opioids if "opioid" in {c.value for c in r.makeup.classes}]
    hits = []
    for day in ALL_DAYS:
        window = Run(day - dt.timedelta(length - 1), day)
        inside = [r for r in opioids if (r.sold_on or r.filled_on) in window]
        if rule.met(len({r.prescriber_id for r in inside}), len({r.dispenser_id for r in inside})):
            hits.append(day)
    found = episodes(supplies(rows, Starts.SOLD), rule)
    assert bool(found) == bool(hits)
    assert all(a.run.last < b.run.first for a, b in pairwise(found))
    if found:
        assert found[0].prescribers >= prescribers or either
        assert found[0].run.last >= hits[0]


@given(histories(), st.integers(1, 60), st.integers(0, 60))
def test_a_long_acting_opioid_is_named_where_no_opioid_was_in_hand_before(
    rows: list[Row], lookback: int, known: int
) -> None:
    found, known_from = supplies(rows, Starts.SOLD), ORIGIN + dt.timedelta(known)
    wanted = []
    for one in found:
        opening = one.first - dt.timedelta(lookback)
        earlier = [s for s in found if s.first < one.first and (s.last or s.first) >= opening]
        classes = {c.value for s in earlier for c in s.row.makeup.classes}
        if one.row.makeup.long_acting and opening >= known_from and not classes & {"opioid", "buprenorphine"}:
            unknown = tuple(s.id for s in earlier if not s.row.makeup.contents)
            wanted.append((one.id, one.first, unknown))
    named = naive_starts(found, lookback, known_from)
    assert [(start.dispensation_id, start.day, start.unknown) for start in named] == wanted


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), max_size=10), st.integers(1, 4))
def test_runs_are_sorted_disjoint_and_exact(pairs: list[tuple[int, int]], times: int) -> None:
    spans = [(first, first + length) for first, length in pairs]
    for depth, found in ((1, runs.union(spans)), (times, runs.at_least(spans, times))):
        assert [n for a, b in found for n in range(a, b + 1)] == [
            n for n in range(90) if sum(a <= n <= b for a, b in spans) >= depth
        ]
        assert all(x[1] + 1 < y[0] for x, y in pairwise(found))


@pytest.mark.parametrize("zone", ["Pacific/Apia", "America/New_York", "America/Santiago", "UTC"])
def test_no_zone_and_no_clock_change_can_move_a_day(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Clocks change within each of these supplies, in one zone or another.
    starts = [dt.date(2026, 10, 31), dt.date(2026, 11, 1), dt.date(2026, 3, 7), dt.date(2026, 9, 5)]
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        found = lasting(*(made(n, OXYCODONE_5, start, 2, "8") for n, start in enumerate(starts)))
        assert sorted((s.first, s.last) for s in found) == sorted(
            (start, start + dt.timedelta(1)) for start in starts
        )
        assert sum(run.days for run in coverage(found, Run(dt.date(2026, 1, 1), TODAY)).covered) == 7
    finally:
        monkeypatch.undo()
        time.tzset()
