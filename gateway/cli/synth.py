"""`pdmp synth`: a synthetic Kentucky population as ASAP 4.2B files."""

from __future__ import annotations

import datetime as dt
import json
import sys
from dataclasses import asdict
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from gateway.core.clock import Clock
from gateway.core.settings import Settings
from gateway.mapping import jurisdiction
from gateway.mapping.sources import Sources
from gateway.synth.generate import write


@click.command(name="synth")
@click.option("--patients", type=click.IntRange(1, 1_000_000), required=True, help="How many people.")
@click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), default=1, show_default=True, help="Which population."
)
@click.option(
    "--today",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Last day of the histories. Default: PDMP_TEST_TODAY, else today in the jurisdiction's time zone.",
)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write to."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON line instead of a sentence.")
def command(patients: int, seed: int, today: dt.datetime | None, out: Path, *, as_json: bool) -> None:
    """Write a synthetic Kentucky population as ASAP 4.2B files.

    Equal arguments give equal bytes; a larger population begins with the smaller one. The drugs are those of
    the project's own table. --json tells how many people there are of each clinical pattern.
    """
    try:
        settings = Settings.from_env()
        day = today.date() if today else _today(settings)
        if not dt.date(1990, 1, 1) <= day <= dt.date(2100, 1, 1):
            raise click.BadParameter("must lie between 1990 and 2100", param_hint="--today")
        with click.progressbar(
            length=patients, label="People", file=sys.stderr, hidden=as_json or not sys.stderr.isatty()
        ) as bar:
            summary = write(
                out,
                patients=patients,
                seed=seed,
                today=day,
                mappings=settings.mappings_dir,
                progress=bar.update,
            )
    except OSError as error:
        raise click.ClickException(f"Cannot write to {out}: {error.strerror}.") from error
    if as_json:
        click.echo(json.dumps(asdict(summary)))
    else:
        click.echo(
            f"{summary.dispensations} dispensations of {summary.patients} people "
            f"in {summary.files} files: {out}"
        )


def _today(settings: Settings) -> dt.date:
    """Return the day on which `pdmp ingest` would take the files: a later one it would refuse."""
    if settings.test_today:
        return settings.test_today
    state = jurisdiction.load(Sources(settings.mappings_dir), settings.jurisdiction)
    return Clock(ZoneInfo(state.zone)).today()
