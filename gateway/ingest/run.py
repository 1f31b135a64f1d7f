"""`ingest_file`: one file in, one answer out; the submission is kept whatever the answer says.

A submission's key is IS01 with TH02. Only a production file that was accepted or partly loaded takes its
number; then the same bytes again are known, and other bytes under that number are refused. A test file is
judged against the store as it stands, and everything is rolled back before its answer is kept.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg import Connection, Rollback

from gateway.core.clock import Clock
from gateway.core.ids import uuid7
from gateway.core.settings import Settings
from gateway.ingest import zero
from gateway.ingest.cycles import seldom_collected
from gateway.ingest.decide import Outcome
from gateway.ingest.elements import date_of, parse
from gateway.ingest.layout import Layout, load_layouts
from gateway.ingest.load import Loader, finding_of
from gateway.ingest.read import MAX_BYTES, Transmission, read
from gateway.ingest.report import ERROR, Answer, Finding, error, warning
from gateway.ingest.structure import Outline, count_records, outline
from gateway.ingest.validate import Checker
from gateway.ingest.values import PharmacyValue, RecordValue
from gateway.mapping.tables import Mappings
from gateway.store import ingest as store
from gateway.store.database import Database, Row
from gateway.store.vault import Vault

_SEND, _VOID = ("", "01"), "04"
_TEST = "T"
#: What binds the encrypted bytes of a submission to their place.
CONTENT = b"submission"


@dataclass(slots=True)
class _File:
    """One file on its way. Header values are empty where they are not in their legal form."""

    data: bytes
    sha256: bytes
    answer: Answer
    source_id: str = ""
    control_number: str = ""
    version: str = ""
    transaction_type: str = ""
    file_type: str = ""
    created_on: dt.date = dt.date.max
    period: str = ""
    segments: list[str] = field(default_factory=list)
    outline: Outline = field(default_factory=Outline)

    @property
    def test(self) -> bool:
        return self.file_type == _TEST


@seldom_collected()
def ingest_file(
    database: Database,
    clock: Clock,
    vault: Vault,
    mappings: Mappings,
    settings: Settings,
    source: Path | bytes,
    name: str,
) -> dict[str, Any]:
    """Return the answer to one ASAP file, as JSON members, after storing what it brings.

    `name` is what the answer calls the file. Raises OSError when `source` cannot be read, Unavailable when
    the database cannot; never anything because of what the file holds.
    """
    layouts = _layouts(settings.mappings_dir)
    data, digest = (source, _digest(source)) if isinstance(source, bytes) else _bytes(source)
    file = _File(data, digest, Answer(name))
    layout = _judge(file, layouts)
    now = clock.now()
    if layout is None:
        with database.transaction() as connection:
            _keep(connection, vault, mappings, file, uuid7(), now, takes_number=False)
        return file.answer.as_json()
    job = _Job(clock, vault, mappings, settings, layout, file, now)
    with database.transaction() as connection:
        return job.run(connection)


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _bytes(path: Path) -> tuple[bytes, bytes]:
    """Return the bytes, or one more than is taken of a larger file, and the SHA-256 of all of them."""
    with path.open("rb") as stream:
        data = stream.read(MAX_BYTES + 1)
        stream.seek(0)
        return data, hashlib.file_digest(stream, "sha256").digest()


@lru_cache(maxsize=4)
def _layouts(mappings_dir: Path) -> dict[str, Layout]:
    return load_layouts(mappings_dir / "asap")


def _judge(file: _File, layouts: dict[str, Layout]) -> Layout | None:
    """Return the layout of a file that may be loaded, or None after refusing it in its answer."""
    sent = read(file.data)
    file.segments = sent.segments
    answer = file.answer
    if sent.fault is not None:
        _header_as_sent(file, sent)
        answer.add(sent.fault, len(sent.segments))
        answer.refuse_file(count_records(sent.segments))
        return None
    _header_as_sent(file, sent)
    layout = layouts.get(file.version)
    if layout is None:
        taken = ", ".join(sorted(layouts))
        answer.add(error("version", "TH", "TH01", f"This version is not taken; versions taken: {taken}."), 1)
        answer.refuse_file(count_records(sent.segments))
        return None
    for finding in sent.warnings:
        answer.add(finding, 1)
    faults = _header(file, layout)
    file.outline = outline(sent.segments, layout, sent.header(2), unterminated=sent.unterminated)
    faults += _whole(file)
    for finding, place in (*faults, *file.outline.faults):
        answer.add(finding, place + 1)
    if any(problem.finding.severity == ERROR for problem in answer.problems):
        answer.refuse_file(file.outline.records)
        return None
    return layout


def _header_as_sent(file: _File, sent: Transmission) -> None:
    version, control_number = sent.header(1), sent.header(2)
    if len(version) <= 4 and version.isprintable():
        file.version = version
        file.answer.version = version or None
    if len(control_number) <= 40 and control_number.isprintable():
        file.control_number = control_number
        file.answer.control_number = control_number or None


def _header(file: _File, layout: Layout) -> list[tuple[Finding, int]]:
    """Read TH and IS into `file`; return what is wrong with them."""
    # TH09 was judged by whoever split the file by it; it may be a control character.
    values, found = parse(file.segments[0][:-1] + "~", layout.segments["TH"])
    faults = [(finding, 0) for finding in found]
    file.transaction_type, file.file_type = values[2], values[6]
    file.created_on = date_of(values[4]) or dt.date.max
    if len(file.segments) > 1 and file.segments[1].startswith("IS*"):
        values, found = parse(file.segments[1], layout.segments["IS"])
        faults += [(finding, 1) for finding in found]
        file.source_id, file.period = values[0], values[2]
    return faults


def _whole(file: _File) -> list[tuple[Finding, int]]:
    """Return what is wrong with the kind of transaction and the frame of the file."""
    tags = [text.split("*", 1)[0] for text in file.segments[:3]]
    if file.transaction_type == _VOID:
        if tags != ["TH", "TT"]:
            return [(error("structure", "TH", "TH03", "A file that voids another has TH and TT only."), 0)]
        return []
    faults = []
    if file.transaction_type not in _SEND:
        faults.append((error("transaction-type", "TH", "TH03", "A response is not a file to load."), 0))
    if tags[1:2] != ["IS"]:
        faults.append(
            (error("structure", "IS", "", "IS does not follow TH."), min(1, len(file.segments) - 1))
        )
    elif not file.outline.pharmacies:
        faults.append((error("structure", "PHA", "", "The file has no pharmacy."), 1))
    return faults


@dataclass(slots=True)
class _Job:
    """The loading of one sound file, inside its transaction."""

    clock: Clock
    vault: Vault
    mappings: Mappings
    settings: Settings
    layout: Layout
    file: _File
    now: dt.datetime

    def run(self, connection: Connection[Row]) -> dict[str, Any]:
        file, answer = self.file, self.file.answer
        submission_id = uuid7()
        jurisdiction = self.mappings.jurisdiction.code
        store.lock(connection, jurisdiction)
        held = store.holder(connection, jurisdiction, file.source_id, file.control_number)
        if held is not None and held[1] == file.sha256:
            answer.problems.clear()
            answer.duplicate_file = True
        elif held is not None and file.transaction_type != _VOID:
            answer.add(_REUSED, 1)
            answer.refuse_file(file.outline.records)
        elif file.test:
            with connection.transaction(force_rollback=True):
                self._load(connection, submission_id)
            answer.add(_TEST_FILE, 1)
        else:
            with connection.transaction() as inner:
                self._load(connection, submission_id)
                if answer.status == "refused":
                    raise Rollback(inner)  # it leaves nothing, not even a pharmacy's new telephone
        takes = held is None and not file.test and answer.status != "refused"
        _keep(connection, self.vault, self.mappings, file, submission_id, self.now, takes_number=takes)
        return answer.as_json()

    def _load(self, connection: Connection[Row], submission_id: UUID) -> None:
        part2 = self.settings.part2_dispensers | self.mappings.jurisdiction.part2_dispensers
        loader = Loader(
            connection,
            self.vault,
            self.mappings,
            part2=part2,
            submission_id=submission_id,
            now=self.now,
        )
        if self.file.transaction_type == _VOID:
            self._void(connection, loader)
            return
        checker = Checker(
            self.layout,
            self.mappings.drugs,
            today=self.clock.today(),
            created_on=self.file.created_on,
            keyed_hash=lambda content: self.vault.keyed_hash("content", content),
        )
        warned: set[int] = set()
        pharmacies = [checker.pharmacy(self.file.segments[one.pha]) for one in self.file.outline.pharmacies]
        for record, outcome in loader.load(self._records(checker, pharmacies, warned)):
            self._count(record, outcome, warned)
        self._zero_reports(connection, loader, pharmacies, submission_id)

    def _records(
        self, checker: Checker, pharmacies: list[PharmacyValue], warned: set[int]
    ) -> Iterator[RecordValue]:
        """Yield the records that pass; the others go to the answer. `warned` gets DSP ordinals."""
        segments, answer = self.file.segments, self.file.answer
        for pharmacy, value in zip(self.file.outline.pharmacies, pharmacies, strict=True):
            for patient in pharmacy.patients:
                if patient.zero:
                    continue
                text, places = segments[patient.pat], (pharmacy.pha, patient.pat)
                for loop in patient.loops:
                    record, findings, rx_number = checker.record(segments, loop, value, places, text)
                    for finding, ordinal in findings:
                        answer.add(finding, ordinal, rx_number)
                    if record is None:
                        answer.refused += 1
                        continue
                    if findings:
                        warned.add(record.ordinal)
                    yield record

    def _count(self, record: RecordValue, outcome: Outcome | None, warned: set[int]) -> None:
        answer = self.file.answer
        finding = finding_of(outcome)
        if finding is not None:
            # A conflict is one of the pharmacy's own identifiers: its segment is the PHA above the record.
            ordinal = record.ordinal if outcome is not None else self._pharmacy_ordinal(record.ordinal)
            answer.add(finding, ordinal, record.rx_number)
        match outcome:
            case Outcome.NEW | Outcome.NO_ORIGINAL:
                answer.new += 1
            case Outcome.REVISED:
                answer.revised += 1
            case Outcome.VOIDED:
                answer.voided += 1
            case Outcome.DUPLICATE:
                answer.duplicate += 1
            case _:
                answer.refused += 1
                return
        answer.warned += finding is not None or record.ordinal in warned

    def _pharmacy_ordinal(self, ordinal: int) -> int:
        pharmacies = self.file.outline.pharmacies
        return pharmacies[bisect_left(pharmacies, ordinal, key=lambda one: one.pha + 1) - 1].pha + 1

    def _zero_reports(
        self,
        connection: Connection[Row],
        loader: Loader,
        pharmacies: list[PharmacyValue],
        submission_id: UUID,
    ) -> None:
        file, answer = self.file, self.file.answer
        for pharmacy, value in zip(file.outline.pharmacies, pharmacies, strict=True):
            for patient in pharmacy.patients:
                if not patient.zero:
                    continue
                answer.zero_report = True
                found = zero.judge(file.segments, pharmacy, patient, value, file.period)
                dispenser = None
                if found.period is not None:
                    dispenser = loader.dispenser(value)
                    if dispenser is None:
                        found.findings.append((_CONFLICT, pharmacy.pha + 1))
                for finding, ordinal in found.findings:
                    answer.add(finding, ordinal)
                if dispenser is None or found.period is None:
                    answer.report_refused = True
                    continue
                answer.loaded_something = True
                store.add_zero_report(
                    connection,
                    jurisdiction=self.mappings.jurisdiction.code,
                    dispenser_id=dispenser.dispenser_id,
                    first_day=found.period[0],
                    last_day=found.period[1],
                    submission_id=submission_id,
                )

    def _void(self, connection: Connection[Row], loader: Loader) -> None:
        answer = self.file.answer
        originals = store.originals(connection, self.mappings.jurisdiction.code, self.file.control_number)
        if len(originals) != 1:
            answer.add(_AMBIGUOUS if originals else _UNMATCHED, 1)
            answer.refuse_file(0)
            return
        answer.voided, revised = loader.void_submission(originals[0])
        answer.loaded_something = True
        for rx_number in revised:
            answer.add(_REVISED_SINCE, 1, rx_number)
        answer.warned = len(revised)


def _keep(
    connection: Connection[Row],
    vault: Vault,
    mappings: Mappings,
    file: _File,
    submission_id: UUID,
    now: dt.datetime,
    *,
    takes_number: bool,
) -> None:
    store.add_submission(
        connection,
        jurisdiction=mappings.jurisdiction.code,
        submission_id=submission_id,
        source_id=file.source_id,
        control_number=file.control_number,
        asap_version=file.version,
        transaction_type=file.transaction_type,
        file_type=file.file_type,
        status=file.answer.status,
        takes_number=takes_number,
        sha256=file.sha256,
        # Of a file that is larger than is taken only the hash is kept.
        content=vault.encrypt(
            file.data if len(file.data) <= MAX_BYTES else b"", CONTENT + submission_id.bytes
        ),
        received_at=now,
        answer=file.answer.as_json(),
    )


_REUSED = error(
    "control-number-reused", "TH", "TH02", "The sender used this control number for another file."
)
_TEST_FILE = warning("test-file", "TH", "TH07", "A test file: judged, and nothing of it loaded.")
_UNMATCHED = error("unmatched", "TH", "TH02", "No file with this control number was loaded.")
_AMBIGUOUS = error("ambiguous", "TH", "TH02", "Several senders used this control number.")
_REVISED_SINCE = warning("revised-since", "TH", "TH02", "A record of the file was revised since; it stands.")
_CONFLICT = error("dispenser-conflict", "PHA", "PHA01", "The pharmacy's identifiers name two dispensers.")
