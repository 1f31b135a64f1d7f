"""`pdmp ingest`: load ASAP files and answer each; a folder means all `*.asap` files below it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
import orjson

from gateway.core.clock import Clock
from gateway.core.errors import Misconfigured, Unavailable
from gateway.core.settings import Settings
from gateway.embedded import resolve
from gateway.ingest.run import ingest_file
from gateway.mapping.tables import Mappings
from gateway.store.database import Database
from gateway.store.migrate import identifier_base, is_ready
from gateway.store.vault import Vault

ACCEPTED, PARTLY, REFUSED, UNREADABLE = range(4)
_SUFFIX = ".asap"


@click.command(name="ingest")
@click.option("--json", "as_json", is_flag=True, help="One JSON line a file.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE…")
def command(files: tuple[Path, ...], as_json: bool) -> None:
    """Load ASAP files; a folder stands for all *.asap files below it.

    Exit status: 0 all accepted, 1 some only partly, 2 any refused, 3 a file cannot be read or there is no
    database.
    """
    settings = Settings.from_env()
    worst = ACCEPTED
    with resolve(settings, cache=False) as urls:
        wanted = list(_spread(files))
        with _Ingest(urls.settings(settings)) as one, _progress(wanted) as shown:
            for path in shown:
                answer, status = one.answer(path)
                worst = max(worst, status)
                _clear_line()
                click.echo(orjson.dumps(answer).decode() if as_json else _line(answer))
                if not as_json:
                    for problem in answer["errors"]:
                        click.echo(_problem(problem))
    sys.exit(worst)


class _Ingest:
    """What every file of one call needs, opened once."""

    def __init__(self, settings: Settings) -> None:
        if settings.database_url is None:
            raise Unavailable("There is no database.")
        self._settings = settings
        self._database = Database(settings.database_url)

    def __enter__(self) -> _Ingest:
        settings = self._settings
        with self._database.connection() as connection:
            if not is_ready(connection):
                raise Misconfigured("The database is not migrated: run `pdmp migrate`.")
            base = identifier_base(connection)
        self._mappings = Mappings.load(
            settings.mappings_dir, jurisdiction=settings.jurisdiction, identifier_base=base
        )
        self._vault = Vault.of(settings)
        self._clock = Clock(ZoneInfo(self._mappings.jurisdiction.zone), settings.test_today)
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def answer(self, path: Path) -> tuple[dict[str, Any], int]:
        """Return the answer to one file and what it means for the exit status."""
        try:
            answer = ingest_file(
                self._database, self._clock, self._vault, self._mappings, self._settings, path, str(path)
            )
        except OSError:
            return _unreadable(path), UNREADABLE
        return answer, {"accepted": ACCEPTED, "partly": PARTLY}.get(answer["status"], REFUSED)


def _spread(files: tuple[Path, ...]) -> Iterator[Path]:
    for path in files:
        if path.is_dir():
            inside = sorted(one for one in path.rglob(f"*{_SUFFIX}") if one.is_file())
            # A folder without any is answered as a file that cannot be read: nothing was loaded.
            yield from inside or [path]
        else:
            yield path


@contextmanager
def _progress(files: list[Path]) -> Iterator[Iterator[Path]]:
    # On a terminal only, and on standard error: what is piped are the answers.
    if len(files) < 2 or not sys.stderr.isatty():
        yield iter(files)
        return
    with click.progressbar(files, label="Loading", file=sys.stderr) as shown:
        yield iter(shown)


def _clear_line() -> None:
    """Take the progress bar away, so that an answer has its line; the next step draws it again."""
    if sys.stderr.isatty():
        click.echo("\r\x1b[2K", nl=False, err=True)


def _unreadable(path: Path) -> dict[str, Any]:
    problem = {
        "severity": "error",
        "code": "unreadable",
        "segment": "",
        "ordinal": 0,
        "element": "",
        "rx_number": None,
        "message": "The file cannot be read.",
    }
    counts = dict.fromkeys(("records", "new", "revised", "voided", "duplicate", "refused", "warned"), 0)
    return {
        "file": str(path),
        "status": "refused",
        "control_number": None,
        "version": None,
        **counts,
        "zero_report": False,
        "duplicate_file": False,
        "errors": [problem],
    }


def _line(answer: dict[str, Any]) -> str:
    counts = [
        f"{answer[name]} {name}"
        for name in ("new", "revised", "voided", "duplicate", "refused", "warned")
        if answer[name]
    ]
    if answer["zero_report"]:
        counts.append("zero report")
    if answer["duplicate_file"]:
        counts.append("received before")
    return f"{answer['file']}: {answer['status']}" + (f" ({', '.join(counts)})" if counts else "")


def _problem(problem: dict[str, Any]) -> str:
    place = problem["element"] or problem["segment"]
    where = f"segment {problem['ordinal']}" + (f" {place}" if place else "") if problem["ordinal"] else "file"
    rx = f", Rx {problem['rx_number']}" if problem["rx_number"] else ""
    return f"  {problem['severity']}: {where}{rx}: {problem['message']} [{problem['code']}]"
