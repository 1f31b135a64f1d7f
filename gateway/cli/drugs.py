"""`pdmp drugs`: fill the drug table from the FDA's and NLM's own files, and see what it lacks."""

from __future__ import annotations

import csv
import datetime as dt
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import click

from gateway.core.errors import Misconfigured
from gateway.core.settings import Settings
from gateway.embedded import resolve
from gateway.mapping import drug_classes, drug_import, drugs, federal_schedules, jurisdiction
from gateway.mapping import ndc_directory as directory
from gateway.mapping import rxnorm_release as rxnorm
from gateway.mapping.drug_import import Knowledge, Report, Row
from gateway.mapping.sources import Sources
from gateway.store.database import Database
from gateway.store.sql import queries

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_LINES = 20  # of each kind that a person is shown; --json has them all


@click.group(name="drugs", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Fill the drug table from public files, and see what it lacks."""


@command.command(name="import")
@click.option("--ndc", type=_FOLDER, required=True, help="Folder with product.txt and package.txt (FDA).")
@click.option("--rxnorm", "rrf", type=_FOLDER, help="Folder with RXNCONSO, RXNREL and RXNSAT.RRF (NLM).")
@click.option("--release", help="What the files are called in the table. Default: the day of product.txt.")
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line, with every difference.")
def import_(ndc: Path, rrf: Path | None, release: str | None, dry_run: bool, as_json: bool) -> None:
    """Take the scheduled products of the NDC directory into mappings/drugs/imported.csv.

    Products that a pharmacist has reviewed (drugs.csv, or a name in the column reviewed_by) stay as they are;
    differences are told. What would leave a hole or contradict the table is left out, with the reason.
    `pdmp migrate` and a restart put a changed table to use.
    """
    settings = Settings.from_env()
    folder = settings.mappings_dir
    sources = Sources(folder)
    state = jurisdiction.load(sources, settings.jurisdiction)
    words = drugs.vocabulary(sources)
    known = Knowledge(
        words,
        federal_schedules.load(sources),
        state.schedules,
        drug_classes.load(sources, {}, words.lanes),
    )
    reviewed, imported = _table(folder / drugs.REVIEWED), _table(folder / drugs.IMPORTED)
    report = Report()
    with ExitStack() as files:

        def lines(name: str) -> Iterator[bytes]:
            return files.enter_context(_file(rrf or ndc, name).open("rb"))

        new = drug_import.candidates(
            directory.products(_lines(_file(ndc, "product.txt")), report.left_out),
            directory.packages(_lines(_file(ndc, "package.txt")), report.left_out),
            lambda found: rxnorm.read(lines, found) if rrf else rxnorm.Release(),
            known,
            release or _day(_file(ndc, "product.txt")),
            report,
        )
    rows = drug_import.merge({row["ndc11"]: row for row in reviewed}, imported, new, known, report)
    text = drug_import.written(rows)
    # The whole table, as the gateway would read it: nothing is written that would stop its start.
    products = drugs.load(Sources(folder, instead={drugs.IMPORTED: text}), state.schedules)
    drug_classes.load(sources, products, words.lanes)
    if not dry_run:
        _replace(folder / drugs.IMPORTED, text)
    _tell(report, "" if dry_run else str(folder / drugs.IMPORTED), as_json=as_json)


@command.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def check(as_json: bool) -> None:
    """List the NDCs of current dispensations that the drug table lacks, the most frequent first.

    Their doses are unknown to every figure. Exit status 3 without a database.
    """
    settings = Settings.from_env()
    sources = Sources(settings.mappings_dir)
    known = drugs.load(sources, jurisdiction.load(sources, settings.jurisdiction).schedules)
    missing = total = 0
    with resolve(settings, cache=False) as urls, Database(urls.database_url).connection() as connection:
        rows = connection.cursor().stream(
            queries("drugs.sql")["reported_products"], {"jurisdiction": settings.jurisdiction}
        )
        for ndc, count, first, last in rows:
            total += 1
            if ndc not in known:
                missing += 1
                fields = {"ndc": ndc, "dispensations": count, "first": f"{first}", "last": f"{last}"}
                click.echo(json.dumps(fields) if as_json else "\t".join(map(str, fields.values())))
    click.echo(f"{missing} of {total} products are not in the drug table.", err=True)


def _table(path: Path) -> list[Row]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _file(folder: Path, name: str) -> Path:
    """Return the file of that name, whatever its letters' case, in `folder` or in its `rrf`."""
    for place in (folder, folder / "rrf"):
        for path in sorted(place.iterdir()) if place.is_dir() else ():
            if path.name.lower() == name.lower():
                return path
    raise click.ClickException(f"There is no {name} in {folder}.")


def _lines(path: Path) -> Iterable[bytes]:
    with path.open("rb") as file:
        yield from file


def _day(path: Path) -> str:
    return f"{dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC):%Y-%m-%d}"


def _replace(path: Path, text: str) -> None:
    """Write `path` anew, whole or not at all."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with aside.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise Misconfigured(f"Cannot write {path}: {error.strerror}.") from error


def _tell(report: Report, written: str, *, as_json: bool) -> None:
    counts = {name: getattr(report, name) for name in ("added", "changed", "unchanged", "kept", "agreed")}
    if as_json:
        differences = [
            {"ndc": ndc, "column": column, "reviewed": ours, "imported": theirs}
            for ndc, column, ours, theirs in report.differences
        ]
        left_out = [{"ndc": ndc, "reason": reason} for ndc, reason in report.left_out]
        click.echo(
            json.dumps(
                {**counts, "differences": differences, "left_out": left_out, "written": written or None}
            )
        )
        return
    click.echo(", ".join(f"{count} {name}" for name, count in counts.items()))
    _listed("Reviewed otherwise", [f"{n}\t{c}\t{a or '-'}\t{b}" for n, c, a, b in report.differences])
    _listed("Left out", [f"{ndc}\t{reason}" for ndc, reason in report.left_out])
    click.echo(f"Written: {written}. Run `pdmp migrate`." if written else "Nothing was written.")


def _listed(heading: str, lines: list[str]) -> None:
    if lines:
        click.echo(f"{heading}: {len(lines)}")
        for line in lines[:_LINES]:
            click.echo(f"  {line}")
        if len(lines) > _LINES:
            click.echo(f"  … and {len(lines) - _LINES} more; --json has them all")
