"""Makers of ASAP 4.2B files: a faultless default for everything, any element by its id."""

from __future__ import annotations

import itertools

_numbers = itertools.count(1)

_DEFAULTS: dict[str, dict[int, str]] = {
    "PHA": {1: "1999000031", 2: "1890032", 3: "FN9000035", 4: "Nicholasville Road Drug", 5: "2350 Elm St",
            7: "Lexington", 8: "KY", 9: "40503", 10: "8595550102", 13: "KYP00003"},
    "PAT": {2: "07", 3: "999700101", 7: "Fenwick", 8: "Loretta", 12: "18 Quarry Lane", 14: "Lexington",
            15: "KY", 16: "40503", 17: "8595553509", 18: "19680411", 19: "F", 20: "01", 21: "01"},
    "DSP": {1: "00", 2: "5010001", 3: "20261105", 4: "0", 5: "20261105", 6: "0", 7: "01", 8: "10702005601",
            9: "120", 10: "30", 11: "01", 12: "05", 13: "00", 16: "04", 17: "20261105", 18: "01",
            19: "1049683", 22: "120", 23: "TAKE 4 A DAY BY MOUTH", 24: "11"},
    "PRE": {1: "1999500006", 2: "BC9500009", 4: "KY50000", 5: "Creech", 6: "Harlan", 8: "8595554000",
            10: "KY"},
    "CDI": {1: "1", 2: "01", 3: "00054039268", 4: "30", 5: "02"},
    "AIR": {3: "KY", 4: "06", 5: "P99900001", 6: "04", 7: "Fenwick", 8: "Dale", 11: "02"},
}  # fmt: skip


def segment(tag: str, **elements: str) -> str:
    """Return one segment; `DSP09="60"` changes an element, `e09` the same for any tag."""
    values = dict(_DEFAULTS[tag])
    for name, value in elements.items():
        values[int(name[-2:])] = value
    return "*".join([tag, *(values.get(place, "") for place in range(1, max(values) + 1))])


def record(*more: str, pre: dict[str, str] | None = None, **elements: str) -> list[str]:
    """Return DSP and PRE, and whatever segments follow them."""
    return [segment("DSP", **elements), segment("PRE", **(pre or {})), *more]


def patient(*records: list[str], **elements: str) -> list[str]:
    """Return PAT and its records."""
    return [segment("PAT", **elements), *itertools.chain(*(records or (record(),)))]


def pharmacy(*patients: list[str], **elements: str) -> list[str]:
    """Return PHA to TP."""
    body = [segment("PHA", **elements), *itertools.chain(*(patients or (patient(),)))]
    return [*body, f"TP*{len(body) + 1}"]


def file(
    *pharmacies: list[str],
    control: str | None = None,
    source: str = "5025550199",
    kind: str = "01",
    file_type: str = "P",
    created: str = "20261119",
    version: str = "4.2B",
    message: str = "",
    terminator: str = "~",
    ending: str = "\r\n",
    encoding: str = "utf-8",
) -> bytes:
    """Return a whole file with right counts; a void of a file when `kind` is 04."""
    number = control or f"TEST-{next(_numbers)}"
    body = list(itertools.chain(*(pharmacies or (pharmacy(),)))) if kind != "04" else []
    if kind != "04":
        body.insert(0, f"IS*{source}*Bluegrass Test Data Exchange*{message}")
    head = f"TH*{version}*{number}*{kind}**{created}*081500*{file_type}**{terminator}"
    segments = [head, *body, f"TT*{number}*{len(body) + 2}"]
    return "".join(text + terminator + ending for text in segments).encode(encoding)
