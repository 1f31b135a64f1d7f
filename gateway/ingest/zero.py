"""Zero reports: a pharmacy says that it dispensed nothing in a period. No patient comes of it.

PAT07 and PAT08 are REPORT and ZERO in any case; the period stands in IS03 as #CCYYMMDD#-#CCYYMMDD#, else it
is the day in DSP05. Everything else of PAT, DSP, PRE, CDI and AIR is empty (DSP01 may be 00).
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field

from gateway.ingest.elements import date_of
from gateway.ingest.layout import SEPARATOR
from gateway.ingest.report import Finding, error, warning
from gateway.ingest.structure import Patient, Pharmacy
from gateway.ingest.values import PharmacyValue

_PERIOD = re.compile(r"#([0-9]{8})#-#([0-9]{8})#")


@dataclass(slots=True)
class ZeroReport:
    """A judged zero report; `period` (both ends included) is None when it is refused."""

    period: tuple[dt.date, dt.date] | None = None
    findings: list[tuple[Finding, int]] = field(default_factory=list)


def judge(
    segments: list[str],
    pharmacy: Pharmacy,
    patient: Patient,
    value: PharmacyValue,
    message: str,
) -> ZeroReport:
    """Return the zero report of `patient` (a PAT named REPORT, ZERO); `message` is IS03."""
    report = ZeroReport()
    report.findings += [(finding, pharmacy.pha + 1) for finding in value.findings]
    if any(not one.zero for one in pharmacy.patients):
        report.findings.append((_WITH_RECORDS, patient.pat + 1))
        return report
    if _is_filled(segments[patient.pat], allowed={7, 8}):
        report.findings.append((_FILLED, patient.pat + 1))
        return report
    for loop in patient.loops:
        if _is_filled(segments[loop.dsp], allowed={1, 5}) or any(
            _is_filled(segments[place], allowed=set())
            for place in (loop.pre, *loop.cdi, loop.air)
            if place >= 0
        ):
            report.findings.append((_FILLED, loop.dsp + 1))
            return report
    if value.refused:
        return report
    days = [_element(segments[loop.dsp], 5) for loop in patient.loops]
    said = _PERIOD.search(message)
    first, last = (date_of(said[1]), date_of(said[2])) if said else (None, None)
    if first is None or last is None:
        first = last = next((day for text in days if (day := date_of(text)) is not None), None)
        if first is not None:
            report.findings.append((_NO_PERIOD, patient.pat + 1))
    if first is None or last is None or first > last:
        report.findings.append((_BAD_PERIOD, 2))
        return report
    report.period = (first, last)
    return report


def _is_filled(text: str, *, allowed: set[int]) -> bool:
    return any(
        value.strip(" ")
        for place, value in enumerate(text.split(SEPARATOR))
        if place and place not in allowed
    )


def _element(text: str, place: int) -> str:
    elements = text.split(SEPARATOR)
    return elements[place].strip(" ") if place < len(elements) else ""


_WITH_RECORDS = error(
    "zero-report", "PAT", "PAT07", "A pharmacy that reports nothing dispensed has records in the same loop."
)
_FILLED = error("zero-report", "PAT", "PAT07", "A zero report has elements that must be empty.")
_NO_PERIOD = warning("zero-report", "IS", "IS03", "The period is missing; the day in DSP05 was taken.")
_BAD_PERIOD = error("zero-report", "IS", "IS03", "The period of the zero report cannot be told.")
