"""`pdmp accounts`: add the program's users, list and disable them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from gateway.auth import accounts as library
from gateway.core.access import Role
from gateway.core.settings import Settings
from gateway.embedded import resolve
from gateway.store.database import Database
from gateway.store.vault import Vault

_HELP = {"help_option_names": ["-h", "--help"]}


@click.group(context_settings=_HELP)
def accounts() -> None:
    """Add and list the program's users."""


@accounts.command()
@click.option("--username", required=True, help="Letters, digits and . _ @ + -")
@click.option("--role", required=True, type=click.Choice([role.value for role in Role]))
@click.option("--name", required=True, metavar='"Given Family"', help="The last word is the family name.")
@click.option("--npi", help="National Provider Identifier.")
@click.option("--dea", metavar="NUMBER[-SUFFIX]", help="DEA number.")
@click.option("--license", "license_", metavar="ST:NUMBER", help="State licence.")
@click.option(
    "--organization", "organizations", multiple=True, metavar="NPI|DEA", help="Where they work; repeatable."
)
@click.option(
    "--supervisor", "supervisors", multiple=True, metavar="USERNAME", help="Of a delegate; repeatable."
)
@click.option("--totp", is_flag=True, help="Make a secret for one-time passwords; it is told this once.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--replace", is_flag=True, help="Rewrite an account that exists.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line.")
def add(
    username: str,
    role: str,
    name: str,
    npi: str | None,
    dea: str | None,
    license_: str | None,
    organizations: tuple[str, ...],
    supervisors: tuple[str, ...],
    totp: bool,
    password_stdin: bool,
    replace: bool,
    as_json: bool,
) -> None:
    """Add an account. A practitioner or pharmacist needs at least one of NPI, DEA number and licence."""
    given, _, family = " ".join(name.split()).rpartition(" ")
    if not given:
        raise click.BadParameter("needs a given and a family name", param_hint="--name")
    password = _password(password_stdin)
    with _opened() as (database, vault):
        added = library.add_account(
            database,
            vault,
            username=username,
            role=role,
            given_name=given,
            family_name=family,
            password=password,
            npi=npi,
            dea=dea,
            license=license_,
            organizations=organizations,
            supervisors=supervisors,
            totp=totp,
            upsert=replace,
        )
    if as_json:
        click.echo(json.dumps(added))
        return
    click.echo(_line(added))
    if "totp_secret" in added:
        click.echo(f"TOTP secret, not shown again: {added['totp_secret']}")
        click.echo(added["totp_uri"])


@accounts.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_accounts(as_json: bool) -> None:
    """List all accounts, disabled ones too, by username."""
    with _opened() as (database, _):
        found = library.list_accounts(database)
    for account in found:
        click.echo(json.dumps(account) if as_json else _line(account))


@accounts.command()
@click.argument("username")
@click.option("--json", "as_json", is_flag=True, help="One JSON line.")
def disable(username: str, as_json: bool) -> None:
    """Refuse USERNAME from now on."""
    with _opened() as (database, _):
        library.disable_account(database, username)
    told = {"username": username, "active": False}
    click.echo(json.dumps(told) if as_json else f"disabled {username}")


@accounts.command()
@click.argument("username")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line.")
def password(username: str, password_stdin: bool, as_json: bool) -> None:
    """Give USERNAME another password; whoever is signed in by the old one is signed out."""
    secret = _password(password_stdin)
    with _opened() as (database, _):
        library.set_password(database, username, secret)
    told = {"username": username, "password": "changed"}
    click.echo(json.dumps(told) if as_json else f"password of {username} changed")


@accounts.command()
@click.argument("username")
@click.option("--remove", is_flag=True, help="Take the second factor away instead.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line.")
def totp(username: str, remove: bool, as_json: bool) -> None:
    """Give USERNAME a new secret for one-time passwords; it is told this once."""
    with _opened() as (database, vault):
        told = library.set_totp(database, vault, username, enrol=not remove)
    if as_json:
        click.echo(json.dumps(told))
    elif remove:
        click.echo(f"{username} has no second factor any more")
    else:
        click.echo(f"TOTP secret, not shown again: {told['totp_secret']}")
        click.echo(told["totp_uri"])


@accounts.command()
@click.argument("username")
@click.option("--add", "added", multiple=True, metavar="USERNAME", help="May act for this one too.")
@click.option("--end", "ended", multiple=True, metavar="USERNAME", help="May not act for this one any more.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line.")
def supervisors(username: str, added: tuple[str, ...], ended: tuple[str, ...], as_json: bool) -> None:
    """Show for whom the delegate USERNAME acts, and change it."""
    with _opened() as (database, _):
        for one in added:
            library.add_supervisor(database, username, one)
        for one in ended:
            library.end_supervisor(database, username, one)
        names = library.supervisors_of(database, username)
    told = {"username": username, "supervisors": names}
    click.echo(json.dumps(told) if as_json else f"{username} acts for {', '.join(names) or 'nobody'}")


command = accounts


@contextmanager
def _opened() -> Iterator[tuple[Database, Vault]]:
    settings = Settings.from_env()
    with resolve(settings, cache=False) as urls:
        database = Database(urls.database_url)
        try:
            yield database, Vault.of(settings)
        finally:
            database.close()


def _password(from_stdin: bool) -> str:
    """Return the password without its line end: from standard input, or asked for on a terminal."""
    if from_stdin:
        # Only the line's end goes: a space may be part of it.
        return sys.stdin.readline().removesuffix("\n").removesuffix("\r")
    if not sys.stdin.isatty():
        raise click.UsageError("Without a terminal, give the password by --password-stdin.")
    answer: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return answer


def _line(account: dict[str, Any]) -> str:
    return "\t".join(
        [
            account["username"],
            "active" if account["active"] else "disabled",
            account["role"],
            account["name"],
            account["npi"] or "-",
            account["dea"] or "-",
            account["license"] or "-",
            ",".join(account["organizations"]) or "-",
            ",".join(account["supervisors"]) or "-",
        ]
    )
