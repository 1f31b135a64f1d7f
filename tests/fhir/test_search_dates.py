"""Date parameters against the words of FHIR R4, section 3.1.1.4.7, written out as ranges."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.access import Window
from gateway.core.errors import BadRequest, UnknownParameter
from gateway.fhir import dates

ZONE = ZoneInfo("America/New_York")
DAY = dt.timedelta(days=1)

days = st.dates(dt.date(2025, 10, 1), dt.date(2026, 12, 31))
instants = st.builds(
    lambda day, seconds: moment(day) + dt.timedelta(seconds=seconds), days, st.floats(0, 9e4)
)
prefixes = st.sampled_from(sorted(dates.PREFIXES))


@st.composite
def values(draw: st.DrawFn) -> str:
    day = draw(days)
    precision = draw(st.sampled_from(["year", "month", "day", "minute", "second", "fraction"]))
    if precision == "year":
        return f"{day.year}"
    if precision == "month":
        return f"{day.year}-{day.month:02}"
    if precision == "day":
        return day.isoformat()
    hour = draw(st.sampled_from([0, 0, 3, 5, 12, 23]))
    minute = draw(st.sampled_from([0, 0, 30, 59]))
    second = draw(st.sampled_from([0, 0, 59]))
    zone = draw(st.sampled_from(["", "Z", "-05:00", "+05:30", "-04:00"]))
    text = f"{day.isoformat()}T{hour:02}:{minute:02}"
    if precision != "minute":
        text += f":{second:02}"
    if precision == "fraction":
        text += draw(st.sampled_from([".0", ".123", ".000000", ".999999"]))
    return text + zone


def moment(day: dt.date) -> dt.datetime:
    return dt.datetime(day.year, day.month, day.day, tzinfo=ZONE).astimezone(dt.UTC)


def satisfies(day: dt.date, value: dates.DateValue) -> bool:
    """The sentences of the specification, for a resource whose value is the whole of `day`."""
    low, high = moment(day), moment(day + DAY)
    contained = value.start <= low and high <= value.end
    overlaps_above = high > value.end
    overlaps_below = low < value.start
    return {
        "eq": contained,
        "gt": overlaps_above,
        "lt": overlaps_below,
        "ge": overlaps_above or contained,
        "le": overlaps_below or contained,
        "sa": low >= value.end,
        "eb": high <= value.start,
    }[value.prefix]


def admits(window: Window, day: dt.date) -> bool:
    return (window.start is None or day >= window.start) and (window.end is None or day <= window.end)


@given(prefixes, values(), days)
def test_a_window_admits_exactly_the_days_that_the_specification_says(
    prefix: str, text: str, day: dt.date
) -> None:
    value = dates.parse("whenprepared", prefix + text, ZONE)
    window = dates.window([value], ZONE)
    near = [value.start.astimezone(ZONE).date(), value.end.astimezone(ZONE).date()]
    for probe in [day, *(edge + n * DAY for edge in near for n in (-2, -1, 0, 1, 2))]:
        assert admits(window, probe) == satisfies(probe, value), probe


@given(st.lists(st.tuples(prefixes, values()), max_size=4), days)
def test_repeated_values_all_have_to_be_satisfied(sent: list[tuple[str, str]], day: dt.date) -> None:
    parsed = [dates.parse("whenprepared", prefix + text, ZONE) for prefix, text in sent]
    assert admits(dates.window(parsed, ZONE), day) == all(satisfies(day, value) for value in parsed)


@given(prefixes, values(), instants)
def test_an_instant_is_admitted_as_a_point_in_time(prefix: str, text: str, at: dt.datetime) -> None:
    value = dates.parse("_lastUpdated", prefix + text, ZONE)
    lower, upper = dates.instants([value])
    for probe in (
        at.replace(tzinfo=dt.UTC),
        value.start,
        value.end,
        value.end - dt.timedelta(microseconds=1),
    ):
        inside = value.start <= probe < value.end
        expected = {
            "eq": inside,
            "ge": probe >= value.start,
            "gt": probe >= value.end,
            "sa": probe >= value.end,
            "le": probe < value.end,
            "lt": probe < value.start,
            "eb": probe < value.start,
        }[prefix]
        assert ((lower is None or probe >= lower) and (upper is None or probe < upper)) == expected


def test_no_prefix_means_equal() -> None:
    assert dates.window([dates.parse("whenprepared", "2026-02", ZONE)], ZONE) == Window(
        dt.date(2026, 2, 1), dt.date(2026, 2, 28)
    )


def test_an_unencoded_plus_sign_is_understood() -> None:
    sent = dates.parse("_lastUpdated", "ge2026-02-01T00:00:00 05:30", ZONE)
    assert sent == dates.parse("_lastUpdated", "ge2026-02-01T00:00:00+05:30", ZONE)


@pytest.mark.parametrize("text", ["ne2026-01-01", "ap2026-01-01"])
def test_prefixes_that_are_no_window_are_refused_as_not_served(text: str) -> None:
    with pytest.raises(UnknownParameter):
        dates.parse("whenprepared", text, ZONE)


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "2026-13",
        "2026-02-30",
        "20260201",
        "2026-02-01T25:00",
        "2026-02-01T10",
        "2026-02-01T10:00:00+99:00",
        "xx2026-02-01",
        "ge",
        "",
        "0000",
        "9999-12-31",
        "2026-2-1",
        "٢٠٢٦",
    ],
)
def test_what_is_no_date_is_a_bad_request(text: str) -> None:
    with pytest.raises(BadRequest):
        dates.parse("whenprepared", text, ZONE)


@given(st.text(max_size=40))
def test_any_text_is_either_read_or_refused(text: str) -> None:
    try:
        value = dates.parse("whenprepared", text, ZONE)
    except (BadRequest, UnknownParameter):
        return
    assert value.start < value.end
    dates.window([value], ZONE)
