"""What an answer says about a file: counts, and problems that name segment, element and Rx number.

Messages are constants. No answer holds patient data: no value of an element is ever repeated, except the
header's control number and version and a record's own Rx number, each within its legal form.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

ERROR = "error"
WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong in one segment, wherever that segment stands. `element` is an id such as DSP09."""

    severity: str
    code: str
    segment: str
    element: str
    message: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A finding at its place: `ordinal` is the segment's number in the file from 1 (0: no segment)."""

    finding: Finding
    ordinal: int
    rx_number: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the member of `errors`."""
        finding = self.finding
        return {
            "severity": finding.severity,
            "code": finding.code,
            "segment": finding.segment,
            "ordinal": self.ordinal,
            "element": finding.element,
            "rx_number": self.rx_number,
            "message": finding.message,
        }


def error(code: str, segment: str, element: str, message: str) -> Finding:
    """Return a finding that refuses the record, or the file when it is about the file."""
    return Finding(ERROR, code, segment, element, message)


def warning(code: str, segment: str, element: str, message: str) -> Finding:
    """Return a finding that refuses nothing."""
    return Finding(WARNING, code, segment, element, message)


def refuses(findings: Iterable[Finding]) -> bool:
    """Return whether one of the findings is an error."""
    return any(finding.severity == ERROR for finding in findings)


@dataclass(slots=True)
class Answer:
    """The answer to one file, being filled. `records` is the sum of the five outcomes."""

    file: str
    control_number: str | None = None
    version: str | None = None
    new: int = 0
    revised: int = 0
    voided: int = 0
    duplicate: int = 0
    refused: int = 0
    warned: int = 0
    zero_report: bool = False
    duplicate_file: bool = False
    loaded_something: bool = False
    """A zero report or a whole-file void counts as loaded, without a record."""
    file_refused: bool = False
    report_refused: bool = False
    """A zero report was refused: the file is not wholly accepted."""
    problems: list[Problem] = field(default_factory=list)

    @property
    def records(self) -> int:
        """Return how many records were judged."""
        return self.new + self.revised + self.voided + self.duplicate + self.refused

    @property
    def status(self) -> str:
        """Return accepted, partly or refused."""
        kept = self.records - self.refused
        if self.file_refused:
            return "refused"
        if not self.refused and not self.report_refused:
            return "accepted"
        return "partly" if kept or self.loaded_something else "refused"

    def add(self, finding: Finding, ordinal: int, rx_number: str | None = None) -> None:
        """Put a finding at its place into the answer."""
        self.problems.append(Problem(finding, ordinal, rx_number))

    def refuse_file(self, records: int) -> None:
        """Make the whole file refused: nothing of it counts but the records that can be told."""
        self.new = self.revised = self.voided = self.duplicate = self.warned = 0
        self.refused = records
        self.file_refused = True

    def as_json(self) -> dict[str, Any]:
        """Return the answer line."""
        problems = sorted(self.problems, key=lambda problem: problem.ordinal)
        return {
            "file": self.file,
            "status": self.status,
            "control_number": self.control_number,
            "version": self.version,
            "records": self.records,
            "new": self.new,
            "revised": self.revised,
            "voided": self.voided,
            "duplicate": self.duplicate,
            "refused": self.refused,
            "warned": self.warned,
            "zero_report": self.zero_report,
            "duplicate_file": self.duplicate_file,
            "errors": [problem.as_json() for problem in problems],
        }
