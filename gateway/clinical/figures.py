"""Exact figures as text for a sentence. Comparisons are never made on these."""

from __future__ import annotations

from fractions import Fraction


def text(value: Fraction, places: int = 2) -> str:
    """Return `value` with at most so many decimals, cut off and without zeros at the end.

    Cut, not rounded: a dose below a threshold must not be shown as having reached it (89.999 is "89.99").
    """
    scaled = abs(value.numerator) * 10**places // value.denominator
    whole, rest = divmod(scaled, 10**places)
    decimals = str(rest).rjust(places, "0").rstrip("0") if rest else ""
    sign = "-" if value < 0 and scaled else ""
    return f"{sign}{whole}.{decimals}" if decimals else f"{sign}{whole}"
