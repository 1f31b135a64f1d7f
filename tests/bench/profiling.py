"""Where the time of one request and of one ingested file goes: cProfile in this process.

The profiler makes small Python functions look dearer than they are; read shares, not milliseconds.
"""

from __future__ import annotations

import cProfile
import io
import pstats
import time
from collections.abc import Callable
from typing import Any

from gateway.app import create_app
from tests.bench.house import Requester
from tests.bench.ingest import Loader
from tests.bench.load import Call
from tests.support.processes import ROOT

_REQUESTS = 400


def requests(requester: Requester, size: int) -> list[str]:
    """Return the profile of a search and of a $pdmp-history, through the test client."""
    client = create_app(requester.settings).test_client()
    lines: list[str] = []
    for name, call in (("search", requester.search(size)), ("$pdmp-history", requester.history(size))):
        lines += _profiled(f"{name}, {size} dispensations", _through(client, call), _REQUESTS)
    return lines


def ingest(loader: Loader, name: str, content: bytes) -> list[str]:
    """Return the profile of loading one file, which must be new."""
    return _profiled(
        f"ingest of {name}, {len(content) // 1024} KB", lambda: loader.load(content, name), 1, warm=0
    )


def _through(client: Any, call: Call) -> Callable[[], None]:
    head, _, body = call.raw.partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    method, path, _ = first.split(" ")
    headers = dict(line.split(": ", 1) for line in rest)

    def ask() -> None:
        answer = client.open(path, method=method, headers=headers, data=body or None)
        assert answer.status_code == 200, answer.get_data()[:500]
        answer.close()

    return ask


def _profiled(title: str, action: Callable[[], object], times: int, *, warm: int = 50) -> list[str]:
    for _ in range(warm):
        action()
    plain = 0.0
    if warm:
        start = time.perf_counter()
        for _ in range(times):
            action()
        plain = (time.perf_counter() - start) / times
    profiler = cProfile.Profile()
    start = time.perf_counter()
    profiler.enable()
    for _ in range(times):
        action()
    profiler.disable()
    took = (time.perf_counter() - start) / times
    lines = ["", f"## {title}: {plain * 1e6:.0f} us plain, {took * 1e6:.0f} us under the profiler"]
    for order, heading in (("cumulative", "with what they call"), ("tottime", "by themselves")):
        out = io.StringIO()
        stats = pstats.Stats(profiler, stream=out)
        lines.append(f"  us a time  calls  {heading}")
        lines += _rows(stats, order, times)
    return lines


def _rows(stats: pstats.Stats, order: str, times: int) -> list[str]:
    entries = []
    raw: dict[tuple[str, int, str], tuple[int, int, float, float, Any]] = stats.stats  # type: ignore[attr-defined]
    for (file, line, name), (_, calls, own, total, _) in raw.items():
        spent = total if order == "cumulative" else own
        if order == "cumulative" and "/gateway/" not in file and "psycopg" not in file:
            continue
        short = file.replace(f"{ROOT}/", "").rpartition("site-packages/")[2]
        entries.append((spent / times * 1e6, calls / times, f"{short}:{line} {name}" if line else name))
    entries.sort(reverse=True)
    return [f"  {spent:>9.0f}  {calls:>8.1f}  {where}" for spent, calls, where in entries[:28]]
