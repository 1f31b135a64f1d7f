"""Two spellings of one thing give one key; what says nothing gives none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.match.normalise import (
    address_key,
    fold,
    identifier_key,
    is_filler,
    name_key,
    phone_key,
    suffix_key,
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("Alvarez-Cruz", "Roberto"), ("ALVAREZCRUZ", "ROBERTO")),
        (("Alvarez Cruz", "Roberto"), ("alvarez-cruz", "roberto")),
        (("O'Neil", "Siân"), ("ONEIL", "SIAN")),
        (("Müller", "José"), ("MULLER", "JOSE")),
        (("Sørensen", "Æva"), ("Sorensen", "Aeva")),
    ],
)
def test_spellings_of_one_name_are_one(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert name_key(*one) == name_key(*other)


def test_other_scripts_are_not_lost() -> None:
    assert name_key("Ковалев", "Иван") != name_key("Петров", "Олег")


def test_family_and_given_name_are_not_run_together() -> None:
    assert name_key("Ann", "Marie") != name_key("AnnM", "arie")
    assert name_key("Hatcher", "Nadine") != name_key("Hatcher", "Nadine", "Biscuit")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("8 Vine Street Apt 4", "", "40508"), ("8 VINE ST #4", "", "405081234")),
        (("8 Vine Street", "Apt 4", "40508"), ("8 Vine St., Apt. #4", "", "40508-1234")),
        (("100 North Main Avenue", "", "40508"), ("100 N MAIN AVE", "", "40508")),
    ],
)
def test_spellings_of_one_address_are_one(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    assert address_key(*one) == address_key(*other) != ""


@pytest.mark.parametrize(
    "address",
    [
        ("", "", "40508"),
        ("8 Vine St", "", ""),
        ("HOMELESS", "", "40508"),
        ("Unknown", "", "40508"),
        ("1 A St", "", "00000"),
    ],
)
def test_an_address_that_says_nothing_has_no_key(address: tuple[str, str, str]) -> None:
    assert address_key(*address) == ""


@pytest.mark.parametrize(
    "ssn",
    ["000000000", "999999999", "123456789", "111111111", "123-45-6789", "0", "", "999-70-01", "000004321"],
)
def test_a_dummy_social_security_number_is_none(ssn: str) -> None:
    assert is_filler("07", ssn)


@pytest.mark.parametrize("ssn", ["999700101", "999-70-0101", "900000001"])
def test_the_whole_999_series_is_no_dummy(ssn: str) -> None:
    assert not is_filler("07", ssn)


def test_hyphens_and_case_do_not_matter_in_identifiers() -> None:
    assert identifier_key("07", "999-70-0101") == identifier_key("07", "999700101")
    assert identifier_key("06", "s70-029 001") == identifier_key("06", "S70029001")


def test_generational_suffixes_are_one_however_written() -> None:
    assert suffix_key("Jr.") == suffix_key("JUNIOR") == "JR"
    assert suffix_key("2nd") == suffix_key("II") == "II"


@pytest.mark.parametrize(
    ("phone", "key"),
    [
        ("(859) 555-0102", "8595550102"),
        ("+1 859 555 0102", "8595550102"),
        ("0000000000", ""),
        ("8599999999", ""),
        ("1234567890", ""),
        ("", ""),
    ],
)
def test_telephones_are_ten_digits_or_nothing(phone: str, key: str) -> None:
    assert phone_key(phone) == key


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=12))
def test_any_text_has_keys_and_keys_are_their_own(one: str, other: str, code: str) -> None:
    assert name_key(one, other) == name_key(fold(one), fold(other))
    assert address_key(one, other, code) == address_key(one.upper(), other.upper(), code.upper())
    phone = phone_key(one)
    assert phone_key(phone) == phone
    assert suffix_key(suffix_key(one)) == suffix_key(one)
