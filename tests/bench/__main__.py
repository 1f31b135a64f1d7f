"""`python -m tests.bench`: measure, print the table, write the figures as JSON. Stops all that it started."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
import uuid
from pathlib import Path

from tests.bench import arithmetic, cds, cpu, house, ingest, people, profiling, report, tokens
from tests.bench.load import Call, burst, once
from tests.support.databases import TestDatabase, fresh_database, run_servers
from tests.support.processes import ROOT, free_port

CONCURRENCIES = (1, 4)


def main() -> int:
    """Return 0 when the run came to its end, whatever the figures; the table says what is below target."""
    options = _options()
    started = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="pdmp-bench-") as folder,
        run_servers(f"bench{uuid.uuid4().hex[:8]}") as urls,
    ):
        scratch = Path(folder)
        loads: list[ingest.Loaded] = []
        for number in range(1, options.ingest_rounds + 1):
            last = number == options.ingest_rounds
            with fresh_database(urls) as database:
                settings = house.settings_for(urls, database, scratch / f"home{number}", free_port())
                files = ingest.population(scratch / "population", options.patients, settings.mappings_dir)
                _say(f"ingest, round {number} of {options.ingest_rounds}")
                loads.append(ingest.measure(settings, database, files))
                if last:
                    _load_people(settings)
                    cases = _http(settings, database, scratch, options) if not options.profile else []
                    hooks = cds.measure(settings, database, scratch) if not options.profile else {}
                    counted = (
                        arithmetic.measure(settings, database, scratch, options.rounds, options.seconds)
                        if not options.profile
                        else {}
                    )
                    if options.profile:
                        _profile(settings)
        _say("tokens")
        signed = tokens.run(urls, scratch) if not options.profile else {}
        figures = {**report.summary(cases, loads), "cds": hooks, "arithmetic": counted, "tokens": signed}
    figures["machine"] = {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load": os.getloadavg(),
    }
    if cases:
        print("\n".join(report.http_table(cases)))
    print("\n".join(report.ingest_table(loads)))
    print(
        f"{time.monotonic() - started:.0f} s; load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(f"figures: {options.json}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds of requests")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of one burst")
    parser.add_argument("--patients", type=int, default=2000, help="size of the population that is ingested")
    parser.add_argument("--ingest-rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one short round of everything")
    parser.add_argument("--profile", action="store_true", help="where the time goes, instead of the requests")
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "bench.json", help="where figures go")
    options = parser.parse_args()
    if options.quick or options.profile:
        options.rounds, options.ingest_rounds = 1, 1
    if options.quick:
        options.seconds, options.patients = 0.5, 300
    return options


def _load_people(settings: house.Settings) -> None:
    loader = ingest.Loader.open(settings)
    try:
        for size in people.SIZES:
            text = people.file_of(size, house.TODAY, settings.mappings_dir)
            loaded = loader.load(text.encode(), f"history-{size}.asap")
            if loaded != size:
                raise RuntimeError(f"{loaded} of {size} dispensations were new")
    finally:
        loader.close()


def _http(
    settings: house.Settings, database: TestDatabase, scratch: Path, options: argparse.Namespace
) -> list[report.Case]:
    answers = scratch / "answers"
    answers.mkdir()
    server = house.postmaster(database)
    with house.gunicorn(settings, None, scratch / "gateway.log") as gateway:
        requester = house.Requester.register(settings)
        requester.sign_in()
        cases = []
        for size in people.SIZES:
            bodies = {"history": requester.ask(size).body, "search": once(requester.search(size)).body}
            if b'"total":%d' % size not in bodies["search"].replace(b" ", b""):
                raise RuntimeError(f"the search for {size} does not say so")
            for kind, body in bodies.items():
                (answers / f"{kind}-{size}").write_bytes(body)
                cases += [report.Case(kind, size, many, len(body)) for many in CONCURRENCIES]
        with (
            house.gunicorn(
                settings,
                "tests.bench.static_app:application()",
                scratch / "static.log",
                BENCH_ANSWERS=str(answers),
            ) as static,
            house.fhirstarter(settings, database, scratch / "fhirstarter.log") as starter,
        ):
            roots = (gateway.pid, static.pid, starter.pid, server)
            for number in range(options.rounds):
                _say(f"requests, round {number + 1} of {options.rounds}")
                requester.sign_in()
                for size in people.SIZES:
                    requester.ask(size)
                for case in cases:
                    for name, call in _calls(case, requester, static.port, starter.port).items():
                        figures = _measure(call, case.concurrency, options.seconds, roots)
                        case.bursts.setdefault(name, []).append(figures)
    return cases


def _calls(case: report.Case, requester: house.Requester, static: int, starter: int) -> dict[str, Call]:
    ours = requester.search(case.size) if case.kind == "search" else requester.history(case.size)
    head, _, body = ours.raw.partition(b"\r\n\r\n")
    method = head.split(b" ", 1)[0].decode()
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[2:] if "ength" not in line)
    calls = {
        "gateway": ours,
        # The very headers and body, so that parsing them costs the same.
        "static": Call.make(static, method, f"/answers/{case.kind}-{case.size}", headers, body),
    }
    if case.kind == "search":
        person = requester.grants[case.size][0]
        calls["fhirstarter"] = Call.make(starter, "GET", f"/MedicationDispense?patient={person}", headers)
    return calls


def _measure(call: Call, concurrency: int, seconds: float, roots: tuple[int, ...]) -> report.Burst:
    # A first request or two: connections, prepared statements and caches of the worker that gets it.
    burst(call, concurrency=concurrency, seconds=min(0.1, seconds), at_least=1)
    before = cpu.seconds(*roots)
    measured = burst(call, concurrency=concurrency, seconds=seconds)
    used = cpu.seconds(*roots) - before
    count = len(measured.times)
    if not count:
        raise RuntimeError("no request succeeded")
    return report.Burst(
        rate=measured.rate,
        p50=measured.percentile(0.5) * 1e3,
        p99=measured.percentile(0.99) * 1e3,
        cpu=used / count * 1e3,
        requests=count,
        failures=measured.failures,
    )


def _profile(settings: house.Settings) -> None:
    with tempfile.TemporaryDirectory(prefix="pdmp-bench-") as folder:
        with house.gunicorn(settings, None, Path(folder) / "gateway.log"):
            requester = house.Requester.register(settings)
            requester.sign_in()
            requester.ask(100)
        print("\n".join(profiling.requests(requester, 100)))
        # Another population of the same dispensers: what a file of one month costs on a store in use.
        ((name, content), *_) = sorted(
            ingest.population(Path(folder) / "more", 2500, settings.mappings_dir, seed=78),
            key=lambda file: -len(file[1]),
        )
        loader = ingest.Loader.open(settings)
        try:
            print("\n".join(profiling.ingest(loader, name, content)))
        finally:
            loader.close()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
