"""`pdmp audit list`: who was shown what, when, for whom, why; a line a row."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any
from uuid import UUID

import click

from gateway.core.settings import Settings
from gateway.embedded import resolve
from gateway.store.database import Database
from gateway.store.sql import queries


@click.group(name="audit", help="Read the append-only record of disclosures.")
def command() -> None:
    """Group of the audit verbs."""


@command.command(name="list", help="Print audit rows, oldest first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--person", type=click.UUID, help="Only rows about this person id.")
@click.option("--account", metavar="USERNAME", help="Only rows under this account, or of this delegate.")
@click.option("--client", metavar="CLIENT_ID", help="Only rows of this client.")
@click.option("--since", metavar="TIME", help="Only rows from this ISO 8601 time on.")
def list_rows(
    as_json: bool, person: UUID | None, account: str | None, client: str | None, since: str | None
) -> None:
    """Print the rows that match. Exit code 3 without a database."""
    settings = Settings.from_env()
    parameters = {
        "jurisdiction": settings.jurisdiction,
        "person": person,
        "account": account,
        "client": client,
        "since": _instant(since),
    }
    with resolve(settings, cache=False) as servers, Database(servers.database_url).connection() as connection:
        for row in connection.cursor().stream(queries("audit.sql")["list_audit"], parameters):
            fields = _fields(row)
            click.echo(json.dumps(fields) if as_json else _line(fields))


def _fields(row: tuple[Any, ...]) -> dict[str, Any]:
    at, outcome, reason, interaction, client_id, account, delegate, practitioner, person, purpose = row[:10]
    grant_id, consent_id, request_id, ids, versions, others = row[10:]
    dispensations = [
        f"MedicationDispense/{key}/_history/{version}" for key, version in zip(ids, versions, strict=True)
    ]
    return {
        "time": at.isoformat(timespec="milliseconds"),
        "outcome": outcome,
        "reason": reason,
        "interaction": interaction,
        "client": client_id,
        "account": account,
        "delegate": delegate,
        "practitioner": practitioner or None,
        "person": str(person) if person else None,
        "purpose": purpose or None,
        "grant": str(grant_id) if grant_id else None,
        "consent": str(consent_id) if consent_id else None,
        "request": request_id or None,
        "resources": [*others, *dispensations],
    }


def _line(fields: dict[str, Any]) -> str:
    shown = ("time", "outcome", "reason", "client", "account", "practitioner", "person", "purpose")
    texts = [str(fields[name]) if fields[name] else "-" for name in shown]
    if fields["delegate"]:
        texts[shown.index("account")] += f" by {fields['delegate']}"
    return "\t".join([*texts, " ".join(fields["resources"]) or "-"])


def _instant(text: str | None) -> dt.datetime | None:
    if text is None:
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter("must be an ISO 8601 date or time", param_hint="--since") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
