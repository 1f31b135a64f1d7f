"""One segment against its layout: values, and findings element by element.

A value comes out trimmed, codes with all their digits (`1` is `01`), and empty where it was refused or left
out. Findings never hold a value. Dates are checked here, whatever path was taken.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache

from gateway.ingest.layout import SEPARATOR, Element, SegmentLayout
from gateway.ingest.report import Finding, error, warning

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NUMBER = re.compile(r"[0-9]+\Z")
_DECIMAL = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)\Z")
_TIME = re.compile(r"(?:[01][0-9]|2[0-3])[0-5][0-9](?:[0-5][0-9])?\Z")

Values = tuple[str, ...]


@lru_cache(maxsize=65536)
def date_of(text: str) -> dt.date | None:
    """Return the calendar day of CCYYMMDD, or None when there is no such day."""
    if len(text) != 8 or not _NUMBER.match(text):
        return None
    try:
        return dt.date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


def parse(text: str, layout: SegmentLayout) -> tuple[Values, tuple[Finding, ...]]:
    """Return the values of one segment, as many as the layout has elements, and what is wrong with them."""
    match = layout.shape.match(text)
    if match is not None and text.isascii() and " *" not in text and "* " not in text and text[-1:] != " ":
        values = match.groups("")
        findings = _dates(values, layout) + _companions(values, layout)
        if not findings:
            return values, ()
    return by_elements(text, layout)


def by_elements(text: str, layout: SegmentLayout) -> tuple[Values, tuple[Finding, ...]]:
    """Return what `parse` returns, looking at every element: slower, and the one that names faults."""
    sent = text.split(SEPARATOR)[1:]
    findings: list[Finding] = []
    if len(sent) > len(layout.elements):
        findings.append(
            error(
                "too-many-elements",
                layout.tag,
                f"{layout.tag}{len(layout.elements) + 1:02}",
                "The segment has more elements than this version defines.",
            )
        )
    if not text.isascii():
        place = next(place for place, value in enumerate((layout.tag, *sent)) if not value.isascii())
        findings.append(
            warning(
                "not-ascii",
                layout.tag,
                f"{layout.tag}{place:02}" if place <= len(layout.elements) else layout.tag,
                "The segment has letters beyond ASCII.",
            )
        )
    values = []
    for place, element in enumerate(layout.elements):
        value = sent[place] if place < len(sent) else ""
        value, finding = _element(value.strip(" "), element, layout.tag)
        values.append(value)
        if finding:
            findings.append(finding)
    findings.extend(_companions(tuple(values), layout))
    return tuple(values), tuple(findings)


def _element(value: str, element: Element, tag: str) -> tuple[str, Finding | None]:
    if not value:
        if element.required:
            return "", error("required", tag, element.id, "A required element is empty.")
        return "", None
    if len(value) > element.max:
        return "", error("too-long", tag, element.id, "The element is longer than its maximum.")
    if _CONTROL.search(value):
        return "", error("characters", tag, element.id, "The element holds control characters.")
    match element.type:
        case "N":
            if not _NUMBER.match(value):
                return "", error("number", tag, element.id, "The element is not an unsigned whole number.")
        case "D":
            if not _DECIMAL.match(value):
                return "", error("decimal", tag, element.id, "The element is not an unsigned decimal number.")
        case "DT":
            if date_of(value) is None:
                return "", error("date", tag, element.id, "The element is not a calendar day as CCYYMMDD.")
        case "TM":
            if not _TIME.match(value):
                return "", error("time", tag, element.id, "The element is not a time as HHMM or HHMMSS.")
    if element.digits:
        return value.lstrip("0").zfill(element.digits), None
    if element.codes is not None:
        return _code(value, element, tag)
    return value, None


def _code(value: str, element: Element, tag: str) -> tuple[str, Finding | None]:
    codes = element.codes or frozenset()
    padded = value.lstrip("0").zfill(element.max) if element.type == "N" else value
    if padded in codes:
        return padded, None
    if element.required:
        return "", error("code", tag, element.id, "The code is not one that this version lists.")
    return "", warning(
        "code", tag, element.id, "The code is not one that this version lists; it is left out."
    )


def _dates(values: Values, layout: SegmentLayout) -> tuple[Finding, ...]:
    # The shape knows eight digits; whether there is such a day, only the calendar.
    found: tuple[Finding, ...] = ()
    for place in layout.dates:
        if values[place] and date_of(values[place]) is None:
            element = layout.elements[place].id
            found += (error("date", layout.tag, element, "The element is not a calendar day as CCYYMMDD."),)
    return found


def _companions(values: Values, layout: SegmentLayout) -> tuple[Finding, ...]:
    found: tuple[Finding, ...] = ()
    for place, other in layout.companions:
        if values[place] and not values[other]:
            element = layout.elements[place].id
            found += (
                warning("incomplete", layout.tag, element, "The element says nothing without its companion."),
            )
    return found
