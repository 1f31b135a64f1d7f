"""`pdmp serve`: the gateway under gunicorn, with external servers or embedded ones of its own."""

from __future__ import annotations

import os
from pathlib import Path

import click
import psycopg

from gateway.auth.accounts import disable_account, list_accounts
from gateway.auth.registration import disable_client, list_clients
from gateway.cli.children import GUNICORN, children
from gateway.core.errors import Misconfigured, Unavailable
from gateway.core.settings import Settings
from gateway.embedded import embedded_servers
from gateway.store.database import Database, not_connected
from gateway.store.migrate import is_ready

#: How names begin that `pdmp demo` gives; no deployment should use them.
DEMO_ACCOUNT, DEMO_CLIENT = "demo.", "demo-"

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(name="serve")
@click.option("--certfile", type=_FILE, help="TLS certificate chain (PEM): PDMP_TLS_CERTIFICATE.")
@click.option("--keyfile", type=_FILE, help="TLS private key (PEM): PDMP_TLS_KEY.")
def command(certfile: Path | None, keyfile: Path | None) -> None:
    """Serve the gateway until told to stop.

    It starts without a database too, or with one that is not migrated; /readyz says 503 until that is mended.
    """
    if bool(certfile) != bool(keyfile):
        raise click.UsageError("--certfile and --keyfile go together.")
    given: dict[str, str] = {}
    if certfile and keyfile:
        given = {
            "PDMP_TLS_CERTIFICATE": str(certfile.absolute()),
            "PDMP_TLS_KEY": str(keyfile.absolute()),
        }
    settings = Settings.from_env({**os.environ, **given})
    with embedded_servers(settings) as servers, children(None) as running:
        if servers.notice:
            click.echo(servers.notice, err=True)
        here = servers.urls.settings(settings)
        demonstration = _Demonstration(here)
        demonstration.end()
        running.start("gateway", list(GUNICORN), {**gateway_environment(here), **given})
        click.echo(f"PDMP Gateway: {settings.base_url} (listening on {settings.bind})", err=True)

        def died() -> str | None:
            demonstration.end()
            return servers.died()

        running.watch(died)


class _Demonstration:
    """Ends what a demonstration left, at the start; else as soon as the database is there and migrated."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pending = True
        self._told = ""

    def end(self) -> None:
        """Do it now, if that can be done and has not been; say once why it can't."""
        if not self._pending:
            return
        try:
            check_migrated(self._settings)
            end_demonstration(self._settings)
        except (Unavailable, Misconfigured) as error:
            if error.public != self._told:
                click.echo(f"{error.public} Until then /readyz says 503.", err=True)
                self._told = error.public
        else:
            self._pending = False


def check_migrated(settings: Settings) -> None:
    """Raise Misconfigured when the database lacks a migration of this version, Unavailable without one."""
    assert settings.database_url
    try:
        with psycopg.connect(
            settings.database_url, options="-c role=pdmp_gateway", connect_timeout=10
        ) as found:
            if is_ready(found):
                return
    except psycopg.OperationalError as error:
        raise not_connected(error) from error
    raise Misconfigured("The database is not migrated: run `pdmp migrate`.")


def end_demonstration(settings: Settings) -> None:
    """Disable what `pdmp demo` registered in this database, and remove its files with their secrets.

    The demonstration's names begin with `demo.` and `demo-`; a later `pdmp demo` makes them active again.
    """
    assert settings.database_url
    database = Database(settings.database_url)
    try:
        usernames = [one["username"] for one in list_accounts(database) if one["active"]]
        client_ids = [one.client_id for one in list_clients(database) if one.active]
        for username in filter(lambda name: name.startswith(DEMO_ACCOUNT), usernames):
            disable_account(database, username)
            click.echo(f"disabled the demonstration's account {username}", err=True)
        for client_id in filter(lambda name: name.startswith(DEMO_CLIENT), client_ids):
            disable_client(database, client_id)
            click.echo(f"disabled the demonstration's client {client_id}", err=True)
    finally:
        database.close()
    for name in ("demo.json", "ehr.json"):
        (settings.home / name).unlink(missing_ok=True)


def gateway_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of a gateway process with the URLs of `settings`."""
    env = {**os.environ, "PDMP_HOME": str(settings.home), "PDMP_DATABASE_URL": settings.database_url or ""}
    env["PDMP_REDIS_URL"] = settings.redis_url or ""
    # The gateway's processes have no business with the owner's login.
    env.pop("PDMP_MIGRATION_DATABASE_URL", None)
    return env
