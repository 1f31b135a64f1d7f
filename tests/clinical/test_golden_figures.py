"""Every clinical figure in the sample files' notes and truth, computed from the records."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from gateway.clinical.alerts import Alert
from gateway.clinical.classes import DrugClass
from gateway.clinical.curve import Curve, morphine_curve, on, reaching
from gateway.clinical.mme import Uncounted
from gateway.clinical.overlap import Pattern, overlaps
from gateway.clinical.picture import Picture, picture
from gateway.clinical.refills import early_fills
from gateway.clinical.runs import Run
from gateway.clinical.supplies import Starts, fills, supplies
from tests.clinical.people import TODAY, first_names, history, label, people, rules, truth
from tests.mapping.shapes import mappings

YEAR = Run(dt.date(2025, 11, 21), TODAY)
NUMBERED = ("17", "18a", "25", "26", "27", "30")


def whole(name: str, who: str) -> Picture:
    return picture(people(name)[who], rules(), YEAR)


def only(name: str) -> Picture:
    (rows,) = people(name).values()
    return picture(rows, rules(), YEAR)


def curve(name: str, who: str) -> Curve:
    return morphine_curve(history(name, who), mappings().mme.name)


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def runs(listed: Iterable[dict[str, Any]]) -> tuple[Run, ...]:
    return tuple(Run(day(run["from"]), day(run["to"])) for run in listed)


def codes(found: Picture) -> set[str]:
    return {alert.code for alert in found.alerts}


def alert(found: Picture, code: str) -> Alert:
    (one,) = [a for a in found.alerts if a.code == code]
    return one


def rx(found: Picture, ids: Iterable[str]) -> list[str]:
    wanted = set(ids)
    return [s.row.rx_number for s in found.supplies if s.id in wanted]


@pytest.mark.parametrize("name", NUMBERED)
def test_daily_doses_are_the_runs_of_the_truth_to_the_digit(name: str) -> None:
    numbers = truth(name)["numbers"]
    for person, first in first_names(name).items():
        wanted = [
            (day(run["from"]), day(run["to"]), Fraction(run["mme"]))
            for run in numbers.get(person, {}).get("daily_mme", ())
        ]
        assert [(run.first, run.last, run.per_day) for run in curve(name, first).days] == wanted


@pytest.mark.parametrize("name", NUMBERED)
def test_last_days_of_supply_are_those_of_the_truth(name: str) -> None:
    for person, first in first_names(name).items():
        wanted = truth(name)["numbers"].get(person, {}).get("last_day_of_supply")
        if wanted is not None:
            found = {label(s.row): s.last.isoformat() for s in history(name, first) if s.last}
            assert found == wanted


TRUTH_NAMES = {
    "opioid+gabapentin": Pattern.OPIOID_GABAPENTINOID,
    "all four": Pattern.ALL_FOUR,
}


@pytest.mark.parametrize("name", ["25", "26"])
def test_overlaps_are_the_runs_of_the_truth(name: str) -> None:
    for person, patterns in truth(name)["overlap"].items():
        together = overlaps(history(name, first_names(name)[person]))
        for words, wanted in patterns.items():
            found = together.of(TRUTH_NAMES.get(words) or Pattern(words))
            assert (found.days, found.runs) == (wanted["days"], runs(wanted["runs"]))


@pytest.mark.parametrize("name", ["01", "02", "03", "04", "12", "13", "17", "18a", "25", "26", "27", "30"])
def test_prescribers_and_dispensers_are_as_many_as_the_truth_says(name: str) -> None:
    for person in truth(name)["patients"]:
        first = "Biscuit" if person["person"] == "biscuit" else person["first"]
        found = whole(name, first).providers
        assert len(found.prescribers) == person["prescribers"]
        assert len(found.dispensers) == person["pharmacies"]


def test_01_opioid_and_benzodiazepine_lie_together_from_the_first_day_to_the_last() -> None:
    found, wanted = only("01"), truth("01")
    assert found.overlaps.of(Pattern.OPIOID_BENZODIAZEPINE).runs == runs([wanted["overlap"]])
    assert found.mme_today.total == wanted["mme_on_2026-11-20"] == 60
    assert found.mme_today.considered == 1
    alprazolam = [
        c.per_day for s in found.supplies if s.covers(TODAY) for c in s.row.makeup.contents
        if c.drug_class is DrugClass.BENZODIAZEPINE
    ]  # fmt: skip
    assert alprazolam == [2]
    (early,) = found.early_fills
    assert (early.days_early, rx(found, early.rows), rx(found, early.before)) == (2, ["5010005"], ["5010004"])
    assert early_fills(found.supplies, 3) == ()
    warned = alert(found, "opioid+benzodiazepine")
    assert (warned.category.value, warned.is_on(TODAY)) == ("04", True)
    assert rx(found, warned.rows) == ["5010002", "5010004", "5010003", "5010005"]


def test_02_six_prescribers_and_six_pharmacies_meet_both_published_rules() -> None:
    found = only("02")
    for code in ("providers-5-5-90-days", "providers-6-6-6-months"):
        warned = alert(found, code)
        assert warned.category.value == "03"
        assert len(warned.rows) == 6
        assert warned.runs == (Run(dt.date(2026, 9, 1), dt.date(2026, 11, 10)),)
        assert warned.runs[0].days == 71
    values = sorted({run.per_day for run in found.mme.days})
    assert values == [40, 80]
    assert [run.first for run in found.mme.days if run.per_day == 80] == [
        day(text) for text in ("2026-09-15", "2026-09-29", "2026-10-13", "2026-10-27", "2026-11-10")
    ]
    assert all(run.first == run.last for run in found.mme.days if run.per_day == 80)
    (doubled,) = found.doublings
    assert (doubled.substance, doubled.two_strengths, len(doubled.runs)) == ("hydrocodone", False, 5)


def test_03_methadone_and_patch_add_up_and_the_patch_is_not_multiplied() -> None:
    found = only("03")
    assert found.mme_today.total == truth("03")["mme_on_2026-11-20"] == 261
    assert [(run.first, run.last, run.per_day) for run in found.mme.days] == [
        (dt.date(2026, 10, 7), dt.date(2026, 11, 5), 141),
        (dt.date(2026, 11, 6), dt.date(2026, 12, 5), 261),
    ]
    assert found.mme.table == found.mme_today.table == "CDC 2022"
    assert {a.table for a in found.alerts if a.code.startswith("mme")} == {"CDC 2022"}
    assert found.hurried_patches == ()
    (start,) = found.naive_starts
    assert (rx(found, [start.dispensation_id]), start.lookback) == (["5030001"], 90)


def test_04_parts_are_no_early_refills_and_overlap_on_one_day() -> None:
    found = only("04")
    oxycodone = [d for d in found.doublings if d.substance == "oxycodone"]
    assert [d.runs for d in oxycodone] == [(Run(dt.date(2026, 11, 16), dt.date(2026, 11, 16)),)]
    assert found.early_fills == ()
    assert [sum(part.row.quantity for part in fill.parts) for fill in fills(found.supplies)] == [120, 60]


def test_12_a_compound_counts_by_its_ingredients_and_can_overlap_with_itself() -> None:
    hazel, clyde = whole("12", "Hazel"), whole("12", "Clyde")
    assert (hazel.mme_today.total, clyde.mme_today.total) == (47, 45)
    assert clyde.overlaps.of(Pattern.OPIOID_BENZODIAZEPINE).days == 10
    assert hazel.overlaps.found == ()
    warned = alert(clyde, "opioid+benzodiazepine")
    assert warned.care_reported == warned.rows  # hospice, DSP24 05
    assert "end-of-life" in warned.exclusions[0]


def test_13_the_dogs_opioid_is_not_its_owners() -> None:
    assert whole("13", "Nadine").alerts == ()
    assert whole("13", "Nadine").mme.days == ()
    assert whole("13", "Biscuit").mme_peak is not None


def test_17_buprenorphine_is_listed_and_never_counted() -> None:
    found = whole("17", "Cletus")
    assert [(rx(found, [n.dispensation_id]), n.reason) for n in found.mme.not_counted] == [
        (["5170009"], Uncounted.EXCLUDED)
    ]
    assert found.mme.considered == 3
    assert found.overlaps.of(Pattern.OPIOID_TWICE).days == 0
    assert whole("17", "Myrtle").overlaps.of(Pattern.Z_DRUG).days == 28


def test_18a_a_sale_that_was_not_reported_is_said_and_not_made_up() -> None:
    sold = truth("18a")["sold"]
    for first in first_names("18a").values():
        for one in history("18a", first):
            reported = sold[one.row.rx_number]
            assert one.pick_up_reported == (reported is not None)
            assert one.first == (day(reported) if reported else one.row.filled_on)
    filled = supplies(people("18a")["Verna"], Starts.FILLED)
    assert all(one.first == one.row.filled_on for one in filled)
    assert whole("18a", "Burley").stimulants.on(dt.date(2026, 11, 14)) == {"methylphenidate": 30}
    assert whole("18a", "Burley").stimulants.on(dt.date(2026, 11, 15)) == {}


def test_25_take_home_doses_are_named_beside_the_figure_and_not_moved() -> None:
    jolene, alvin = whole("25", "Jolene"), whole("25", "Alvin")
    (first,), (second,) = jolene.take_homes, alvin.take_homes
    assert (first.day, len(first.rows), first.count) == (dt.date(2026, 11, 14), 2, 1)
    assert (second.day, len(second.rows), second.count) == (dt.date(2026, 11, 10), 3, 2)
    assert rx(jolene, first.named) + rx(alvin, second.named) == truth("25")["take_home"]
    assert on(jolene.mme, first.day) == 752
    assert on(alvin.mme, second.day) == 1128
    for found in (jolene, alvin):
        assert found.early_fills == ()
        assert "opioid-twice" not in codes(found)
        assert "take home" in alert(found, "mme-90").exclusions[-1]
    assert {a.restrictions for a in jolene.alerts} == {frozenset({"part2"})}
    open_rows = [row for row in people("25")["Jolene"] if row.restriction is None]
    assert picture(open_rows, rules(), YEAR).alerts == ()


def test_26_four_drugs_are_named_and_only_the_opioid_has_a_dose() -> None:
    found = only("26")
    assert found.mme.considered == 2
    assert found.mme.not_counted == ()
    assert found.mme_today.total == 40
    (early,) = found.early_fills
    assert early.days_early == 2
    assert {"opioid+benzodiazepine", "opioid+gabapentinoid", "opioid-twice"} <= codes(found)


def test_27_thresholds_are_at_or_above_on_the_exact_figure() -> None:
    names = first_names("27")
    for limit in (50, 90):
        for person, reached in truth("27")[f"at_or_above_{limit}"].items():
            assert bool(reaching(curve("27", names[person]), Fraction(limit))) is reached
            assert (f"mme-{limit}" in codes(whole("27", names[person]))) is reached
    assert "89.99" in alert(whole("27", names["below-ninety"]), "mme-50").finding


def test_30_three_visits_are_one_fill_with_a_level_curve() -> None:
    found = whole("30", "Russell")
    together = {
        (fill.parts[0].row.rx_number, fill.parts[0].row.fill_number): fill for fill in fills(found.supplies)
    }
    for number, wanted in truth("30")["parts"].items():
        fill = together[number, 0]
        assert len(fill.parts) == wanted["visits"]
        assert sum(part.row.quantity for part in fill.parts) == Decimal(wanted["quantity"])
    assert found.early_fills == ()
    assert found.overlaps.of(Pattern.OPIOID_GABAPENTINOID).days == 30
    gabapentin = {s.row.makeup.schedule for s in found.supplies if s.row.rx_number == "5300002"}
    assert gabapentin == {"V"}
