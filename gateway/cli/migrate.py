"""`pdmp migrate`: apply the migrations that the database lacks."""

from __future__ import annotations

import json
from zoneinfo import ZoneInfo

import click
import psycopg

from gateway.core.clock import Clock
from gateway.core.errors import Misconfigured, Unavailable
from gateway.core.settings import Settings
from gateway.embedded import Urls, resolve
from gateway.ingest.rerender import rerender, restrict_named
from gateway.mapping.tables import Mappings
from gateway.store.drugs import drug_table_version, replace_drugs
from gateway.store.migrate import Migration, admit, identifier_base, migrate


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
    """Apply what is missing as the database's owner, follow the mapping tables, and return the migrations.

    Raises Misconfigured.
    """
    url = urls.owner_database_url
    try:
        done = migrate(url, identifier_base=settings.identifier_base or settings.base_url, phase=phase)
        if url == urls.database_url:
            admit(url)
        with psycopg.connect(url) as connection:
            base = identifier_base(connection)
    except psycopg.errors.InsufficientPrivilege as error:
        raise Misconfigured(
            f"The login that migrates lacks a right ({error.diag.message_primary}). "
            "The README has the SQL that prepares roles and database."
        ) from error
    except psycopg.OperationalError as error:
        raise Unavailable("The database does not answer.", detail=type(error).__name__) from error
    mappings = Mappings.load(settings.mappings_dir, jurisdiction=settings.jurisdiction, identifier_base=base)
    # Before a deploy, processes with the earlier tables still write by them.
    if phase != "pre":
        _follow_tables(settings, url, mappings)
    return done


def _follow_tables(settings: Settings, url: str, mappings: Mappings) -> None:
    """Bring what is stored up to `mappings`: restrictions, rendered resources, and last the drug table.

    The drug table's version says that all the rest is done: a run that was broken off is taken up again.
    """
    clock = Clock(ZoneInfo(mappings.jurisdiction.zone), settings.test_today)
    with psycopg.connect(url, autocommit=True, application_name="pdmp-migrate") as connection:
        part2 = settings.part2_dispensers | mappings.jurisdiction.part2_dispensers
        restricted = restrict_named(connection, mappings, part2, clock.now())
        rendered = 0
        if drug_table_version(connection) != mappings.version:
            rendered = rerender(connection, mappings)
    replace_drugs(url, mappings.drug_rows(), version=mappings.version)
    for count, what in ((restricted, "dispensers restricted"), (rendered, "resources rendered anew")):
        if count:
            click.echo(f"{count} {what}", err=True)
