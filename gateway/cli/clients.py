"""`pdmp clients`: register client applications, list, disable and remove them.

With `--json` a failure is one JSON line on standard output too, with `error` and `error_description` as in
RFC 7591 section 3.2.2, beside the sentence on standard error.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import click

from gateway.auth import registration
from gateway.auth.strict_json import parse_object
from gateway.core.errors import BadRequest, Category, GatewayError
from gateway.core.settings import Settings
from gateway.embedded import resolve
from gateway.store.clients import Client
from gateway.store.database import Database

_MAX_BYTES = 1_000_000
_HELP = {"help_option_names": ["-h", "--help"]}


@click.group(context_settings=_HELP)
def clients() -> None:
    """Register and list client applications."""


@clients.command()
@click.argument("file", type=click.File("rb"))
@click.option("--client-id", help="Register under this id. Default: the member client_id, else a new one.")
@click.option("--replace", is_flag=True, help="Rewrite a client that exists; it keeps its secret.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line.")
def add(file: BinaryIO, client_id: str | None, replace: bool, as_json: bool) -> None:
    """Register the client that FILE (or - for standard input) describes.

    FILE holds client metadata of RFC 7591 as a JSON object. token_endpoint_auth_method is private_key_jwt
    (jwks or jwks_uri), client_secret_basic or none; redirect_uris are compared as they are written, only the
    port of a loopback IP is free. Beside it: launch_uris, allowed_origins (of its scripts, for CORS),
    purpose_of_use, organizations, the NPI or DEA numbers it may act for, trusted_ehr, which lets it open
    launches with the scope __launch, and cds, which lets an EHR call our CDS Hooks services: {"iss", "jwks"
    or "jwks_uri", "fhir_server", "tenant"?}. The scope __introspect lets it look at every client's tokens.
    The answer is a client information response; a secret is told this once.
    """
    with _told(as_json), _database() as database:
        metadata = _metadata(file)
        answer = registration.register_client(database, metadata, client_id=client_id, upsert=replace)
    for name in registration.ignored_members(metadata, answer):
        click.echo(f"Ignored, not a member that is known here: {name}", err=True)
    click.echo(json.dumps(answer, indent=None if as_json else 2))
    if "client_secret" in answer and not as_json:
        click.echo("Keep the secret: it is not shown again.", err=True)


@clients.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_clients(as_json: bool) -> None:
    """List all clients, disabled ones too, oldest first."""
    with _database() as database:
        found = registration.list_clients(database)
    for client in found:
        shown = _shown(client)
        click.echo(json.dumps(shown) if as_json else _line(shown))


@clients.command()
@click.argument("client_id")
@click.option("--json", "as_json", is_flag=True, help="One JSON line.")
def disable(client_id: str, as_json: bool) -> None:
    """Refuse CLIENT_ID from now on; its tokens end at once."""
    with _told(as_json), _database() as database:
        registration.disable_client(database, client_id)
    told = {"client_id": client_id, "active": False}
    click.echo(json.dumps(told) if as_json else f"disabled {client_id}")


@clients.command()
@click.argument("client_id")
@click.option("--json", "as_json", is_flag=True, help="One JSON line.")
def remove(client_id: str, as_json: bool) -> None:
    """Delete CLIENT_ID with its tokens and grants. The audit keeps its id."""
    with _told(as_json), _database() as database:
        registration.remove_client(database, client_id)
    told = {"client_id": client_id, "removed": True}
    click.echo(json.dumps(told) if as_json else f"removed {client_id}")


command = clients


@contextmanager
def _told(as_json: bool) -> Iterator[None]:
    try:
        yield
    except GatewayError as error:
        if as_json:
            click.echo(json.dumps({"error": _code(error), "error_description": error.public}))
        raise


def _code(error: GatewayError) -> str:
    if error.category is Category.INVALID:
        named = error.public.startswith("redirect_uris:")
        return "invalid_redirect_uri" if named else "invalid_client_metadata"
    codes = {
        Category.CONFLICT: "invalid_client_metadata",
        Category.NOT_FOUND: "invalid_client_id",
        Category.UNAVAILABLE: "temporarily_unavailable",
    }
    return codes.get(error.category, "server_error")


@contextmanager
def _database() -> Iterator[Database]:
    with resolve(Settings.from_env(), cache=False) as urls:
        database = Database(urls.database_url)
        try:
            yield database
        finally:
            database.close()


def _metadata(file: BinaryIO) -> dict[str, Any]:
    try:
        return parse_object(file.read(_MAX_BYTES))
    except ValueError as error:
        raise BadRequest(f"{file.name} does not hold a JSON object: {error}.") from None


def _shown(client: Client) -> dict[str, Any]:
    return {
        "client_id": client.client_id,
        "client_id_issued_at": int(client.created_at.timestamp()),
        "active": client.active,
        **client.metadata,
    }


def _line(shown: dict[str, Any]) -> str:
    return "\t".join(
        [
            shown["client_id"],
            "active" if shown["active"] else "disabled",
            shown["token_endpoint_auth_method"],
            shown.get("scope") or "-",
            ",".join(shown.get("organizations", ())) or "-",
            shown.get("client_name", ""),
        ]
    )
