"""A CDS Hooks call beside an endpoint that only verifies such a JWT and stores its `jti`.

Both run under the same gunicorn settings on the same database; requests alternate between them, one at a
time, each with a token of its own that was signed before. Alone: `python -m tests.bench.cds`.
"""

from __future__ import annotations

import http.client
import json
import math
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gateway.auth.registration import register_client
from gateway.core.settings import Settings
from gateway.store.database import Database
from tests.bench import house
from tests.cds.ehr import PREFETCH, Ehr, drafts, hook, order
from tests.support.databases import TestDatabase, fresh_database, run_servers
from tests.support.processes import free_port

#: What a hook may cost at most, as a multiple of the yardstick, for p50 and for p99.
TIMES_YARDSTICK = 2.0
#: So many requests of each kind, to each server.
REQUESTS = 600
_WARM = 40
_ISS = "https://bench.example"

Times = list[float]


@dataclass(slots=True)
class Case:
    """One kind of call: its address and its body."""

    name: str
    path: str
    body: bytes = field(repr=False)
    hook: Times = field(default_factory=list)
    yardstick: Times = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        """Return milliseconds and ratios."""
        made = {}
        for name, share in (("p50", 0.5), ("p99", 0.99)):
            ours, theirs = _percentile(self.hook, share), _percentile(self.yardstick, share)
            made |= {f"hook_{name}": ours, f"yardstick_{name}": theirs, f"ratio_{name}": ours / theirs}
        return made


def measure(
    settings: Settings, database: TestDatabase, scratch: Path, requests: int = REQUESTS
) -> dict[str, Any]:
    """Return the figures of every kind of call, printed as a table too."""
    port = free_port()
    settings = replace(
        settings,
        base_url=f"http://localhost:{port}",
        bind=f"127.0.0.1:{port}",
        cds_app_launch_url="https://app.example/launch",
    )
    ehr = Ehr(settings.base_url, iss=_ISS)
    store = Database(settings.database_url or "")
    register_client(store, ehr.metadata(), client_id="bench-hooks", upsert=True)
    store.close()
    yardstick = Ehr("https://yardstick.example", iss=_ISS, key=ehr.key)
    more = {
        "BENCH_JWKS": json.dumps(ehr.jwks()),
        "BENCH_AUDIENCE": "https://yardstick.example/verify",
        "BENCH_DATABASE_URL": database.owner_url,
    }
    verify = "tests.bench.verify_app:application()"
    cases = _cases()
    with (
        house.gunicorn(settings, None, scratch / "hooks.log") as gateway,
        house.gunicorn(settings, verify, scratch / "verify.log", **more) as other,
    ):
        for case in cases:
            _run(case, ehr, yardstick, gateway.port, other.port, requests)
    found = {case.name: case.figures() for case in cases}
    print("\n".join(table(found)))
    return found


def table(found: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Return the lines of the table, with the target beside each ratio."""
    lines = ["CDS Hooks, ms; yardstick: verify a JWT, store its jti"]
    for name, one in found.items():
        told = [
            f"{part} {one[f'hook_{part}']:6.2f} / {one[f'yardstick_{part}']:6.2f}"
            f" = {one[f'ratio_{part}']:.2f}"
            f" ({'ok' if one[f'ratio_{part}'] <= TIMES_YARDSTICK else 'above'} {TIMES_YARDSTICK:g})"
            for part in ("p50", "p99")
        ]
        lines.append(f"  {name:24} " + "   ".join(told))
    return lines


def _cases() -> list[Case]:
    controlled = drafts(order(display="oxycodone hydrochloride 5 MG Oral Tablet"))
    plain = drafts(*(order(f"o{n}", text="Lisinopril 10 MG Oral Tablet") for n in range(5)))
    calls = {
        "patient-view": hook("patient-view"),
        "order-sign, a card": hook("order-sign", context={"draftOrders": controlled}, prefetch=PREFETCH),
        "order-sign, none": hook("order-sign", context={"draftOrders": plain}, prefetch=PREFETCH),
    }
    return [
        Case(name, f"/cds-services/pdmp-{name.partition(',')[0]}", json.dumps(body).encode())
        for name, body in calls.items()
    ]


def _run(case: Case, ehr: Ehr, yardstick: Ehr, ours: int, theirs: int, requests: int) -> None:
    headers = [(ehr.headers(case.path), yardstick.headers("/verify")) for _ in range(requests + _WARM)]
    here = http.client.HTTPConnection("127.0.0.1", ours, timeout=30)
    there = http.client.HTTPConnection("127.0.0.1", theirs, timeout=30)
    try:
        for number, (own, other) in enumerate(headers):
            times = _time(here, case.path, case.body, own), _time(there, "/verify", case.body, other)
            if number >= _WARM:
                case.hook.append(times[0])
                case.yardstick.append(times[1])
    finally:
        here.close()
        there.close()


def _time(connection: http.client.HTTPConnection, path: str, body: bytes, headers: dict[str, str]) -> float:
    started = time.perf_counter()
    connection.request("POST", path, body, {**headers, "Content-Type": "application/json"})
    answer = connection.getresponse()
    content = answer.read()
    taken = time.perf_counter() - started
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer.status} {content[:300].decode(errors='replace')}")
    return taken


def _percentile(times: Times, share: float) -> float:
    ordered = sorted(times)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1e3 if ordered else math.nan


def main() -> int:
    """Return 0 when every ratio is at most TIMES_YARDSTICK."""
    with (
        tempfile.TemporaryDirectory(prefix="pdmp-bench-") as folder,
        run_servers(f"bench{uuid.uuid4().hex[:8]}") as urls,
        fresh_database(urls) as database,
    ):
        settings = house.settings_for(urls, database, Path(folder) / "home", free_port())
        found = measure(settings, database, Path(folder))
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    ratios = [one[f"ratio_{part}"] for one in found.values() for part in ("p50", "p99")]
    return 0 if max(ratios) <= TIMES_YARDSTICK else 1


if __name__ == "__main__":
    sys.exit(main())
