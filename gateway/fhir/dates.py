"""Search by date: a prefix and a date or time of any precision become bounds on calendar dates or instants.

FHIR R4, section 3.1.1.4.7 (prefixes) and 3.1.1.5.4 (date). A value stands for the range of time that its
precision leaves open; a stored date stands for that whole day in the jurisdiction's zone, and a value
without a zone is read in that zone. `ne` and `ap` are not served: neither is one window.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from gateway.core.access import Window
from gateway.core.errors import BadRequest, UnknownParameter

PREFIXES = frozenset({"eq", "ge", "le", "gt", "lt", "sa", "eb"})
_UNSERVED_PREFIXES = frozenset({"ne", "ap"})

_VALUE = re.compile(
    r"(\d{4})(?:-(\d{2})(?:-(\d{2})"
    r"(?:T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(Z|[+ -]\d{2}:\d{2})?)?)?)?",
    re.ASCII,
)
_DAY = dt.timedelta(days=1)
# Room for a day before and after, in every zone.
_FIRST_YEAR, _LAST_YEAR = 1000, 9998


@dataclass(frozen=True, slots=True)
class DateValue:
    """One value of a date parameter: its prefix, and the range [start, end) that it stands for."""

    prefix: str
    start: dt.datetime
    end: dt.datetime


def parse(name: str, text: str, zone: ZoneInfo) -> DateValue:
    """Return the value in `text`; `name` is the parameter's. Raises BadRequest, UnknownParameter."""
    prefix, rest = ("eq", text) if text[:1].isdigit() else (text[:2].lower(), text[2:])
    if prefix in _UNSERVED_PREFIXES:
        raise UnknownParameter(f"{name}: the prefix {prefix} is not served.")
    match = _VALUE.fullmatch(rest)
    if prefix not in PREFIXES or match is None:
        raise BadRequest(f"{name} must be a date or dateTime, with one of the prefixes eq ge le gt lt sa eb.")
    try:
        start, end = _range(match, zone)
    except (ValueError, OverflowError):
        raise BadRequest(f"{name}: there is no such date or time.") from None
    return DateValue(prefix, start, end)


def window(values: Iterable[DateValue], zone: ZoneInfo) -> Window:
    """Return the calendar dates that satisfy every value, both ends included; start > end: none does."""
    start: dt.date | None = None
    end: dt.date | None = None
    for value in values:
        low, high = _days(value, zone)
        if low is not None and (start is None or low > start):
            start = low
        if high is not None and (end is None or high < end):
            end = high
    return Window(start, end)


def instants(values: Iterable[DateValue]) -> tuple[dt.datetime | None, dt.datetime | None]:
    """Return the instants that satisfy every value: inclusive lower and exclusive upper bound."""
    lower: dt.datetime | None = None
    upper: dt.datetime | None = None
    for value in values:
        low = {"eq": value.start, "ge": value.start, "gt": value.end, "sa": value.end}.get(value.prefix)
        high = {"eq": value.end, "le": value.end, "lt": value.start, "eb": value.start}.get(value.prefix)
        if low is not None and (lower is None or low > lower):
            lower = low
        if high is not None and (upper is None or high < upper):
            upper = high
    return lower, upper


def _days(value: DateValue, zone: ZoneInfo) -> tuple[dt.date | None, dt.date | None]:
    """Return the inclusive bounds on days [d, d+1) that one value admits."""
    start, end = value.start.astimezone(zone), value.end.astimezone(zone)
    # Days that lie wholly at or after `start`, and wholly before `end`.
    first_inside = start.date() if _is_midnight(start) else start.date() + _DAY
    last_inside = end.date() - _DAY
    # The last day that begins before `start`; the first day that ends after `end`.
    last_before = start.date() - _DAY if _is_midnight(start) else start.date()
    first_after = end.date()
    match value.prefix:
        case "eq":
            return first_inside, last_inside
        case "ge":
            # A day qualifies that overlaps what lies above, or that the value contains.
            return (first_inside if first_inside <= last_inside else first_after), None
        case "gt":
            return first_after, None
        case "sa":
            return (end.date() if _is_midnight(end) else end.date() + _DAY), None
        case "le":
            return None, (last_inside if first_inside <= last_inside else last_before)
        case "lt":
            return None, last_before
        case _:
            return None, start.date() - _DAY


def _range(match: re.Match[str], zone: ZoneInfo) -> tuple[dt.datetime, dt.datetime]:
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    if not _FIRST_YEAR <= int(year) <= _LAST_YEAR:
        raise ValueError("no such year")
    if month is None:
        return _midnight(int(year), 1, 1, zone), _midnight(int(year) + 1, 1, 1, zone)
    if day is None:
        days = calendar.monthrange(int(year), int(month))[1]
        start = dt.date(int(year), int(month), 1)
        after = start + dt.timedelta(days=days)
        return _midnight(start.year, start.month, 1, zone), _midnight(after.year, after.month, 1, zone)
    date = dt.date(int(year), int(month), int(day))
    if hour is None:
        after = date + _DAY
        return (
            _midnight(date.year, date.month, date.day, zone),
            _midnight(after.year, after.month, after.day, zone),
        )
    micros = int((fraction or "").ljust(6, "0")[:6])
    clock = dt.time(int(hour), int(minute), int(second or 0), micros)
    moment = dt.datetime.combine(date, clock, tzinfo=_offset(offset, zone)).astimezone(dt.UTC)
    if second is None:
        return moment, moment + dt.timedelta(minutes=1)
    if fraction is None:
        return moment, moment + dt.timedelta(seconds=1)
    return moment, moment + dt.timedelta(microseconds=10 ** max(6 - len(fraction), 0))


def _offset(text: str | None, zone: ZoneInfo) -> dt.tzinfo:
    if text is None:
        return zone
    if text == "Z":
        return dt.UTC
    hours, minutes = int(text[1:3]), int(text[4:6])
    if hours > 14 or minutes > 59:
        raise ValueError("no such offset")
    delta = dt.timedelta(hours=hours, minutes=minutes)
    # An unencoded plus sign in a query string arrives as a space.
    return dt.timezone(-delta if text[0] == "-" else delta)


def _midnight(year: int, month: int, day: int, zone: ZoneInfo) -> dt.datetime:
    return dt.datetime(year, month, day, tzinfo=zone).astimezone(dt.UTC)


def _is_midnight(moment: dt.datetime) -> bool:
    return moment.timetz().replace(tzinfo=None) == dt.time(0)
