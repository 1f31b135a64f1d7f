"""Morphine equivalents of one dispensation: the published examples, the edges, and exactness."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clinical.drug import Drug
from gateway.clinical.mme import Dose, MmeTable, Part, Uncounted, of_compound, of_product
from gateway.mapping import mme_tables
from gateway.mapping.sources import Sources
from tests.mapping.shapes import FOLDER, mappings

# Products of the drug table.
OXYCODONE_5 = "76420076301"
HYDROCODONE_10 = "00406012501"
METHADONE_10 = "00054457125"
METHADONE_LIQUID = "00054039268"
MORPHINE_15 = "00054023524"
MORPHINE_LIQUID = "00054023749"
TRAMADOL_50 = "00093005801"
FENTANYL_25 = "00378912198"
FENTANYL_50 = "00378912298"
FENTANYL_LOZENGE = "00093786665"
BUPRENORPHINE = "00054018913"
BUPRENORPHINE_PATCH = "00093365640"
BUTORPHANOL_SPRAY = "00054309036"
ALPRAZOLAM = "00228203110"
CODEINE_BUTALBITAL = "00591322001"
HYDROMORPHONE_SUPPOSITORY = "00574722406"


@cache
def table(name: str = "CDC 2022") -> MmeTable:
    return mme_tables.load(Sources(FOLDER), name)


def drug(ndc: str) -> Drug:
    return mappings().drugs[ndc]


def dose(ndc: str, quantity: str, days: int, unit: str = "01", by: str = "CDC 2022") -> Dose:
    return of_product(table(by), Part(drug(ndc), Decimal(quantity), unit), days)


def of_strength(ndc: str, strength: int) -> Drug:
    """A product like `ndc`, of another strength of its only substance."""
    known = drug(ndc)
    return replace(known, substances=(replace(known.substances[0], strength=Fraction(strength)),))


HYDROMORPHONE_4 = next(
    d.ndc11
    for d in mappings().drugs.values()
    if [(s.name, s.strength) for s in d.substances] == [("hydromorphone", 4)] and d.route == "oral"
)


@pytest.mark.parametrize(
    ("ndc", "quantity", "days", "unit", "expected"),
    [
        (OXYCODONE_5, "120", 30, "01", "30"),
        (HYDROCODONE_10, "90", 30, "01", "30"),
        (HYDROMORPHONE_4, "60", 15, "01", "80"),
        (METHADONE_10, "90", 30, "01", "141"),
        (FENTANYL_25, "10", 30, "01", "60"),
        (FENTANYL_50, "10", 30, "01", "120"),
        (TRAMADOL_50, "120", 30, "01", "40"),
        (METHADONE_LIQUID, "8", 1, "02", "376"),
        (MORPHINE_LIQUID, "629.93", 14, "02", "89.99"),
        (MORPHINE_LIQUID, "174.965", 7, "02", "49.99"),
        (MORPHINE_15, "180", 30, "01", "90"),
        (HYDROCODONE_10, "150", 30, "01", "50"),
        (CODEINE_BUTALBITAL, "30", 5, "01", "27"),
        (HYDROMORPHONE_SUPPOSITORY, "12", 3, "01", "60"),
    ],
)
def test_published_examples_come_out_to_the_digit(
    ndc: str, quantity: str, days: int, unit: str, expected: str
) -> None:
    result = dose(ndc, quantity, days, unit)
    assert result.per_day == Fraction(expected)
    assert (result.table, result.reason) == ("CDC 2022", None)


@pytest.mark.parametrize(
    ("ndc", "quantity", "days", "expected"),
    [
        (HYDROMORPHONE_4, "60", 15, "64"),
        (METHADONE_10, "90", 30, "240"),  # 30 mg a day: the second band
        (METHADONE_10, "60", 30, "80"),  # 20 mg a day: still the first
        (METHADONE_10, "120", 30, "320"),  # 40: still the second
        (METHADONE_10, "180", 30, "600"),  # 60: still the third
        (METHADONE_10, "181", 30, "724"),  # above 60
        (TRAMADOL_50, "120", 30, "20"),
    ],
)
def test_the_older_table_gives_its_own_numbers_and_its_own_name(
    ndc: str, quantity: str, days: int, expected: str
) -> None:
    result = dose(ndc, quantity, days, by="CDC 2016")
    assert (result.per_day, result.table) == (Fraction(expected), "CDC 2016")


def test_two_opioids_that_add_up_to_fifty_do() -> None:
    hydromorphone_2 = of_strength(HYDROMORPHONE_4, 2)
    first = of_product(table(), Part(hydromorphone_2, Decimal(57), "01"), 14)
    second = dose(TRAMADOL_50, "13", 14)
    assert first.per_day is not None
    assert second.per_day is not None
    assert first.per_day + second.per_day == 50
    assert 2 * (57 / 14) * 5 + 50 * (13 / 14) * 0.2 != 50


@pytest.mark.parametrize("quantity", ["1", "10", "15"])
@pytest.mark.parametrize("days", [1, 30, 90])
def test_a_patch_is_its_strength_whatever_the_quantity_and_the_days(quantity: str, days: int) -> None:
    result = dose(FENTANYL_25, quantity, days)
    assert (result.per_day, result.patch) == (60, 25)


@pytest.mark.parametrize(
    ("quantity", "days", "expected"), [("10", 30, "60"), ("15", 30, "90"), ("5", 30, "30")]
)
def test_the_older_table_counts_each_patch(quantity: str, days: int, expected: str) -> None:
    result = dose(FENTANYL_25, quantity, days, by="CDC 2016")
    assert (result.per_day, result.patch) == (Fraction(expected), 25)


def test_only_patches_carry_a_strength_an_hour() -> None:
    assert dose(OXYCODONE_5, "120", 30).patch is None


@pytest.mark.parametrize(
    ("ndc", "quantity", "days", "unit", "reason"),
    [
        (BUPRENORPHINE, "60", 30, "01", Uncounted.EXCLUDED),
        (BUPRENORPHINE_PATCH, "4", 28, "01", Uncounted.EXCLUDED),
        (ALPRAZOLAM, "60", 30, "01", Uncounted.NOT_OPIOID),
        (FENTANYL_LOZENGE, "30", 30, "01", Uncounted.NO_FACTOR),
        (BUTORPHANOL_SPRAY, "1", 30, "02", Uncounted.NO_FACTOR),
        (OXYCODONE_5, "120", 0, "01", Uncounted.NO_DAYS_SUPPLY),
        (OXYCODONE_5, "0", 30, "01", Uncounted.NO_QUANTITY),
        (FENTANYL_25, "10", 0, "01", Uncounted.NO_DAYS_SUPPLY),
        (FENTANYL_25, "0", 30, "01", Uncounted.NO_QUANTITY),
        (MORPHINE_LIQUID, "1", 30, "01", Uncounted.UNIT_MISMATCH),
        (OXYCODONE_5, "120", 30, "02", Uncounted.UNIT_MISMATCH),
        (OXYCODONE_5, "120", 30, "03", Uncounted.UNIT_MISMATCH),
    ],
)
def test_what_cannot_be_counted_is_unknown_with_its_reason(
    ndc: str, quantity: str, days: int, unit: str, reason: Uncounted
) -> None:
    result = dose(ndc, quantity, days, unit)
    assert (result.per_day, result.reason, result.table) == (None, reason, "CDC 2022")


def test_an_unknown_drug_is_unknown() -> None:
    result = of_product(table(), Part(None, Decimal(30), "01"), 30)
    assert (result.per_day, result.reason) == (None, Uncounted.UNKNOWN_DRUG)


def test_an_injection_has_no_factor() -> None:
    injected = replace(drug(MORPHINE_LIQUID), route="injection")
    result = of_product(table(), Part(injected, Decimal(10), "02"), 5)
    assert result.reason is Uncounted.NO_FACTOR


def test_a_strength_that_no_source_names_is_unknown() -> None:
    known = drug(OXYCODONE_5)
    vague = replace(known, substances=(replace(known.substances[0], strength=None),))
    assert of_product(table(), Part(vague, Decimal(10), "01"), 5).reason is Uncounted.NO_STRENGTH


def test_a_unit_that_was_not_reported_is_the_products_own() -> None:
    assert dose(OXYCODONE_5, "120", 30, "").per_day == 30
    assert dose(MORPHINE_LIQUID, "175", 7, "").per_day == 50


def part(ndc: str, quantity: str, unit: str) -> Part:
    return Part(mappings().drugs.get(ndc), Decimal(quantity), unit)


def test_a_compound_counts_its_opioids_and_takes_the_unknown_for_a_vehicle() -> None:
    methadone = [part(METHADONE_LIQUID, "30", "02"), part("38779999908", "270", "02")]
    assert of_compound(table(), methadone, 30).per_day == 47
    suppository = [part(MORPHINE_15, "30", "01"), part("00378245701", "30", "01")]
    assert of_compound(table(), suppository, 10).per_day == 45


@pytest.mark.parametrize(
    ("parts", "days", "reason"),
    [
        ([], 10, Uncounted.UNKNOWN_DRUG),
        ([part("38779999908", "270", "02")], 10, Uncounted.UNKNOWN_DRUG),
        ([part(ALPRAZOLAM, "30", "01"), part("38779999908", "1", "")], 10, Uncounted.NOT_OPIOID),
        ([part(BUPRENORPHINE, "30", "01")], 10, Uncounted.EXCLUDED),
        ([part(MORPHINE_15, "30", "03")], 10, Uncounted.UNIT_MISMATCH),
        ([part(MORPHINE_15, "30", "01")], 0, Uncounted.NO_DAYS_SUPPLY),
        ([part(FENTANYL_25, "1", "01")], 10, Uncounted.NO_FACTOR),
        ([part(MORPHINE_15, "30", "01"), part(FENTANYL_25, "1", "01")], 10, Uncounted.NO_FACTOR),
    ],
)
def test_a_compound_that_cannot_be_counted_is_unknown_with_its_reason(
    parts: list[Part], days: int, reason: Uncounted
) -> None:
    result = of_compound(table(), parts, days)
    assert (result.per_day, result.reason) == (None, reason)


quantities = st.decimals(min_value="0.001", max_value="99999", places=3)
supplies = st.integers(min_value=1, max_value=999)


@given(quantity=quantities, days=supplies)
def test_a_dose_is_proportional_to_quantity_and_inverse_to_days(quantity: Decimal, days: int) -> None:
    one = of_product(table(), Part(drug(OXYCODONE_5), quantity, "01"), days).per_day
    twice = of_product(table(), Part(drug(OXYCODONE_5), quantity * 2, "01"), days).per_day
    halved = of_product(table(), Part(drug(OXYCODONE_5), quantity, "01"), days * 2).per_day
    assert one is not None
    assert twice == one * 2
    assert halved == one / 2
    assert one * days == Fraction(quantity) * 5 * Fraction(3, 2)


@given(quantity=quantities, parts=st.integers(min_value=2, max_value=9), days=supplies)
def test_a_compound_of_equal_portions_is_the_whole(quantity: Decimal, parts: int, days: int) -> None:
    portions = [Part(drug(MORPHINE_15), quantity, "01")] * parts
    whole = of_product(table(), Part(drug(MORPHINE_15), quantity * parts, "01"), days)
    assert of_compound(table(), portions, days).per_day == whole.per_day


@given(
    ndc=st.sampled_from(sorted(mappings().drugs)),
    quantity=st.decimals(min_value=0, max_value=99999, places=2),
    days=st.integers(min_value=0, max_value=999),
    unit=st.sampled_from(["", "01", "02", "03"]),
)
def test_every_product_has_a_positive_dose_or_a_reason(
    ndc: str, quantity: Decimal, days: int, unit: str
) -> None:
    result = of_product(table(), Part(drug(ndc), quantity, unit), days)
    assert (result.per_day is None) != (result.reason is None)
    assert result.per_day is None or result.per_day > 0
