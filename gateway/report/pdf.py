"""The report on Letter paper, as an accessible PDF (PDF/UA-1: tagged, titled, in reading order).

Typst typesets it: one wheel without system libraries, which writes tagged PDF by itself. Its own fonts only,
no network and no file but the template: the same report gives the same document on every machine.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

from gateway.report.model import Report


def to_pdf(report: Report) -> bytes:
    """Return the report as PDF."""
    import typst

    values = {**asdict(report), "period": report.period, "made": report.made_at.strftime("%Y-%m-%d %H:%M %Z")}
    del values["made_at"]
    return typst.compile(
        _template(),
        format="pdf",
        sys_inputs={"report": orjson.dumps(values, default=_text).decode()},
        pdf_standards="ua-1",
        ignore_system_fonts=True,
        timestamp=int(report.made_at.timestamp()),
    )


@cache
def _template() -> bytes:
    return files("gateway.report").joinpath("templates/report.typ").read_bytes()


def _text(value: Any) -> str:
    if isinstance(value, dt.date):
        return value.isoformat()
    raise TypeError(type(value).__name__)
