"""Search by date: a prefix and a date or time of any precision become bounds on calendar dates or instants.

FHIR R4, section 3.1.1.4.7 (prefixes) and 3.1.1.5.4 (date). A value stands for the range of time that its
precision leaves open; a stored date stands for that whole day in the jurisdiction's zone, and a value
without a zone is read in that zone. `ne` is a range left out; `ap` widens the value by a tenth of its
distance from today, as the section recommends, and takes whatever touches it.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from gateway.core.access import Window
from gateway.core.errors import BadRequest

PREFIXES = frozenset({"eq", "ne", "ge", "le", "gt", "lt", "sa", "eb", "ap"})

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


def parse(name: str, text: str, zone: ZoneInfo, today: dt.date) -> DateValue:
    """Return the value in `text`; `name` is the parameter's, `today` what `ap` measures from.

    Raises BadRequest.
    """
    prefix, rest = ("eq", text) if text[:1].isdigit() else (text[:2].lower(), text[2:])
    match = _VALUE.fullmatch(rest)
    if prefix not in PREFIXES or match is None:
        raise BadRequest(
            f"{name} must be a date or dateTime, with one of the prefixes eq ne ge le gt lt sa eb ap."
        )
    try:
        start, end = _range(match, zone)
        if prefix == "ap":
            slack = abs(start - _midnight(today.year, today.month, today.day, zone)) / 10
            start, end = start - slack, end + slack
    except (ValueError, OverflowError):
        raise BadRequest(f"{name}: there is no such date or time.") from None
    return DateValue(prefix, start, end)


def window(values: Iterable[DateValue], zone: ZoneInfo) -> Window:
    """Return the calendar dates that satisfy every value but those of `ne`; start > end: none does."""
    start: dt.date | None = None
    end: dt.date | None = None
    for value in values:
        if value.prefix == "ne":
            continue
        low, high = _days(value, zone)
        if low is not None and (start is None or low > start):
            start = low
        if high is not None and (end is None or high < end):
            end = high
    return Window(start, end)


def left_out(values: Iterable[DateValue], zone: ZoneInfo) -> tuple[tuple[dt.date, dt.date], ...]:
    """Return the calendar dates that the values with `ne` leave out, as ranges with both ends included."""
    ranges = (_days(value, zone) for value in values if value.prefix == "ne")
    return tuple((low, high) for low, high in ranges if low is not None and high is not None and low <= high)


def instants_left_out(values: Iterable[DateValue]) -> tuple[tuple[dt.datetime, dt.datetime], ...]:
    """Return the instants that the values with `ne` leave out: inclusive lower, exclusive upper bounds."""
    return tuple((value.start, value.end) for value in values if value.prefix == "ne")


def instants(values: Iterable[DateValue]) -> tuple[dt.datetime | None, dt.datetime | None]:
    """Return the instants that satisfy every value but those of `ne`: inclusive lower, exclusive upper."""
    lower: dt.datetime | None = None
    upper: dt.datetime | None = None
    for value in values:
        inside = (value.start, value.end)
        low, high = {
            **{"eq": inside, "ap": inside, "ge": (value.start, None), "gt": (value.end, None)},
            **{"sa": (value.end, None), "le": (None, value.end), "lt": (None, value.start)},
            **{"eb": (None, value.start), "ne": (None, None)},
        }[value.prefix]
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
        case "eq" | "ne":
            return first_inside, last_inside
        case "ap":
            # Whatever touches the range: the days that hold its first and its last moment.
            return start.date(), (end.date() - _DAY if _is_midnight(end) else end.date())
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
