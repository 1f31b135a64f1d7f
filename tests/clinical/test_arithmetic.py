"""The edges of each figure, on rows that no sample has."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from fractions import Fraction

import pytest

from gateway.clinical import figures
from gateway.clinical.coverage import coverage, days_since_last_fill, left_today, providers
from gateway.clinical.curve import active, mean, morphine_curve, on, peak, reaching
from gateway.clinical.distance import Point, Whereabouts, distances, miles
from gateway.clinical.doubling import doublings, hurried_patches
from gateway.clinical.episodes import EpisodeRule, Length, episodes
from gateway.clinical.lme import lorazepam_curve, of_row
from gateway.clinical.mme import Uncounted
from gateway.clinical.naive import naive_starts
from gateway.clinical.overlap import Pattern, overlaps
from gateway.clinical.picture import picture
from gateway.clinical.refills import early_fills
from gateway.clinical.runs import Run
from gateway.clinical.stimulants import stimulants
from gateway.clinical.supplies import Starts, supplies, supply
from gateway.clinical.take_home import take_homes
from gateway.mapping import centroids, lme_tables
from gateway.mapping.sources import Sources
from tests.clinical.made_up import (
    ALPRAZOLAM_1,
    BUPRENORPHINE,
    CARISOPRODOL,
    FENTANYL_25,
    FENTANYL_50,
    GABAPENTIN,
    HYDROCODONE_10,
    METHADONE_10,
    OXYCODONE_5,
    OXYCODONE_10,
    TODAY,
    TRAMADOL_50,
    UNKNOWN,
    by_name,
    ids,
    lasting,
    made,
    rules,
)
from tests.mapping.shapes import FOLDER, uid

CDC = "CDC 2022"
DAY = dt.timedelta(1)
NOVEMBER = Run(dt.date(2026, 11, 1), dt.date(2026, 11, 30))


def ago(days: int) -> dt.date:
    return TODAY - dt.timedelta(days)


def test_a_supply_begins_when_it_was_sold_or_filled_as_the_jurisdiction_says() -> None:
    late = made(1, OXYCODONE_5, ago(9), 5, sold=ago(2))
    assert (supply(late, Starts.SOLD).first, supply(late, Starts.SOLD).last) == (ago(2), ago(-2))
    assert (supply(late, Starts.FILLED).first, supply(late, Starts.FILLED).last) == (ago(9), ago(5))
    assert supply(late, Starts.FILLED).pick_up_reported


def test_a_sale_before_the_filling_is_no_day_to_count_from() -> None:
    wrong = replace(made(1, OXYCODONE_5, ago(9)), sold_on=ago(10))
    assert supply(wrong, Starts.SOLD).first == ago(9)
    assert not supply(wrong, Starts.SOLD).pick_up_reported


def test_a_supply_of_no_days_is_listed_and_never_zero() -> None:
    found = lasting(made(1, OXYCODONE_5, ago(3), 0), made(2, UNKNOWN, ago(3)), made(3, GABAPENTIN, ago(3)))
    today = active(found, CDC, TODAY)
    assert today.total is None
    assert [(n.dispensation_id, n.reason) for n in today.not_counted] == [
        (*ids(1), Uncounted.NO_DAYS_SUPPLY),
        (*ids(2), Uncounted.UNKNOWN_DRUG),
    ]
    assert overlaps(found).not_judged == ids(1, 2)
    assert active(lasting(made(3, GABAPENTIN, ago(3))), CDC, TODAY).total == 0


def test_two_of_seven_are_not_counted_and_named() -> None:
    rows = [made(n, OXYCODONE_5, ago(n), 30, "60") for n in range(1, 6)]
    found = lasting(*rows, made(6, BUPRENORPHINE, ago(1)), made(7, UNKNOWN, ago(1)))
    today = active(found, CDC, TODAY)
    assert (today.total, today.considered, len(today.not_counted)) == (75, 7, 2)


def test_the_last_day_of_a_supply_counts_and_the_day_after_does_not() -> None:
    found = lasting(made(1, OXYCODONE_5, ago(29), 30, "120"))
    curve = morphine_curve(found, CDC)
    assert (on(curve, ago(30)), on(curve, ago(29)), on(curve, TODAY), on(curve, ago(-1))) == (0, 30, 30, 0)


def test_peak_and_mean_are_those_of_the_window_with_both_denominators_named() -> None:
    found = lasting(
        made(1, OXYCODONE_5, dt.date(2026, 10, 25), 10, "40"),
        made(2, OXYCODONE_5, dt.date(2026, 11, 30), 30, "240"),
    )
    curve = morphine_curve(found, CDC)
    top = peak(curve, NOVEMBER)
    assert top is not None
    assert (top.first, top.last, top.per_day) == (dt.date(2026, 11, 30), dt.date(2026, 11, 30), 60)
    assert mean(curve, NOVEMBER).over_window == Fraction(3 * 30 + 60, 30)
    assert mean(curve, NOVEMBER).over_covered_days == Fraction(3 * 30 + 60, 4)
    empty = Run(dt.date(2025, 1, 1), dt.date(2025, 1, 31))
    assert peak(curve, empty) is None
    assert (mean(curve, empty).over_window, mean(curve, empty).over_covered_days) == (0, None)


def test_thirds_that_add_up_to_fifty_reach_fifty() -> None:
    rows = [made(n, OXYCODONE_5, ago(1), 3, str(q)) for n, q in ((1, 7), (2, 6), (3, 7))]
    assert reaching(morphine_curve(lasting(*rows), CDC), Fraction(50)) == (Run(ago(1), ago(-1)),)


def test_two_strengths_and_two_patches_add_up_and_are_flagged() -> None:
    found = lasting(
        made(1, OXYCODONE_5, ago(3)),
        made(2, OXYCODONE_10, ago(1)),
        made(3, FENTANYL_25, ago(5), 30, "10"),
        made(4, FENTANYL_50, ago(5), 30, "15"),
    )
    flagged = {d.substance: d for d in doublings(found)}
    assert flagged["oxycodone"].two_strengths
    assert flagged["fentanyl"].two_strengths
    assert flagged["oxycodone"].rows == ids(1, 2)
    assert [(h.dispensation_id, h.days_each) for h in hurried_patches(found)] == [(*ids(4), 2)]
    assert on(morphine_curve(found, CDC), TODAY) == Fraction("7.5") + 15 + 60 + 120


def test_buprenorphine_is_no_opioid_of_an_overlap_but_has_a_line_of_its_own() -> None:
    together = overlaps(lasting(made(1, BUPRENORPHINE, ago(9)), made(2, ALPRAZOLAM_1, ago(4))))
    assert [o.pattern for o in together.found] == [Pattern.BUPRENORPHINE_BENZODIAZEPINE]
    assert together.found[0].days == 25


def test_days_together_are_counted_once_however_many_supplies_cover_them() -> None:
    found = lasting(
        made(1, HYDROCODONE_10, ago(20), 10),
        made(2, HYDROCODONE_10, ago(18), 10),
        made(3, ALPRAZOLAM_1, ago(19), 5),
        made(4, ALPRAZOLAM_1, ago(17), 5),
        made(5, CARISOPRODOL, ago(12), 30),
    )
    together = overlaps(found)
    assert together.of(Pattern.OPIOID_BENZODIAZEPINE).runs == (Run(ago(19), ago(13)),)
    assert together.of(Pattern.OPIOID_BENZODIAZEPINE_CARISOPRODOL).days == 0
    assert together.of(Pattern.OPIOID_CARISOPRODOL).rows == ids(1, 2, 5)
    assert together.of(Pattern.OPIOID_TWICE).runs == (Run(ago(18), ago(11)),)


def test_days_covered_and_gaps_lie_within_the_window() -> None:
    found = lasting(
        made(1, OXYCODONE_5, dt.date(2026, 10, 30), 5),
        made(2, OXYCODONE_5, dt.date(2026, 11, 10), 5),
        made(3, OXYCODONE_5, dt.date(2026, 11, 12), 5),
        made(4, OXYCODONE_5, dt.date(2026, 11, 28), 30),
        made(5, OXYCODONE_5, dt.date(2026, 11, 20), 0),
    )
    seen = coverage(found, NOVEMBER)
    assert seen.covered == (
        Run(dt.date(2026, 11, 1), dt.date(2026, 11, 3)),
        Run(dt.date(2026, 11, 10), dt.date(2026, 11, 16)),
        Run(dt.date(2026, 11, 28), dt.date(2026, 11, 30)),
    )
    assert seen.gaps == (
        Run(dt.date(2026, 11, 4), dt.date(2026, 11, 9)),
        Run(dt.date(2026, 11, 17), dt.date(2026, 11, 27)),
    )
    assert (seen.days, seen.not_judged) == (13, ids(5))


def test_what_is_left_counts_today() -> None:
    found = lasting(made(1, OXYCODONE_5, ago(29), 30, "90"), made(2, OXYCODONE_5, TODAY, 4, "10"))
    assert [(left.days, left.quantity) for left in left_today(found, TODAY)] == [(1, 3), (4, 10)]
    assert days_since_last_fill(found, TODAY) == 0
    assert days_since_last_fill(found, ago(1)) == 28
    assert days_since_last_fill(found, ago(40)) is None


def test_providers_are_those_of_the_window() -> None:
    found = lasting(
        made(1, OXYCODONE_5, dt.date(2026, 10, 31), prescriber_id=uid(50)),
        made(2, OXYCODONE_5, dt.date(2026, 11, 1), prescriber_id=uid(51)),
        made(3, OXYCODONE_5, dt.date(2026, 11, 30), prescriber_id=uid(51), dispenser_id=uid(60)),
    )
    seen = providers(found, NOVEMBER)
    assert (len(seen.prescribers), len(seen.dispensers)) == (1, 2)


def visits(apart: int, count: int = 5, ndc: str = OXYCODONE_5) -> tuple[object, ...]:
    return tuple(
        made(n, ndc, ago(apart * n), 3, prescriber_id=uid(100 + n), dispenser_id=uid(200 + n))
        for n in range(count)
    )


FIVE = EpisodeRule(5, 5, Length(90, "days"))


@pytest.mark.parametrize(("first", "met"), [(89, True), (90, False)])
def test_a_window_of_ninety_days_has_ninety_days(first: int, met: bool) -> None:
    days = [0, 1, 2, 3, first]
    rows = [
        made(n, OXYCODONE_5, ago(day), 3, prescriber_id=uid(100 + n), dispenser_id=uid(200 + n))
        for n, day in enumerate(days)
    ]
    assert bool(episodes(lasting(*rows), FIVE)) is met


def test_a_window_of_six_months_begins_the_day_after_the_same_day() -> None:
    six = Length(6, "months")
    assert six.ending(dt.date(2026, 11, 20)).first == dt.date(2026, 5, 21)
    assert six.ending(dt.date(2026, 8, 31)).first == dt.date(2026, 3, 1)
    assert Length(12, "months").ending(dt.date(2024, 2, 29)).first == dt.date(2023, 3, 1)


def test_episodes_need_both_counts_unless_the_rule_says_either() -> None:
    rows = [made(n, OXYCODONE_5, ago(n), 3, prescriber_id=uid(100 + n)) for n in range(6)]
    assert episodes(lasting(*rows), FIVE) == ()
    (found,) = episodes(lasting(*rows), EpisodeRule(6, 6, Length(6, "months"), either=True))
    assert (found.prescribers, found.dispensers) == (6, 1)


@pytest.mark.parametrize("ndc", [BUPRENORPHINE, ALPRAZOLAM_1, UNKNOWN])
def test_episodes_count_opioids_only(ndc: str) -> None:
    rows = [made(n, ndc, ago(n), 3, prescriber_id=uid(100 + n), dispenser_id=uid(200 + n)) for n in range(6)]
    assert episodes(lasting(*rows), FIVE) == ()


def test_a_fill_on_the_day_after_the_last_is_not_early() -> None:
    first = made(1, OXYCODONE_5, ago(30), 30)
    assert early_fills(lasting(first, made(2, OXYCODONE_5, TODAY, 30))) == ()
    (early,) = early_fills(lasting(first, made(2, OXYCODONE_5, ago(5), 30)), 5)
    assert (early.days_early, early.rows, early.before) == (5, ids(2), ids(1))
    assert early_fills(lasting(first, made(2, OXYCODONE_5, ago(5), 30)), 6) == ()
    with pytest.raises(ValueError, match="early"):
        early_fills((), 0)


def test_another_strength_is_a_change_of_dose_and_no_early_refill() -> None:
    assert early_fills(lasting(made(1, OXYCODONE_5, ago(9)), made(2, OXYCODONE_10, ago(1)))) == ()


def test_the_supply_that_lasts_longest_is_what_was_in_hand() -> None:
    found = lasting(
        made(1, OXYCODONE_5, ago(60), 90),
        made(2, OXYCODONE_5, ago(50), 5),
        made(3, OXYCODONE_5, ago(20), 5),
        made(4, OXYCODONE_5, ago(19), 0),
    )
    assert [(e.rows, e.days_early) for e in early_fills(found)] == [(ids(2), 80), (ids(3), 50), (ids(4), 49)]


def test_a_long_acting_opioid_is_named_only_where_the_history_reaches_back_far_enough() -> None:
    start = made(1, METHADONE_10, ago(5))
    assert [s.day for s in naive_starts(lasting(start), 90, ago(95))] == [ago(5)]
    assert naive_starts(lasting(start), 90, ago(94)) == ()


@pytest.mark.parametrize(
    ("ndc", "filled", "days", "named"),
    [
        (OXYCODONE_5, 96, 1, True),  # the 91st day before
        (OXYCODONE_5, 95, 1, False),
        (OXYCODONE_5, 120, 26, False),  # its last day is the 90th before
        (OXYCODONE_5, 120, 25, True),
        (BUPRENORPHINE, 40, 7, False),
        (ALPRAZOLAM_1, 40, 7, True),
        (OXYCODONE_5, 5, 7, True),  # the same day is no history
    ],
)
def test_opioid_naive_is_no_opioid_in_the_days_before(ndc: str, filled: int, days: int, named: bool) -> None:
    found = lasting(made(1, METHADONE_10, ago(5)), made(2, ndc, ago(filled), days))
    assert bool(naive_starts(found, 90, ago(400))) is named


def test_what_is_long_acting_is_the_substance_or_the_form() -> None:
    released = by_name("morphine sulfate 15 MG Extended Release Oral Tablet")
    starts = naive_starts(lasting(made(1, released, ago(5))), 90, ago(400))
    assert [s.dispensation_id for s in starts] == [*ids(1)]
    assert naive_starts(lasting(made(1, OXYCODONE_10, ago(5))), 90, ago(400)) == ()
    treated = made(1, METHADONE_10, ago(5), treatment_type="02")
    assert naive_starts(lasting(treated), 90, ago(400)) == ()
    (doubtful,) = naive_starts(lasting(made(1, FENTANYL_25, ago(5)), made(2, UNKNOWN, ago(9))), 90, ago(400))
    assert doubtful.unknown == ids(2)


def test_doses_handed_out_together_are_take_homes_also_without_words() -> None:
    doses = [made(n, METHADONE_10, ago(3), 1, "8", restriction="part2", sig="") for n in range(3)]
    (found,) = take_homes(lasting(*doses))
    assert (found.count, found.named, len(found.rows)) == (2, (), 3)
    assert take_homes(lasting(doses[0])) == ()
    pharmacy = [made(n, METHADONE_10, ago(3), 1, "8") for n in range(3)]
    assert take_homes(lasting(*pharmacy)) == ()


def test_stimulants_are_milligrams_by_ingredient_and_never_converted() -> None:
    mixed = "00115148601"  # four salts of 1.25 mg
    found = lasting(made(1, mixed, ago(3), 30, "60"), made(2, "00115180101", ago(3), 30, "30"))
    assert stimulants(found).on(TODAY) == {"amphetamine": 5, "dextroamphetamine": 5, "methylphenidate": 10}
    nothing = stimulants(lasting(made(3, by_name("methylphenidate"), ago(3), 0)))
    assert (nothing.days, [n.reason for n in nothing.not_counted]) == ({}, [Uncounted.NO_DAYS_SUPPLY])


def test_lorazepam_equivalents_need_a_table_and_carry_its_name() -> None:
    found = lasting(made(1, ALPRAZOLAM_1, ago(3), 30, "60"), made(2, CARISOPRODOL, ago(3)))
    assert lorazepam_curve(found, None) is None
    assert rules().lme is None
    table = lme_tables.load(Sources(FOLDER), "MDCalc-derived")
    curve = lorazepam_curve(found, table)
    assert curve is not None
    assert (on(curve, TODAY), curve.table, curve.considered) == (4, "MDCalc-derived", 2)
    assert [n.reason for n in curve.not_counted] == [Uncounted.NO_FACTOR]
    assert table is not None
    assert of_row(made(3, OXYCODONE_5, ago(3)), table) is None
    diazepam = made(4, by_name("diazepam 10 MG Oral Tablet"), ago(3), 30, "30")
    dose = of_row(diazepam, table)
    assert dose is not None
    assert dose.per_day == Fraction(10, 6)


def test_distances_are_whole_miles_and_only_between_known_zips() -> None:
    assert round(miles(Point(0, 0), Point(0, 1)), 2) == 69.09
    assert miles(Point(38, -84), Point(38, -84)) == 0
    home = centroids.point("41701")
    places = {"near": home, "far": centroids.point("411011234"), "unknown": centroids.point("00000")}
    found = distances(home, places, centroids.table())
    assert [(d.place_id, d.miles) for d in found] == [("far", 86), ("near", 0), ("unknown", None)]
    assert found[0].table.startswith("zipcodes ")
    assert distances(None, places, centroids.table()) == ()
    assert distances(home, {"unknown": None}, centroids.table()) == ()


def test_a_place_that_none_of_the_rows_names_has_no_distance() -> None:
    home = centroids.point("41701")
    shown, hidden = str(uid(201)), str(uid(202))
    where = Whereabouts(home, {shown: home, hidden: centroids.point("41101")}, {hidden: home}, "zipcodes")
    found = picture(
        [made(1, OXYCODONE_5, ago(9), dispenser_id=uid(201))], rules(), Run(ago(90), TODAY), where
    )
    assert [(d.place_id, d.miles) for d in found.to_dispensers] == [(shown, 0)]
    assert found.to_prescribers == ()
    assert picture([], rules(), Run(ago(90), TODAY), where).to_dispensers == ()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("89.99", "89.99"),
        ("89.999", "89.99"),
        ("90", "90"),
        ("0.005", "0"),
        ("1/3", "0.33"),
        ("7.50", "7.5"),
        ("-1.25", "-1.25"),
    ],
)
def test_figures_are_cut_and_never_rounded_up_to_a_threshold(value: str, shown: str) -> None:
    assert figures.text(Fraction(value)) == shown


def test_alerts_look_back_over_their_window_and_ahead_over_what_is_in_hand() -> None:
    def codes(first: int, days: int) -> set[str]:
        rows = [made(1, OXYCODONE_10, ago(first), days, str(4 * days))]
        return {a.code for a in picture(rows, rules(), Run(ago(365), TODAY)).alerts}

    assert codes(99, 10) == set()
    assert codes(99, 11) == {"mme-50"}
    assert codes(0, 30) == {"mme-50"}


def test_an_alert_names_its_rule_source_window_threshold_table_rows_and_exclusions() -> None:
    rows = [
        made(1, OXYCODONE_10, ago(9), 30, "120"),
        made(2, TRAMADOL_50, ago(9), 30, "0"),
        made(3, ALPRAZOLAM_1, ago(9), 30, "30", treatment_type="04"),
    ]
    dose, together = picture(rows, rules(), Run(ago(365), TODAY)).alerts[:2]
    assert (dose.category.value, dose.threshold, dose.unit, dose.table) == ("05", "50", "mg/d", CDC)
    assert (dose.rows, dose.not_counted) == (ids(1), ids(2))
    assert dose.window == Run(ago(89), ago(-20))
    assert "2022" in dose.source
    assert "sickle cell" in dose.exclusions[0]
    assert (together.category.value, together.care_reported) == ("04", ids(3))


def test_without_rules_there_are_no_alerts() -> None:
    silent = replace(rules(), thresholds=None)
    rows = [made(1, OXYCODONE_10, ago(9), 30, "600")]
    found = picture(rows, silent, Run(ago(365), TODAY))
    assert (found.alerts, found.naive_starts) == ((), ())
    assert supplies(rows, Starts.SOLD) == found.supplies
