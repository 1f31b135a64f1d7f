"""Bytes as received → header and segments.

The terminator is whatever TH09 holds; CR and LF after it are ignored. UTF-8, else Latin-1 with a warning.
Nothing here raises on any bytes: what cannot be read is told as a finding. Work and memory grow with the
size of the file only, and a file that shows no terminator is given up at once.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from gateway.ingest.layout import SEPARATOR
from gateway.ingest.report import Finding, error, warning

#: Largest file, in bytes. Beyond it a sender splits the file: everything is judged as one transaction.
MAX_BYTES = 64 * 1024 * 1024
#: Longest segment, in characters: above the sum of all elements of any segment of any version.
MAX_SEGMENT = 2_000
#: All of TH fits in this many characters.
_MAX_HEADER = 200
_HEADER_ELEMENTS = 9


@dataclass(frozen=True, slots=True)
class Transmission:
    """What was read. `segments` excludes terminators; the first is TH with its TH09 given back.

    `unterminated`: the last segment lacks its terminator. `fault` is set when nothing can be read.
    """

    segments: list[str]
    terminator: str = ""
    unterminated: bool = False
    fault: Finding | None = None
    warnings: tuple[Finding, ...] = ()

    def header(self, place: int) -> str:
        """Return element TH`place`, trimmed, or empty."""
        elements = self.segments[0].split(SEPARATOR) if self.segments else []
        return elements[place].strip(" ") if place < len(elements) else ""


def read(data: bytes) -> Transmission:
    """Return the segments of `data`. Never raises."""
    if not data.strip():
        return _unreadable("empty", "The file is empty.")
    if len(data) > MAX_BYTES:
        return _unreadable("too-large", "The file is larger than this gateway takes at once.")
    data = data.removeprefix(codecs.BOM_UTF8)
    start = data[:_MAX_HEADER].lstrip(b"\r\n ")
    if not start.startswith(b"TH*"):
        return _unreadable("not-asap", "The file does not begin with a TH segment.")
    warnings: tuple[Finding, ...] = ()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text, warnings = data.decode("latin-1"), (_LATIN_1,)
    text = text.lstrip("\r\n ")
    terminator, after = _terminator(text)
    if not terminator:
        return _unreadable("not-asap", "The TH segment does not name a usable terminator in TH09.", "TH09")
    header = text[:after]
    # TH09 holds the terminator, and one more ends the segment.
    body = text[after + 1 :]
    if body.startswith(terminator):
        body = body[1:]
    elif body[:1] not in ("\r", "\n"):
        return _unreadable("not-asap", "The TH segment is not ended by the terminator of TH09.", "TH09")
    return _split(header + terminator, body, terminator, warnings)


_LATIN_1 = warning("encoding", "TH", "", "The file is not UTF-8; it was read as Latin-1.")


def _terminator(text: str) -> tuple[str, int]:
    """Return the character in TH09 and its index, or an empty one."""
    start, after = text[:_MAX_HEADER], -1
    for _ in range(_HEADER_ELEMENTS):
        after = start.find(SEPARATOR, after + 1)
        if after < 0:
            return "", 0
    candidate = start[after + 1 : after + 2]
    if not candidate or candidate.isalnum() or candidate in (SEPARATOR, " ", "\r", "\n"):
        return "", 0
    return candidate, after + 1


def _split(header: str, body: str, terminator: str, warnings: tuple[Finding, ...]) -> Transmission:
    segments = [header]
    place = 0
    # `split` would copy a file without terminators whole; looking for the first one costs a search only.
    if terminator not in body[: MAX_SEGMENT + 2]:
        if len(body) > MAX_SEGMENT:
            return Transmission(segments, terminator, fault=_TOO_LONG, warnings=warnings)
        rest = body.strip("\r\n")
        return Transmission([header, rest] if rest else [header], terminator, bool(rest), None, warnings)
    pieces = body.split(terminator)
    for place, piece in enumerate(pieces):
        if len(piece) > MAX_SEGMENT:
            # What was read so far still tells how many records there were.
            segments.extend(piece.lstrip("\r\n") for piece in pieces[:place])
            return Transmission(segments, terminator, fault=_TOO_LONG, warnings=warnings)
    rest = pieces.pop().strip("\r\n\x1a ")
    if "\n" in body or "\r" in body:
        pieces = [piece.lstrip("\r\n") for piece in pieces]
    segments.extend(pieces)
    if rest:
        segments.append(rest)
    return Transmission(segments, terminator, bool(rest), None, warnings)


_TOO_LONG = error(
    "segment-too-long", "", "", "A segment is longer than any segment of any version: no terminator."
)


def _unreadable(code: str, message: str, element: str = "") -> Transmission:
    return Transmission([], fault=error(code, "TH" if element else "", element, message))
