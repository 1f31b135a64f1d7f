"""`pdmp migrate`: apply the migrations that the database lacks."""

from __future__ import annotations

import json

import click

from gateway.core.settings import Settings
from gateway.embedded import Urls, resolve
from gateway.store.migrate import Migration, migrate


@click.command(name="migrate")
@click.option("--phase", type=click.Choice(["pre", "post"]), help="Only those for before or after a deploy.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line.")
def command(phase: str | None, as_json: bool) -> None:
    """Bring the database up to this version. Safe to repeat, and in several places at once."""
    settings = Settings.from_env()
    with resolve(settings, cache=False) as urls:
        done = apply_migrations(settings, urls, phase=phase)
    if as_json:
        click.echo(json.dumps({"applied": [f"{one.number:04}_{one.name}" for one in done]}))
    else:
        for one in done:
            click.echo(f"applied {one.number:04} {one.name}")
        click.echo("The database is up to date.")


def apply_migrations(settings: Settings, urls: Urls, *, phase: str | None = None) -> list[Migration]:
    """Apply what is missing as the database's owner and return it. Raises Misconfigured."""
    return migrate(
        urls.owner_database_url,
        identifier_base=settings.identifier_base or settings.base_url,
        phase=phase,
    )
