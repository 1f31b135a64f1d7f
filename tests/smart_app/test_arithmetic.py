"""The counted facts and the timeline's geometry, by their laws."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import ROUND_DOWN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_app import facts, formats, timeline
from smart_app.history import CLASSES, Dose, Row

TODAY = dt.date(2026, 11, 20)

PLAIN = Row(
    id="r",
    person=None,
    drug="x",
    ndc=None,
    classes=("opioid",),
    known_class=True,
    status="completed",
    quantity=Decimal(1),
    unit="each",
    days=Decimal(30),
    fill=None,
    refills=None,
    written=None,
    filled=TODAY,
    sold=TODAY,
    rx_number=None,
    part=None,
    directions=None,
    prescriber=None,
    dispenser=None,
    payment=None,
    mme=Dose(Decimal(50), "mg/d", "CDC 2022"),
    labels=(),
    administered=False,
)

dates = st.none() | st.dates(dt.date(2024, 1, 1), dt.date(2027, 6, 1))


@st.composite
def any_row(draw: st.DrawFn) -> Row:
    kinds = draw(st.sets(st.sampled_from(CLASSES), max_size=2))
    return replace(
        PLAIN,
        drug=draw(st.sampled_from(["oxycodone", "alprazolam", "codeine"])),
        classes=tuple(sorted(kinds)) or ("other",),
        known_class=bool(kinds),
        days=draw(st.none() | st.integers(0, 400).map(Decimal)),
        filled=draw(dates),
        sold=draw(dates),
        status=draw(st.sampled_from(["completed", "entered-in-error"])),
        mme=draw(st.none() | st.integers(1, 500).map(lambda n: Dose(Decimal(n), "mg/d", "CDC 2022"))),
    )


rows = st.lists(any_row(), max_size=30)


@given(rows, st.dates(dt.date(2026, 1, 1), dt.date(2026, 12, 31)))
def test_every_dated_supply_is_drawn_inside_the_picture(found: list[Row], today: dt.date) -> None:
    picture = timeline.draw(found, today)
    dated = [r for r in found if r.start is not None and not r.voided]
    if picture is None:
        assert dated == []
        return
    bars = [bar for lane in picture.lanes for strip in lane.strips for bar in strip.bars]
    assert len(bars) == sum(len(row.classes) for row in dated)
    for lane in picture.lanes:
        for strip in lane.strips:
            for bar in strip.bars:
                assert 0 <= bar.x < 100
                assert bar.width > 0
                assert bar.x + bar.width <= 100.01
                assert bar.y >= 0
                assert bar.y + 10 <= strip.height
                assert bar.mark == (bar.row.end is None)
    assert picture.today is not None
    assert 0 <= picture.today <= 100
    assert picture.undated == sum(1 for r in found if r.start is None and not r.voided)


@given(rows)
def test_bars_on_one_track_never_overlap(found: list[Row]) -> None:
    picture = timeline.draw(found, TODAY)
    for lane in picture.lanes if picture else ():
        for strip in lane.strips:
            tracks: dict[int, float] = {}
            for bar in strip.bars:
                assert bar.x >= tracks.get(bar.y, -1) - 0.01
                tracks[bar.y] = bar.x + bar.width


@given(st.integers(1, 90), st.integers(0, 300))
def test_a_bar_is_as_long_as_its_days(days: int, before: int) -> None:
    start = TODAY - dt.timedelta(days=before)
    row = replace(PLAIN, days=Decimal(days), filled=start, sold=start)
    picture = timeline.draw([row], TODAY)
    assert picture is not None
    ((bar,),) = [strip.bars for lane in picture.lanes for strip in lane.strips]
    span = (picture.end - picture.start).days + 1
    assert round(bar.width * span / 100) == days
    assert round(bar.x * span / 100) == (start - picture.start).days


def test_months_are_marked_where_they_begin() -> None:
    picture = timeline.draw([PLAIN], TODAY, dt.date(2025, 11, 20), TODAY)
    assert picture is not None
    assert [tick.label for tick in picture.ticks] == [
        f"{month:%b}" for month in (dt.date(2025, 12, 1), *(dt.date(2026, m, 1) for m in range(1, 13)))
    ]


@given(rows)
def test_no_supply_is_both_counted_and_uncounted(found: list[Row]) -> None:
    dose = facts.of(found, TODAY).active
    assert 0 <= dose.counted <= dose.supplies
    assert 0 <= dose.uncounted <= len(found)
    assert (dose.total is None) == (dose.counted == 0)


@given(st.lists(st.integers(1, 300), min_size=1, max_size=8))
def test_the_active_dose_is_the_sum_of_the_supplies_that_cover_today(doses: list[int]) -> None:
    active = [replace(PLAIN, mme=Dose(Decimal(n), "mg/d", "CDC 2022")) for n in doses]
    over = replace(PLAIN, filled=TODAY - dt.timedelta(days=31), sold=TODAY - dt.timedelta(days=31))
    voided = replace(PLAIN, status="entered-in-error")
    later = replace(PLAIN, filled=TODAY + dt.timedelta(days=1), sold=TODAY + dt.timedelta(days=1))
    dose = facts.of([*active, over, voided, later], TODAY).active
    assert dose.total == sum(doses)
    assert (dose.counted, dose.supplies, dose.uncounted) == (len(doses), len(doses), 0)


def test_the_last_day_of_supply_counts_and_the_next_does_not() -> None:
    row = replace(PLAIN, days=Decimal(10), sold=TODAY - dt.timedelta(days=9), filled=TODAY - dt.timedelta(9))
    assert facts.of([row], TODAY).active.total == 50
    assert facts.of([row], TODAY + dt.timedelta(days=1)).active.total is None


def test_what_has_no_figure_is_uncounted_whatever_the_reason() -> None:
    without_figure = replace(PLAIN, mme=None)
    without_days = replace(PLAIN, mme=None, days=None)
    without_class = replace(PLAIN, mme=None, classes=("other",), known_class=False)
    sedative = replace(PLAIN, mme=None, classes=("sedative",))
    buprenorphine = replace(PLAIN, mme=None, classes=("buprenorphine",))
    found = facts.of([without_figure, without_days, without_class, sedative, buprenorphine], TODAY)
    assert found.active.total is None
    assert found.active.uncounted == 3
    assert found.buprenorphine_active == 1


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("90", "90"),
        ("90.00", "90"),
        ("89.99", "89.99"),
        ("89.996", "89.99"),
        ("49.999999999999", "50"),
        ("40.714285", "40.71"),
        ("22.5", "22.5"),
        ("0.004", "under 0.01"),
    ],
)
def test_a_dose_below_a_threshold_never_reads_as_the_threshold(value: str, shown: str) -> None:
    assert formats.dose(Decimal(value)) == shown


@given(st.integers(1, 500), st.integers(1, 400), st.integers(1, 90))
def test_parts_of_a_dose_add_up_to_the_whole(whole: int, part: int, of: int) -> None:
    first = (Decimal(whole * part) / of).quantize(Decimal("1e-9"), ROUND_DOWN)
    second = (whole - Decimal(whole * part) / of).quantize(Decimal("1e-9"), ROUND_DOWN)
    assert formats.dose(first + second) == str(whole)


def test_withdrawn_rows_are_in_no_count() -> None:
    found = facts.of([PLAIN, replace(PLAIN, status="entered-in-error")], TODAY)
    assert (found.dispensations, found.voided) == (1, 1)
