"""`pdmp persons`: what a steward sees and does about who is who. A worked case: gateway/match/STEWARDSHIP.md.

Every command asks who the steward is and why. The password is asked for on a terminal; with
`--password-stdin` it is the first line of standard input and a one-time password, where the account has one,
the second: neither ever stands in a command line or an environment, which others on the machine can read.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import click

from gateway.core.clock import Clock
from gateway.core.settings import Settings
from gateway.embedded import resolve
from gateway.mapping.tables import Mappings
from gateway.stewardship import view
from gateway.stewardship.actions import Desk, Done
from gateway.stewardship.authenticate import authenticate
from gateway.store.database import Database
from gateway.store.migrate import identifier_base
from gateway.store.vault import Vault

_HELP = {"help_option_names": ["-h", "--help"]}


@click.group(context_settings=_HELP)
def persons() -> None:
    """See, merge and split persons, as a steward."""


def _stewarded(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say who acts, and why."""

    @click.option("--steward", required=True, metavar="USERNAME", help="Whose account it is.")
    @click.option("--reason", required=True, help="Why, in one line, without numbers of a person.")
    @click.option("--password-stdin", is_flag=True, help="Password, then one-time password, a line each.")
    @click.option("--json", "as_json", is_flag=True, help="JSON, an object a line.")
    @wraps(command)
    def run(*args: Any, steward: str, reason: str, password_stdin: bool, **options: Any) -> Any:
        with _opened(steward, reason, password_stdin, command.__name__) as (desk, vault):
            return command(desk, vault, *args, **options)

    return run


@persons.command()
@click.argument("person_id", type=click.UUID, metavar="PERSON")
@_stewarded
def show(desk: Desk, vault: Vault, person_id: UUID, as_json: bool) -> None:
    """Show PERSON: every description with what it was reported with, and what stewards did."""
    seen = view.person(desk, vault, person_id)
    click.echo(json.dumps(seen) if as_json else "\n".join(_person(seen)))


@persons.command()
@click.argument("keep", type=click.UUID)
@click.argument("away", type=click.UUID)
@_stewarded
def merge(desk: Desk, vault: Vault, keep: UUID, away: UUID, as_json: bool) -> None:
    """Make one person of two: KEEP stays, AWAY answers with it from now on."""
    _tell(desk.merge(keep, away), as_json)


@persons.command()
@click.argument("person_id", type=click.UUID, metavar="PERSON")
@click.argument("descriptions", type=click.UUID, nargs=-1, required=True, metavar="DESCRIPTION…")
@_stewarded
def split(desk: Desk, vault: Vault, person_id: UUID, descriptions: Sequence[UUID], as_json: bool) -> None:
    """Make a new person of each DESCRIPTION named; no rule joins the two again."""
    _tell(desk.split(person_id, descriptions), as_json)


@persons.command()
@click.argument("action_id", type=click.UUID, metavar="ACTION")
@_stewarded
def undo(desk: Desk, vault: Vault, action_id: UUID, as_json: bool) -> None:
    """Take ACTION back: a merge, a split or a rejection."""
    _tell(desk.undo(action_id), as_json)


@persons.command()
@click.option("--accept", type=click.UUID, metavar="REVIEW", help="The two are one: merge them.")
@click.option("--reject", type=click.UUID, metavar="REVIEW", help="They are two: never join them.")
@click.option("--keep", type=click.UUID, metavar="PERSON", help="With --accept: who stays; else the older.")
@_stewarded
def review(
    desk: Desk, vault: Vault, accept: UUID | None, reject: UUID | None, keep: UUID | None, as_json: bool
) -> None:
    """List the links in doubt, oldest first, with the evidence in words; or settle one."""
    if accept and reject:
        raise click.UsageError("Accept or reject, not both.")
    if keep and not accept:
        raise click.UsageError("--keep goes with --accept.")
    if accept:
        _tell(desk.accept(accept, keep), as_json)
    elif reject:
        _tell(desk.reject(reject), as_json)
    else:
        for doubt in view.queue(desk):
            click.echo(json.dumps(doubt) if as_json else _doubt(doubt))


command = persons


@contextmanager
def _opened(username: str, reason: str, from_stdin: bool, verb: str) -> Iterator[tuple[Desk, Vault]]:
    settings = Settings.from_env()
    password, code = _secrets(from_stdin)
    with resolve(settings, cache=False) as urls:
        database = Database(urls.database_url)
        try:
            with database.connection() as connection:
                base = identifier_base(connection)
            mappings = Mappings.load(
                settings.mappings_dir, jurisdiction=settings.jurisdiction, identifier_base=base
            )
            clock = Clock(ZoneInfo(mappings.jurisdiction.zone), settings.test_today)
            vault = Vault.open(settings.keys_dir)
            steward = authenticate(
                database,
                vault,
                clock,
                mappings.jurisdiction.code,
                username=username,
                password=password,
                code=code,
                interaction=f"steward {verb}",
            )
            yield Desk(database, mappings, clock, steward, reason), vault
        finally:
            database.close()


def _secrets(from_stdin: bool) -> tuple[str, str]:
    """Return the password and the one-time password, which may be empty."""
    if from_stdin:
        first, second = (sys.stdin.readline().removesuffix("\n").removesuffix("\r") for _ in range(2))
        return first, second
    if not sys.stdin.isatty():
        raise click.UsageError("Without a terminal, give the password by --password-stdin.")
    password: str = click.prompt("Password", hide_input=True)
    code: str = click.prompt(
        "One-time password (empty if the account has none)", default="", show_default=False
    )
    return password, code


def _tell(done: Done, as_json: bool) -> None:
    if as_json:
        members = {
            "action": str(done.action_id),
            "kind": done.kind,
            "person": str(done.person_id),
            "other": str(done.other_person_id),
            "descriptions": done.descriptions,
            "dispensations": done.dispensations,
            "undoes": str(done.undoes) if done.undoes else None,
        }
        click.echo(json.dumps(members))
        return
    sentence = {
        "merge": f"{done.other_person_id} is now part of {done.person_id}",
        "split": f"{done.other_person_id} was made of parts of {done.person_id}",
        "never-link": f"{done.person_id} and {done.other_person_id} are never joined",
        "undo": f"{done.undoes} was taken back",
    }[done.kind]
    click.echo(f"{sentence}. Descriptions moved: {done.descriptions}, dispensations: {done.dispensations}.")
    if done.kind != "undo":
        click.echo(f"To take it back: pdmp persons undo {done.action_id}")


def _person(seen: dict[str, Any]) -> Iterator[str]:
    yield f"person {seen['person']} ({seen['species']}, version {seen['version']})"
    if seen["merged_into"]:
        yield f"merged into {seen['merged_into']}"
    for one in seen["replaces"]:
        yield f"stands for {one}"
    for one in seen["never_join"]:
        yield f"never to be joined with {one}"
    for one in seen["descriptions"]:
        first, last = one["reported"]
        yield f"description {one['description']}"
        yield f"  {one['name']}, born {one['born'] or '-'}, {one['gender'] or '-'}" + (
            f", animal {one['animal']}" if one["animal"] else ""
        )
        yield f"  {one['address'] or '-'}; telephone {one['phone'] or '-'}"
        yield f"  {'; '.join(one['identifiers']) or 'no identifier'}"
        asked = "".join(f"; {dispenser}" for dispenser in one["dispensers"])
        yield f"  reported {first} to {last}, dispensations: {one['dispensations']}{asked}"
    for one in seen["actions"]:
        state = " (undone)" if one["undone_by"] else ""
        yield f"{one['kind']} {one['action']} by {one['steward']}, {one['at']}{state}: {one['reason']}"


def _doubt(doubt: dict[str, Any]) -> str:
    score = "-" if doubt["probability"] is None else f"{doubt['probability']:.3f}"
    return "\t".join(
        [
            doubt["review"],
            doubt["since"],
            *doubt["persons"],
            score,
            f"agree: {', '.join(doubt['agreeing']) or '-'}",
            f"differ: {', '.join(doubt['disagreeing']) or '-'}",
        ]
    )
