"""Medians, ratios and a table: figures of one run, with the target beside each."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from tests.bench.ingest import Loaded

#: What `make bench` is held to.
OF_STATIC, TIMES_FHIRSTARTER, OF_COPY = 0.25, 100.0, 0.2


@dataclass(frozen=True, slots=True)
class Burst:
    """One server's figures in one round. Times in milliseconds; CPU of server and database a request."""

    rate: float
    p50: float
    p99: float
    cpu: float
    requests: int
    failures: int


@dataclass(slots=True)
class Case:
    """One request at one concurrency, by every server that can answer it, round by round."""

    kind: str
    size: int
    concurrency: int
    bytes: int
    bursts: dict[str, list[Burst]] = field(default_factory=dict)

    def ratio(self, other: str, measure: str = "rate") -> float | None:
        """Return the median over the rounds of gateway / `other`; for CPU the other way round."""
        theirs = self.bursts.get(other)
        if not theirs:
            return None
        pairs = zip(self.bursts["gateway"], theirs, strict=True)
        if measure == "cpu":
            return median([_divide(b.cpu, a.cpu) for a, b in pairs])
        return median([_divide(a.rate, b.rate) for a, b in pairs])


def _divide(a: float, b: float) -> float:
    return a / b if b else math.nan


def _middle(bursts: Iterable[Burst], name: str) -> float:
    return median(getattr(one, name) for one in bursts)


def http_table(cases: list[Case]) -> list[str]:
    """Return the lines of the table of requests."""
    lines = [
        f"{'request':<16}{'rows':>5}{'KB':>6}{'c':>3}  {'server':<12}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}"
        f"{'CPU ms':>8}   ratio (by CPU)   target"
    ]
    for case in cases:
        for server, bursts in case.bursts.items():
            head = f"{case.kind:<16}{case.size:>5}{case.bytes // 1024:>6}{case.concurrency:>3}"
            line = (
                f"{head if server == 'gateway' else '':<30}  {server:<12}{_middle(bursts, 'rate'):>9.1f}"
                f"{_middle(bursts, 'p50'):>9.2f}{_middle(bursts, 'p99'):>9.2f}{_middle(bursts, 'cpu'):>8.2f}"
            )
            if server != "gateway":
                line += "   " + _judged(case, server)
            failures = sum(one.failures for one in bursts)
            lines.append(line + (f"   {failures} FAILED" if failures else ""))
    return lines


def _judged(case: Case, server: str) -> str:
    ratio, by_cpu = case.ratio(server), case.ratio(server, "cpu")
    assert ratio is not None
    assert by_cpu is not None
    if server == "static":
        return f"{ratio:>6.2f} ({by_cpu:.2f})    ≥ {OF_STATIC}  {_verdict(ratio, OF_STATIC)}"
    return (
        f"{ratio:>6.0f}× ({by_cpu:.0f}×)   ≥ {TIMES_FHIRSTARTER:.0f}×  {_verdict(ratio, TIMES_FHIRSTARTER)}"
    )


def _verdict(value: float, target: float) -> str:
    return "met" if value >= target else "BELOW"


def ingest_table(rounds: list[Loaded]) -> list[str]:
    """Return the lines of the table of ingest."""
    rows, files = rounds[0].dispensations, rounds[0].files
    lines = [f"ingest of {rows} dispensations in {files} files, median of {len(rounds)} rounds"]
    for label, wall, used in (
        ("pdmp ingest", "ingest", "ingest_cpu"),
        ("COPY, text", "copy_text", "copy_text_cpu"),
        ("COPY, binary", "copy_binary", "copy_binary_cpu"),
    ):
        seconds = median(getattr(one, wall) for one in rounds)
        burnt = median(getattr(one, used) for one in rounds)
        line = f"  {label:<14}{seconds:>8.2f} s{rows / seconds:>10.0f} rows/s   CPU {burnt:>6.2f} s"
        if wall != "ingest":
            ratio = median(getattr(one, wall) / one.ingest for one in rounds)
            by_cpu = median(getattr(one, used) / one.ingest_cpu for one in rounds)
            line += f"   {ratio:.2f} ({by_cpu:.2f})   ≥ {OF_COPY}  {_verdict(ratio, OF_COPY)}"
        lines.append(line)
    return lines


def summary(cases: list[Case], rounds: list[Loaded]) -> dict[str, Any]:
    """Return everything as values for JSON."""
    return {
        "targets": {"of_static": OF_STATIC, "times_fhirstarter": TIMES_FHIRSTARTER, "of_copy": OF_COPY},
        "requests": [
            {
                "request": case.kind,
                "rows": case.size,
                "bytes": case.bytes,
                "concurrency": case.concurrency,
                "of_static": case.ratio("static"),
                "of_static_by_cpu": case.ratio("static", "cpu"),
                "times_fhirstarter": case.ratio("fhirstarter"),
                "times_fhirstarter_by_cpu": case.ratio("fhirstarter", "cpu"),
                "servers": {
                    server: {
                        name: _middle(bursts, name)
                        for name in ("rate", "p50", "p99", "cpu", "requests", "failures")
                    }
                    for server, bursts in case.bursts.items()
                },
            }
            for case in cases
        ],
        "ingest": [
            {
                "dispensations": one.dispensations,
                "seconds": one.ingest,
                "copy_text_seconds": one.copy_text,
                "copy_binary_seconds": one.copy_binary,
                "of_copy_text": one.copy_text / one.ingest,
                "of_copy_binary": one.copy_binary / one.ingest,
            }
            for one in rounds
        ],
    }
