"""How dates, numbers and names read on the page. No figure is ever rounded up across a threshold."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Any

from smart_app.computed import pieces


def day(value: dt.date | None) -> str:
    """Return a date as `04 Nov 2026`: no reader takes it for another one."""
    return f"{value:%d %b %Y}" if value else ""


def day_of_text(value: str | None) -> str:
    """Return a FHIR date as `day` does; a partial one as it is."""
    try:
        return day(dt.date.fromisoformat(value or ""))
    except ValueError:
        return value or "not given"


def moment(value: dt.datetime) -> str:
    """Return a time as `20 Nov 2026, 14:05 EST`."""
    return f"{value:%d %b %Y, %H:%M %Z}"


def number(value: Decimal | int | None) -> str:
    """Return a number in full, without empty decimals."""
    if value is None:
        return ""
    text = f"{Decimal(value):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def dose(value: Decimal | None) -> str:
    """Return a dose to two decimals, cut and not rounded up: 89.996 must not read as 90.

    Figures come with a fraction's tail cut at some digit (three sevenths of a dose and four sevenths of it
    add up to 0.999999): that tail is rounded away first.
    """
    if value is None:
        return ""
    exact = value.quantize(Decimal("0.000001"), ROUND_HALF_UP)
    shown = number(exact.quantize(Decimal("0.01"), ROUND_DOWN))
    return "under 0.01" if shown == "0" and value > 0 else shown


def exact(value: Decimal | None) -> str:
    """Return an exact figure to two decimals, cut: 89.999 stands below 90 whatever its digits."""
    if value is None:
        return ""
    shown = number(value.quantize(Decimal("0.01"), ROUND_DOWN))
    return "under 0.01" if shown == "0" and value > 0 else shown


def phone(value: str | None) -> str:
    """Return a ten-digit number as `859-555-0102`; any other as it is."""
    digits = "".join(c for c in value or "" if c.isdigit())
    return f"{digits[:3]}-{digits[3:6]}-{digits[6:]}" if len(digits) == 10 else (value or "")


def count(value: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun."""
    return f"{value or 'no'} {one if value == 1 else many or one + 's'}"


def lower_first(value: str) -> str:
    """Return a text as it stands inside a line; a proper name keeps its capital."""
    return value if value.startswith(("Medic", "Indian", "VA")) else value[:1].lower() + value[1:]


def ago(value: dt.date | None, today: dt.date) -> str:
    """Return how many days before `today` it was."""
    if value is None:
        return ""
    days = (today - value).days
    return {0: "today", 1: "yesterday"}.get(days, f"{days} days ago" if days > 0 else f"in {-days} days")


FILTERS: dict[str, Callable[..., Any]] = {
    "day": day,
    "day_of_text": day_of_text,
    "moment": moment,
    "number": number,
    "dose": dose,
    "exact": exact,
    "pieces": pieces,
    "phone": phone,
    "count": count,
    "lower_first": lower_first,
    "ago": ago,
}
