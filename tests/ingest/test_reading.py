"""From bytes to segments: whatever comes, there is an answer; what is well formed is read as it was meant."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.ingest import read as reading
from gateway.ingest import run
from gateway.ingest.elements import by_elements, parse
from gateway.ingest.layout import load_layouts
from gateway.ingest.read import MAX_SEGMENT, read
from gateway.ingest.report import refuses
from gateway.ingest.structure import outline
from tests.ingest import asap
from tests.ingest.store import Store
from tests.support.processes import ROOT

LAYOUT = load_layouts(ROOT / "mappings" / "asap")["4.2B"]
_quick = settings(max_examples=300, deadline=None)


@given(st.binary(max_size=400))
@_quick
def test_any_bytes_are_read_or_told_to_be_unreadable(data: bytes) -> None:
    sent = read(data)
    assert (sent.fault is None) == bool(sent.segments) or sent.fault is not None
    outline(sent.segments, LAYOUT, sent.header(2), unterminated=sent.unterminated)


@given(
    st.lists(st.sampled_from(["TH", "IS", "PHA", "PAT", "DSP", "PRE", "CDI", "AIR", "TP", "TT", "ZZ", ""])),
    st.booleans(),
)
@_quick
def test_segments_in_any_order_are_answered(tags: list[str], unterminated: bool) -> None:
    segments = ["TH*4.2B*N*01**20261119*0815*P**~", *(f"{tag}*1*2" for tag in tags)]
    found = outline(segments, LAYOUT, "N", unterminated=unterminated)
    assert found.faults, "no such list is a file: counts and elements are wrong"


@given(st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_always_answered_and_never_half_loaded(store: Store, data: st.DataObject) -> None:
    good = bytearray(asap.file(control="DAMAGED"))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(good) - 1))
        cut = data.draw(st.integers(0, 3))
        good[place : place + cut] = data.draw(st.binary(max_size=3))
    answer = store.load(bytes(good))
    assert answer["status"] in ("accepted", "partly", "refused")
    assert answer["records"] == sum(
        answer[name] for name in ("new", "revised", "voided", "duplicate", "refused")
    )
    if answer["status"] == "refused":
        assert answer["new"] + answer["revised"] + answer["voided"] == 0


_TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters="*~"), max_size=60)


@pytest.mark.parametrize("tag", sorted(LAYOUT.segments))
def test_the_shape_and_the_slow_way_agree(tag: str) -> None:
    layout = LAYOUT.segments[tag]
    codes = sorted({code for element in layout.elements for code in element.codes or ()})
    value = st.one_of(
        _TEXT,
        st.sampled_from(["", "1", "01", "0", "20261105", "20260230", "120.50", ".5", "5.", "0815", *codes]),
        st.integers(0, 10**12).map(str),
    )

    @given(st.lists(value, max_size=len(layout.elements) + 2))
    @_quick
    def agree(values: list[str]) -> None:
        text = "*".join([tag, *values])
        fast, findings = parse(text, layout)
        slow, told = by_elements(text, layout)
        assert refuses(told) == refuses(findings)
        if not refuses(told):
            assert slow == fast
        # What the shape takes has no fault, but for days that are none and missing companions.
        if layout.shape.match(text):
            assert {finding.code for finding in told} <= {"date", "incomplete"}

    agree()


@pytest.mark.parametrize("terminator", ["~", "\\", "|", "\x1e", "!"])
@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_the_terminator_is_the_one_of_th09(terminator: str, ending: str) -> None:
    sent = read(asap.file(terminator=terminator, ending=ending))
    assert (sent.fault, sent.terminator, sent.unterminated) == (None, terminator, False)
    assert [text.split("*")[0] for text in sent.segments] == [
        "TH",
        "IS",
        "PHA",
        "PAT",
        "DSP",
        "PRE",
        "TP",
        "TT",
    ]
    assert sent.header(9) == terminator


def test_utf_8_is_read_as_utf_8_and_anything_else_as_latin_1() -> None:
    named = asap.pharmacy(asap.patient(e08="José"))
    for encoding, warned in (("utf-8", 0), ("utf-8-sig", 0), ("latin-1", 1)):
        sent = read(asap.file(named, encoding=encoding))
        assert "*José*" in sent.segments[3]
        assert len(sent.warnings) == warned


def test_a_file_without_terminators_is_given_up_at_once() -> None:
    data = asap.file()[:60] + b"PHA*" + b"A" * 50_000_000
    started = time.perf_counter()
    sent = read(data)
    assert sent.fault is not None
    assert time.perf_counter() - started < 60.0  # quadratic reading takes hours


def test_a_segment_in_the_middle_that_is_too_long_refuses_the_file(store: Store) -> None:
    data = asap.file(asap.pharmacy(asap.patient(asap.record(e02="1"), asap.record(e23="A" * MAX_SEGMENT))))
    answer = store.load(data)
    assert (answer["status"], answer["refused"]) == ("refused", 1)
    assert [problem["code"] for problem in answer["errors"]] == ["segment-too-long"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ((b"TH*4.2B", b"TH*5.0"), "version"),
        ((b"TH*4.2B", b"TH*4.2A"), "version"),
        ((b"*20261119*081500*", b"*20261319*081500*"), "date"),
        ((b"*081500*P", b"*086100*P"), "time"),
        ((b"*P**~", b"*X**~"), "code"),
        ((b"*01**2026", b"*02**2026"), "transaction-type"),
        ((b"IS*5025550199*", b"IS**"), "required"),
        ((b"PRE*1999500006", b"PRX*1999500006"), "unknown-segment"),
        ((b"\r\nPRE*1999500006*BC9500009**KY50000*Creech*Harlan**8595554000**KY~", b""), "structure"),
        ((b"IS*5025550199*Bluegrass Test Data Exchange*~\r\n", b""), "structure"),
        ((b"TP*5~\r\n", b""), "structure"),
    ],
    ids=str,
)
def test_a_fault_of_the_frame_refuses_the_whole_file(
    store: Store, change: tuple[bytes, bytes], code: str
) -> None:
    data = asap.file()
    assert change[0] in data
    answer = store.load(data.replace(*change))
    assert (answer["status"], answer["records"], answer["refused"]) == ("refused", 1, 1)
    assert code in [problem["code"] for problem in answer["errors"]]
    assert store.count("dispensation_version") == 0


def test_a_control_character_may_be_the_terminator(store: Store) -> None:
    assert store.load(asap.file(terminator="\x1e", ending=""))["status"] == "accepted"
    assert store.load(asap.file(terminator="\r", ending="\n"))["status"] == "refused"


def test_a_file_larger_than_is_taken_is_refused_and_known_by_its_hash(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MAX_BYTES", 100)
    monkeypatch.setattr(run, "MAX_BYTES", 100)
    path = tmp_path / "large.asap"
    path.write_bytes(asap.file())
    answer = store.load(path)
    assert [problem["code"] for problem in answer["errors"]] == ["too-large"]
    digest, content, key = store.rows("select sha256, content, submission_id from submission")[0]
    assert digest == hashlib.sha256(path.read_bytes()).digest()
    assert store.vault.decrypt(content, b"submission" + key.bytes) == b""
