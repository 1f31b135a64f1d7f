"""`pdmp synth`: a synthetic Kentucky population as ASAP 4.2B files."""

from __future__ import annotations

import datetime as dt
import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from gateway.core.settings import Settings
from gateway.synth.generate import write


@click.command(name="synth")
@click.option("--patients", type=click.IntRange(1, 1_000_000), required=True, help="How many people.")
@click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), default=1, show_default=True, help="Which population."
)
@click.option(
    "--today",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Last day of the histories. Default: PDMP_TEST_TODAY, else this day.",
)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write to."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON line instead of a sentence.")
def command(patients: int, seed: int, today: dt.datetime | None, out: Path, *, as_json: bool) -> None:
    """Write a synthetic Kentucky population as ASAP 4.2B files.

    Equal arguments give equal bytes; a larger population begins with the smaller one. The drugs are those of
    the project's own table.
    """
    try:
        settings = Settings.from_env()
        day = today.date() if today else settings.test_today or dt.datetime.now().astimezone().date()
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
