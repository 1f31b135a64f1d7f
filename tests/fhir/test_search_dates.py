"""Date parameters against the words of FHIR R4, section 3.1.1.4.7, written out as ranges."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.access import Window
from gateway.core.errors import BadRequest
from gateway.fhir import dates

ZONE = ZoneInfo("America/New_York")
TODAY = dt.date(2026, 11, 20)
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
        "ne": not contained,
        "ap": low < value.end and high > value.start,
        "gt": overlaps_above,
        "lt": overlaps_below,
        "ge": overlaps_above or contained,
        "le": overlaps_below or contained,
        "sa": low >= value.end,
        "eb": high <= value.start,
    }[value.prefix]


def admits(values: list[dates.DateValue], day: dt.date) -> bool:
    window, out = dates.window(values, ZONE), dates.left_out(values, ZONE)
    inside = (window.start is None or day >= window.start) and (window.end is None or day <= window.end)
    return inside and not any(low <= day <= high for low, high in out)


@given(prefixes, values(), days)
def test_a_window_admits_exactly_the_days_that_the_specification_says(
    prefix: str, text: str, day: dt.date
) -> None:
    value = dates.parse("whenprepared", prefix + text, ZONE, TODAY)
    near = [value.start.astimezone(ZONE).date(), value.end.astimezone(ZONE).date()]
    for probe in [day, *(edge + n * DAY for edge in near for n in (-2, -1, 0, 1, 2))]:
        assert admits([value], probe) == satisfies(probe, value), probe


@given(st.lists(st.tuples(prefixes, values()), max_size=4), days)
def test_repeated_values_all_have_to_be_satisfied(sent: list[tuple[str, str]], day: dt.date) -> None:
    parsed = [dates.parse("whenprepared", prefix + text, ZONE, TODAY) for prefix, text in sent]
    assert admits(parsed, day) == all(satisfies(day, value) for value in parsed)


@given(prefixes, values(), instants)
def test_an_instant_is_admitted_as_a_point_in_time(prefix: str, text: str, at: dt.datetime) -> None:
    value = dates.parse("_lastUpdated", prefix + text, ZONE, TODAY)
    lower, upper = dates.instants([value])
    out = dates.instants_left_out([value])
    for probe in (
        at.replace(tzinfo=dt.UTC),
        value.start,
        value.end,
        value.end - dt.timedelta(microseconds=1),
    ):
        inside = value.start <= probe < value.end
        expected = {
            "eq": inside,
            "ap": inside,
            "ne": not inside,
            "ge": probe >= value.start,
            "gt": probe >= value.end,
            "sa": probe >= value.end,
            "le": probe < value.end,
            "lt": probe < value.start,
            "eb": probe < value.start,
        }[prefix]
        admitted = (lower is None or probe >= lower) and (upper is None or probe < upper)
        assert (admitted and not any(low <= probe < high for low, high in out)) == expected


def test_no_prefix_means_equal() -> None:
    assert dates.window([dates.parse("whenprepared", "2026-02", ZONE, TODAY)], ZONE) == Window(
        dt.date(2026, 2, 1), dt.date(2026, 2, 28)
    )


def test_an_unencoded_plus_sign_is_understood() -> None:
    sent = dates.parse("_lastUpdated", "ge2026-02-01T00:00:00 05:30", ZONE, TODAY)
    assert sent == dates.parse("_lastUpdated", "ge2026-02-01T00:00:00+05:30", ZONE, TODAY)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("ap2026-11-20", dt.date(2026, 11, 20), dt.date(2026, 11, 20)),
        ("ap2026-11-10", dt.date(2026, 11, 9), dt.date(2026, 11, 11)),
        ("ap2026-12-30", dt.date(2026, 12, 26), dt.date(2027, 1, 3)),
    ],
)
def test_about_a_date_reaches_a_tenth_of_its_distance_from_today(
    text: str, first: dt.date, last: dt.date
) -> None:
    assert dates.window([dates.parse("whenprepared", text, ZONE, TODAY)], ZONE) == Window(first, last)


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
        dates.parse("whenprepared", text, ZONE, TODAY)


@given(st.text(max_size=40))
def test_any_text_is_either_read_or_refused(text: str) -> None:
    try:
        value = dates.parse("whenprepared", text, ZONE, TODAY)
    except BadRequest:
        return
    assert value.start < value.end
    dates.window([value], ZONE)
