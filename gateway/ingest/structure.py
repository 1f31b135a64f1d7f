"""The order of segments and their counts. A fault here refuses the file whole, so that nothing is half in.

    TH IS { PHA { PAT { DSP PRE [CDI …] [AIR] } … } … TP } … TT

TT01 is TH02, TT02 counts all segments, TP01 those of one pharmacy from PHA to TP. A whole-file void is
TH and TT alone. A zero report is a PAT named REPORT, ZERO; it may leave its DSP and PRE off or empty.
"""

from __future__ import annotations

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
    found = Outline()
    pharmacy: Pharmacy | None = None
    patient: Patient | None = None
    loop: Loop | None = None
    closed = True  # no pharmacy is open
    ended = False
    last = len(segments) - 1
    for place, text in enumerate(segments):
        tag = text.split(SEPARATOR, 1)[0]
        if ended:
            found.fault(place, "structure", _known(tag, layout), "A segment follows TT.")
            continue
        match tag:
            case "DSP":
                if patient is None:
                    found.fault(place, "structure", tag, "DSP stands outside a patient.")
                    found.records += 1
                    continue
                if loop is not None and loop.pre < 0 and not patient.zero:
                    found.fault(loop.dsp, "structure", tag, "DSP is not followed by its PRE.")
                loop = Loop(place)
                patient.loops.append(loop)
                found.records += not patient.zero
            case "PRE":
                if loop is None or loop.pre >= 0:
                    if patient is None or not patient.zero:
                        found.fault(place, "structure", tag, "PRE does not follow a DSP.")
                    continue
                loop.pre = place
            case "CDI":
                if loop is None or loop.pre < 0 or loop.air >= 0:
                    if patient is None or not patient.zero:
                        found.fault(place, "structure", tag, "CDI does not follow a PRE.")
                    continue
                loop.cdi.append(place)
            case "AIR":
                if loop is None or loop.pre < 0 or loop.air >= 0:
                    if patient is None or not patient.zero:
                        found.fault(
                            place, "structure", tag, "AIR does not follow a PRE, or is the second one."
                        )
                    continue
                loop.air = place
            case "PAT":
                _close_patient(found, patient, loop)
                loop = None
                patient = Patient(place, _is_zero(text))
                if pharmacy is None or closed:
                    found.fault(place, "structure", tag, "PAT stands outside a pharmacy.")
                    continue
                pharmacy.patients.append(patient)
            case "PHA":
                _close_patient(found, patient, loop)
                if pharmacy is not None and not closed:
                    found.fault(pharmacy.pha, "structure", tag, "PHA is not closed by a TP.")
                patient = loop = None
                closed = False
                pharmacy = Pharmacy(place)
                found.pharmacies.append(pharmacy)
            case "TP":
                _close_patient(found, patient, loop)
                patient = loop = None
                if pharmacy is None or closed:
                    found.fault(place, "structure", tag, "TP stands outside a pharmacy.")
                    continue
                closed = True
                if not pharmacy.patients:
                    found.fault(pharmacy.pha, "structure", "PHA", "PHA has no PAT.")
                if _number(text, 1) != place - pharmacy.pha + 1:
                    found.fault(
                        place,
                        "pharmacy-count",
                        tag,
                        "TP01 is not the number of segments from PHA to TP.",
                        "TP01",
                    )
            case "TT":
                _close_patient(found, patient, loop)
                patient = loop = None
                ended = True
                if not closed:
                    found.fault(place, "structure", tag, "A pharmacy is not closed by a TP.")
                if _element(text, 1) != control_number:
                    found.fault(place, "control-number-mismatch", tag, "TT01 differs from TH02.", "TT01")
                if _number(text, 2) != len(segments):
                    found.fault(place, "segment-count", tag, "TT02 is not the number of segments.", "TT02")
            case "TH":
                if place:
                    found.fault(place, "structure", tag, "TH stands inside the file.")
            case "IS":
                if place != 1:
                    found.fault(place, "structure", tag, "IS does not follow TH.")
            case _:
                found.fault(
                    place,
                    "unknown-segment",
                    _UNKNOWN,
                    "The segment is of a kind that this version does not have.",
                )
    if not ended:
        found.fault(last, "truncated", "TT", "The file ends without its TT segment.")
    elif unterminated:
        found.fault(last, "truncated", "TT", "The last segment lacks its terminator.")
    return found


def _close_patient(found: Outline, patient: Patient | None, loop: Loop | None) -> None:
    if patient is None or patient.zero:
        return
    if not patient.loops:
        found.fault(patient.pat, "structure", "PAT", "PAT has no DSP.")
    elif loop is not None and loop.pre < 0:
        found.fault(loop.dsp, "structure", "DSP", "DSP is not followed by its PRE.")


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


def _known(tag: str, layout: Layout) -> str:
    return tag if tag in layout.segments else _UNKNOWN
