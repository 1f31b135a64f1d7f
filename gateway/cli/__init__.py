"""`pdmp`: one file a verb, listed here, loaded when asked for.

Other packages add verbs through the entry-point group `pdmp.verbs` (`pdmp ehrs` is the app's); they run
beside the servers of this `PDMP_HOME`, like our own. Exit status 3: no database, or settings that don't
do; 1: any other expected failure; 2: wrong usage. A verb may have further ones of its own.
"""

from __future__ import annotations

import importlib
import os
from importlib.metadata import EntryPoint, entry_points, version

import click
import psycopg

from gateway.core.errors import GatewayError, Misconfigured, Unavailable
from gateway.core.settings import Settings

#: verb -> its module, whose `command` it is, and its line in `pdmp --help`.
VERBS: dict[str, tuple[str, str]] = {
    "demo": ("gateway.cli.demo", "Run everything with demonstration data."),
    "serve": ("gateway.cli.serve", "Serve the gateway with gunicorn."),
    "migrate": ("gateway.cli.migrate", "Bring the database up to this version."),
    "ingest": ("gateway.cli.ingest", "Load ASAP files."),
    "clients": ("gateway.cli.clients", "Register and list client applications."),
    "keys": ("gateway.cli.keys", "Rotate and list the keys that sign tokens."),
    "accounts": ("gateway.cli.accounts", "Add and list the program's users."),
    "persons": ("gateway.cli.persons", "See, merge and split persons, as a steward."),
    "audit": ("gateway.cli.audit", "List what was disclosed, to whom, why."),
    "synth": ("gateway.cli.synth", "Write a synthetic population as ASAP files."),
    "drugs": ("gateway.cli.drugs", "Fill the drug table from public files, and see what it lacks."),
}

_PLUGINS = "pdmp.verbs"
#: What a statement meets before the migrations: no tables, and no right to look for them.
_NOT_MIGRATED = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.InvalidSchemaName,
    psycopg.errors.InsufficientPrivilege,
)
_APP_DATABASE = "PDMP_APP_DATABASE_URL"


class Verbs(click.Group):
    """A group that imports a verb's module only when that verb is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return our verbs in their order, then those of other packages."""
        return [*VERBS, *sorted(entry.name for entry in _plugins())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the verb, or None for an unknown one."""
        if cmd_name in VERBS:
            return _load(VERBS[cmd_name][0])
        for entry in _plugins():
            if entry.name == cmd_name:
                command: click.Command = entry.load()
                return _beside_servers(command)
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of verbs without importing them."""
        rows = [(name, text) for name, (_, text) in VERBS.items()]
        rows += [(entry.name, f"From {entry.value.partition('.')[0]}.") for entry in _plugins()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> object:
        """Run the verb; an expected failure becomes one sentence and an exit status."""
        try:
            return super().invoke(ctx)
        except GatewayError as error:
            if isinstance(error, Unavailable | Misconfigured):
                raise _Unready(error.public) from error
            raise click.ClickException(error.public) from error
        except _NOT_MIGRATED as error:
            raise _Unready("The database is not migrated: run `pdmp migrate`.") from error


class _Unready(click.ClickException):
    exit_code = 3


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("pdmp-gateway"), prog_name="pdmp")
def main() -> None:
    """PDMP Gateway: prescription monitoring data in the chart."""


def _load(module: str) -> click.Command:
    try:
        command: click.Command = importlib.import_module(module).command
    except ModuleNotFoundError as error:
        if error.name == module:
            raise click.UsageError(f"This installation lacks the verb's module {module}.") from None
        raise
    return command


def _plugins() -> list[EntryPoint]:
    return [entry for entry in entry_points(group=_PLUGINS) if entry.name not in VERBS]


def _beside_servers(command: click.Command) -> click.Command:
    """Return `command`, which finds embedded servers running when it is called."""
    run = command.invoke

    def invoke(ctx: click.Context) -> object:
        from gateway.embedded import app_login, resolve

        settings = Settings.from_env()
        if any(word in ("-h", "--help") for word in [*ctx.args, *getattr(ctx, "_protected_args", [])]):
            return run(ctx)
        if os.environ.get(_APP_DATABASE):
            return run(ctx)
        with resolve(settings, cache=False) as urls:
            if not urls.app_database_url:
                # An external server: what embedded ones leave in a file, this verb gets from us.
                os.environ[_APP_DATABASE] = app_login(settings, urls.owner_database_url)
            return run(ctx)

    command.invoke = invoke  # type: ignore[method-assign]
    return command
