"""`pdmp ehrs add|list`: the EHRs that may launch the app. Found by `pdmp` through its entry points.

Reads the app's own settings (`PDMP_APP_*`, else what the embedded servers left under `PDMP_HOME`) and
writes to the app's own schema. Exit 0 done, 2 not a registration, 3 no database.
"""

from __future__ import annotations

import json
import sys
from typing import IO, Any, NoReturn

import click

from smart_app.errors import AppError
from smart_app.keys import Keyring
from smart_app.outbound import Outbound
from smart_app.registrations import InvalidRegistration, Registrations, parse
from smart_app.settings import Settings
from smart_app.store.database import Database


@click.group()
def ehrs() -> None:
    """The EHRs that may open the clinician's page."""


@ehrs.command()
@click.argument("file", type=click.File("rb"))
@click.option("--json", "as_json", is_flag=True, help="Print the registration as one JSON object.")
def add(file: IO[bytes], as_json: bool) -> None:
    """Register the EHR in FILE (- for standard input), or change its registration.

    FILE is one JSON object: iss, client_id, client_secret (only with client_secret_basic or _post),
    token_endpoint_auth_method, scope, frame_ancestors, gateway_client_id.
    """
    settings = _settings()
    try:
        data = json.loads(file.read())
    except ValueError:
        _stop("FILE is not JSON.", 2)
    try:
        registration = parse(data, Outbound(loopback=settings.loopback, allow=settings.outbound_allow))
    except InvalidRegistration as error:
        _stop(str(error), 2)
    with _Kept(settings) as kept:
        new = kept.put(registration)
    shown = {
        **registration.public(),
        "launch_uri": settings.launch_uri,
        "redirect_uri": settings.redirect_uri,
        "jwks_uri": settings.jwks_uri,
    }
    if as_json:
        click.echo(json.dumps(shown))
        return
    click.echo(f"{'Added' if new else 'Changed'} {registration.iss}")
    click.echo(f"  at that EHR: launch {settings.launch_uri}, redirect {settings.redirect_uri}")
    click.echo(f"  at the gateway: client {registration.gateway_client_id}, keys {settings.jwks_uri}")


@ehrs.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def show(as_json: bool) -> None:
    """List the registered EHRs."""
    with _Kept(_settings()) as kept:
        known = kept.list()
    for registration in known:
        if as_json:
            click.echo(json.dumps(registration.public()))
        else:
            method = registration.token_endpoint_auth_method
            click.echo(f"{registration.iss}  {registration.client_id}  {method}")
            frames = " ".join(registration.frame_ancestors) or "none"
            click.echo(f"  gateway client {registration.gateway_client_id}; frames {frames}")
    if not known and not as_json:
        click.echo("No EHR is registered.")


class _Kept:
    """The registrations, for one command; failures end it with a clear line."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._database = Database(settings.database_url)

    def __enter__(self) -> Registrations:
        try:
            return Registrations(self._database, Keyring.open(self._settings.keys_dir))
        except AppError as error:
            _stop(error.public, 2)

    def __exit__(self, _kind: object, error: BaseException | None, _trace: Any) -> None:
        self._database.close()
        if isinstance(error, AppError):
            _stop(f"{error.public} ({error.detail})" if error.detail else error.public, 3)


def _settings() -> Settings:
    try:
        return Settings.from_env()
    except AppError as error:
        _stop(error.public, 2)


def _stop(message: str, code: int) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(code)
