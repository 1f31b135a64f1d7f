"""The demonstration's data: ASAP files that are given, or a synthetic population, loaded once.

Loading goes through `pdmp ingest`, as a pharmacy's file would. What the store has answered before, told
by SHA-256, is not sent again, so that a second start takes seconds and an interrupted one goes on.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import click
import psycopg

from gateway.cli.demo.people import statements
from gateway.core.errors import Misconfigured, Unavailable
from gateway.core.settings import Settings

_SEED = "1"
_AT_ONCE = 200  # files a call: an argument list has an end


def load_population(settings: Settings, url: str, env: Mapping[str, str]) -> None:
    """Load what the settings ask for and the store lacks. Raises Misconfigured or Unavailable.

    Files that are named come instead of the synthetic population, unless its size is set too.
    """
    named = [file for name in settings.demo_files or () for file in _files(Path(name).absolute())]
    synthetic = settings.demo_patients > 0 and (not settings.demo_files or "PDMP_DEMO_PATIENTS" in os.environ)
    files = [*(_synthetic(settings, url, env) if synthetic else ()), *named]
    missing = _missing(files, url, settings.jurisdiction)
    if missing:
        click.echo(f"Loading {len(missing)} ASAP files …")
        outcome = Counter[str]()
        for start in range(0, len(missing), _AT_ONCE):
            outcome += _ingest(missing[start : start + _AT_ONCE], env)
        told = ", ".join(f"{count} {status}" for status, count in sorted(outcome.items()))
        click.echo(f"Loaded: {told}.")


def _files(path: Path) -> list[Path]:
    """Return `path`, or every ASAP file below it, by name."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise Misconfigured(f"PDMP_DEMO_FILES: there is no {path}.")
    return sorted(found for found in path.rglob("*") if found.is_file() and _begins_as_asap(found))


def _begins_as_asap(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"TH"


def _synthetic(settings: Settings, url: str, env: Mapping[str, str]) -> list[Path]:
    """Return the files of the synthetic population, written at the first start and kept.

    Kept, because a population of another day would be another one. None, when the store was filled from
    elsewhere.
    """
    folder = settings.home / "population"
    if not folder.is_dir():
        if _anything_loaded(url, settings.jurisdiction):
            return []
        aside = settings.home / f"population.new-{os.getpid()}"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(mode=0o700)
        click.echo(f"Making a synthetic population of {settings.demo_patients} …")
        _pdmp(["synth", "--patients", str(settings.demo_patients), "--seed", _SEED, "--out", str(aside)], env)
        aside.rename(folder)
    return _files(folder)


def _anything_loaded(url: str, jurisdiction: str) -> bool:
    with psycopg.connect(url) as connection:
        row = connection.execute(statements()["submissions_exist"], {"jurisdiction": jurisdiction}).fetchone()
    return bool(row and row[0])


def _missing(files: Iterable[Path], url: str, jurisdiction: str) -> list[Path]:
    sums = {file: hashlib.sha256(file.read_bytes()).digest() for file in files}
    if not sums:
        return []
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            statements()["loaded_files"], {"jurisdiction": jurisdiction, "sums": list(sums.values())}
        ).fetchall()
    known = {bytes(row[0]) for row in rows}
    return [file for file, digest in sums.items() if digest not in known]


def _ingest(files: list[Path], env: Mapping[str, str]) -> Counter[str]:
    done = _pdmp(["ingest", "--json", *map(str, files)], env, allowed=(0, 1, 2))
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.strip()]
    if len(answers) != len(files):
        raise Unavailable("pdmp ingest did not answer for every file.")
    return Counter(str(answer["status"]) for answer in answers)


def _pdmp(
    words: list[str], env: Mapping[str, str], *, allowed: tuple[int, ...] = (0,)
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "gateway.cli", *words],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode not in allowed:
        raise Unavailable(f"pdmp {words[0]} ended with status {done.returncode}.")
    return done
