"""`pdmp keys`: our own signing keys, listed and rotated. Running workers learn of a new one by themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import click

from gateway.auth.keys import ACCESS_TOKEN_ALGORITHM, ID_TOKEN_ALGORITHM, SigningKeys
from gateway.core.settings import Settings
from gateway.embedded import resolve
from gateway.store.database import Database
from gateway.store.vault import Vault

_ALGORITHMS = (ACCESS_TOKEN_ALGORITHM, ID_TOKEN_ALGORITHM)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def keys() -> None:
    """Rotate and list the keys that sign tokens."""


@keys.command()
@click.option(
    "--algorithm",
    "algorithms",
    type=click.Choice(_ALGORITHMS),
    multiple=True,
    help=f"{ACCESS_TOKEN_ALGORITHM}: access tokens; {ID_TOKEN_ALGORITHM}: id_tokens. Default: both.",
)
@click.option(
    "--at-once", is_flag=True, help="After a theft: sign with it now; what the old keys signed is void."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def rotate(algorithms: tuple[str, ...], at_once: bool, as_json: bool) -> None:
    """Make new keys. They are published now and sign in ten minutes; old ones verify for a day more."""
    with _opened() as signing:
        signing.rotate(algorithms or _ALGORITHMS, at_once=at_once)
        _tell(signing, as_json)


@keys.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_keys(as_json: bool) -> None:
    """List the keys that sign, will sign, or still verify; newest first."""
    with _opened() as signing:
        _tell(signing, as_json)


command = keys


@contextmanager
def _opened() -> Iterator[SigningKeys]:
    settings = Settings.from_env()
    with resolve(settings, cache=False) as urls:
        database = Database(urls.database_url)
        try:
            yield SigningKeys(database, Vault.of(settings))
        finally:
            database.close()


def _tell(signing: SigningKeys, as_json: bool) -> None:
    for key in signing.describe():
        line = f"{key['kid']}\t{key['algorithm']}\t{key['state']}\t{key['created_at']}"
        until = f"\tsigns until {key['signs_until']}" if key["signs_until"] else ""
        click.echo(json.dumps(key) if as_json else line + until)
