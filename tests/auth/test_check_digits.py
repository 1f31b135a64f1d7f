"""Check digits of NPI and DEA numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.checkdigits import is_dea, is_npi

digits = st.sampled_from("0123456789")


@given(st.text(alphabet="0123456789", min_size=8, max_size=8), st.sampled_from("12"))
def test_of_ten_last_digits_exactly_one_makes_an_npi(middle: str, first: str) -> None:
    assert sum(is_npi(f"{first}{middle}{last}") for last in "0123456789") == 1


@given(st.text(alphabet="0123456789", min_size=6, max_size=6))
def test_of_ten_last_digits_exactly_one_makes_a_dea_number(middle: str) -> None:
    assert sum(is_dea(f"AB{middle}{last}") for last in "0123456789") == 1


@given(st.integers(0, 8), digits)
def test_one_mistyped_digit_is_no_npi(place: int, digit: str) -> None:
    right = "1234567893"
    wrong = right[:place] + digit + right[place + 1 :]
    assert is_npi(wrong) == (wrong == right)


@pytest.mark.parametrize("text", ["", "1234567890", "3234567893", "123456789", "12345678931", "１234567893"])
def test_what_is_no_npi(text: str) -> None:
    assert not is_npi(text)


@pytest.mark.parametrize(
    "text", ["", "AB1234567", "ab1234563", "1B1234563", "AB1234563-1", "AB12345632", "AB123456"]
)
def test_what_is_no_dea_number(text: str) -> None:
    assert not is_dea(text)


@given(st.text(max_size=12))
def test_no_text_upsets_them(text: str) -> None:
    assert is_npi(text) in (True, False)
    assert is_dea(text) in (True, False)
