"""The order of segments and their counts. A fault here refuses the file whole, so that nothing is half in.

    TH IS { PHA { PAT { DSP PRE [CDI …] [AIR] } … } … TP } … TT

TT01 is TH02, TT02 counts all segments, TP01 those of one pharmacy from PHA to TP. A whole-file void is
TH and TT alone. A zero report is a PAT named REPORT, ZERO; it may leave its DSP and PRE off or empty.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.ingest.layout import SEPARATOR, Layout
from gateway.ingest.report import Finding, error

_UNKNOWN = "unknown"  # a tag that is none may be the rest of a name
_MAX_PROBLEMS = 50


@dataclass(slots=True)
class Loop:
    """One record by the places of its segments (indices into the list of segments, from 0)."""

    dsp: int
    pre: int = -1
    cdi: list[int] = field(default_factory=list)
    air: int = -1


@dataclass(slots=True)
class Patient:
    """One PAT and its records; `zero` marks a zero report."""

    pat: int
    zero: bool
    loops: list[Loop] = field(default_factory=list)


@dataclass(slots=True)
class Pharmacy:
    """One PHA and its patients."""

    pha: int
    patients: list[Patient] = field(default_factory=list)


@dataclass(slots=True)
class Outline:
    """The file's order. `faults` are (finding, place) and refuse the file. `records` can be told anyway."""

    pharmacies: list[Pharmacy] = field(default_factory=list)
    records: int = 0
    faults: list[tuple[Finding, int]] = field(default_factory=list)

    def fault(self, place: int, code: str, segment: str, message: str, element: str = "") -> None:
        """Note a fault, up to a bound: a file that is nonsense gets no longer answer than it deserves."""
        if len(self.faults) < _MAX_PROBLEMS:
            self.faults.append((error(code, segment, element, message), place))


def outline(segments: list[str], layout: Layout, control_number: str, *, unterminated: bool) -> Outline:
    """Return the order of `segments` (TH first), with every fault of structure."""
    walk = _Walk(layout, control_number, len(segments))
    for place, text in enumerate(segments):
        walk.step(place, text)
    last = len(segments) - 1
    if not walk.ended:
        walk.fault(last, "truncated", "TT", "The file ends without its TT segment.")
    elif unterminated:
        walk.fault(last, "truncated", "TT", "The last segment lacks its terminator.")
    return walk.found


class _Walk:
    """Goes through a file once, with what is open at the moment."""

    def __init__(self, layout: Layout, control_number: str, count: int) -> None:
        self.found = Outline()
        self.ended = False
        self._layout = layout
        self._control_number = control_number
        self._count = count
        self._pharmacy: Pharmacy | None = None
        self._patient: Patient | None = None
        self._loop: Loop | None = None
        self._steps: dict[str, Callable[[int, str], None]] = {
            "TH": self._th,
            "IS": self._is,
            "PHA": self._pha,
            "PAT": self._pat,
            "DSP": self._dsp,
            "PRE": self._pre,
            "CDI": self._cdi,
            "AIR": self._air,
            "TP": self._tp,
            "TT": self._tt,
        }

    def fault(self, place: int, code: str, segment: str, message: str, element: str = "") -> None:
        self.found.fault(place, code, segment, message, element)

    def step(self, place: int, text: str) -> None:
        tag = text.split(SEPARATOR, 1)[0]
        if self.ended:
            known = tag if tag in self._layout.segments else _UNKNOWN
            self.fault(place, "structure", known, "A segment follows TT.")
        elif (step := self._steps.get(tag)) is not None:
            step(place, text)
        else:
            message = "The segment is of a kind that this version does not have."
            self.fault(place, "unknown-segment", _UNKNOWN, message)

    def _th(self, place: int, _: str) -> None:
        if place:
            self.fault(place, "structure", "TH", "TH stands inside the file.")

    def _is(self, place: int, _: str) -> None:
        if place != 1:
            self.fault(place, "structure", "IS", "IS does not follow TH.")

    def _pha(self, place: int, _: str) -> None:
        self._close_patient()
        if self._pharmacy is not None:
            self.fault(self._pharmacy.pha, "structure", "PHA", "PHA is not closed by a TP.")
        self._pharmacy = Pharmacy(place)
        self.found.pharmacies.append(self._pharmacy)

    def _pat(self, place: int, text: str) -> None:
        self._close_patient()
        self._patient = Patient(place, _is_zero(text))
        if self._pharmacy is None:
            self.fault(place, "structure", "PAT", "PAT stands outside a pharmacy.")
        else:
            self._pharmacy.patients.append(self._patient)

    def _dsp(self, place: int, _: str) -> None:
        self._close_loop()
        self._loop = Loop(place)
        if self._patient is None:
            self.fault(place, "structure", "DSP", "DSP stands outside a patient.")
            self.found.records += 1
            return
        self._patient.loops.append(self._loop)
        self.found.records += not self._patient.zero

    def _pre(self, place: int, _: str) -> None:
        if self._loop is not None and self._loop.pre < 0:
            self._loop.pre = place
        elif not self._zero:
            self.fault(place, "structure", "PRE", "PRE does not follow a DSP.")

    def _cdi(self, place: int, _: str) -> None:
        if self._takes_more(place, "CDI") and self._loop is not None:
            self._loop.cdi.append(place)

    def _air(self, place: int, _: str) -> None:
        if self._takes_more(place, "AIR") and self._loop is not None:
            self._loop.air = place

    def _tp(self, place: int, text: str) -> None:
        self._close_patient()
        pharmacy, self._pharmacy = self._pharmacy, None
        if pharmacy is None:
            self.fault(place, "structure", "TP", "TP stands outside a pharmacy.")
            return
        if not pharmacy.patients:
            self.fault(pharmacy.pha, "structure", "PHA", "PHA has no PAT.")
        if _number(text, 1) != place - pharmacy.pha + 1:
            message = "TP01 is not the number of segments from PHA to TP."
            self.fault(place, "pharmacy-count", "TP", message, "TP01")

    def _tt(self, place: int, text: str) -> None:
        self._close_patient()
        self.ended = True
        if self._pharmacy is not None:
            self.fault(place, "structure", "TT", "A pharmacy is not closed by a TP.")
        if _element(text, 1) != self._control_number:
            self.fault(place, "control-number-mismatch", "TT", "TT01 differs from TH02.", "TT01")
        if _number(text, 2) != self._count:
            self.fault(place, "segment-count", "TT", "TT02 is not the number of segments.", "TT02")

    @property
    def _zero(self) -> bool:
        return self._patient is not None and self._patient.zero

    def _takes_more(self, place: int, tag: str) -> bool:
        if self._loop is not None and self._loop.pre >= 0 and self._loop.air < 0:
            return True
        if not self._zero:
            self.fault(place, "structure", tag, f"{tag} does not follow a PRE.")
        return False

    def _close_loop(self) -> None:
        if self._loop is not None and self._loop.pre < 0 and not self._zero:
            self.fault(self._loop.dsp, "structure", "DSP", "DSP is not followed by its PRE.")
        self._loop = None

    def _close_patient(self) -> None:
        self._close_loop()
        if self._patient is not None and not self._patient.loops and not self._zero:
            self.fault(self._patient.pat, "structure", "PAT", "PAT has no DSP.")
        self._patient = None


def count_records(segments: list[str]) -> int:
    """Return how many records can be told in segments that are not looked at further."""
    return sum(text.startswith("DSP" + SEPARATOR) for text in segments)


def _is_zero(text: str) -> bool:
    return _element(text, 7).upper() == "REPORT" and _element(text, 8).upper() == "ZERO"


def _element(text: str, place: int) -> str:
    elements = text.split(SEPARATOR, place + 1)
    return elements[place].strip(" ") if place < len(elements) else ""


def _number(text: str, place: int) -> int:
    digits = _element(text, place)
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 10 else -1
