"""An installation with a steward, who acts through the library or the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest

from gateway.auth.accounts import add_account
from gateway.core.settings import Settings
from gateway.stewardship.actions import Desk
from gateway.stewardship.authenticate import Steward
from tests.ingest import asap
from tests.ingest.store import Store
from tests.support.databases import TestDatabase
from tests.support.processes import Cli

PASSWORD = "a lamp in the window"
REASON = "the pharmacy confirmed it by telephone"


@dataclass
class Office:
    """The store, and the steward's desk in it."""

    store: Store
    desk: Desk
    cli: Cli = field(repr=False)

    def run(self, *words: str, reason: str = REASON, steward: str = "odell", secret: str = PASSWORD) -> Any:
        """Return the finished `pdmp persons …`."""
        asked = ["--steward", steward, "--reason", reason, "--password-stdin"]
        return self.cli("persons", *words, *asked, stdin=f"{secret}\n")

    def told(self, *words: str, **more: str) -> Any:
        """Return what a command that succeeds tells, as JSON."""
        done = self.run(*words, "--json", **more)
        assert done.returncode == 0, done.stderr
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return lines if words[0] == "review" and len(words) == 1 else lines[0]

    def report(self, rx_number: str, **patient: str) -> UUID:
        """Report one dispensation of a patient and return the person it came to."""
        answer = self.store.load(
            asap.file(asap.pharmacy(asap.patient(asap.record(DSP02=rx_number), **patient)))
        )
        assert answer["status"] == "accepted", answer
        return UUID(str(self.store.person_of(rx_number)))

    def doubt(self, one: UUID, other: UUID) -> UUID:
        """Put a link in doubt, as ingest does when the evidence does not settle it."""
        with self.store.database.connection() as connection:
            row = connection.execute(
                "INSERT INTO link_review (jurisdiction, review_id, person_id, other_person_id, probability,"
                " agreeing, disagreeing) VALUES ('KY', gen_random_uuid(), %s, %s, 0.41,"
                " '{name,birth date}', '{social security number}') RETURNING review_id",
                (one, other),
            ).fetchone()
        assert row is not None
        return UUID(str(row[0]))

    def audit(self, interaction: str) -> list[tuple[Any, ...]]:
        """Return (outcome, reason, username, person, resources) of an interaction's audit rows."""
        return self.store.rows(
            "select outcome, reason, username, person_id, other_resources from audit"
            " left join account using (account_id) where interaction = %s order by at, person_id",
            interaction,
        )


@pytest.fixture
def office(settings: Settings, database: TestDatabase, cli: Cli) -> Iterator[Office]:
    store = Store(settings, database)
    with closing(store):
        yield _office(store, cli)


def _office(store: Store, cli: Cli) -> Office:
    added = add_account(
        store.database,
        store.vault,
        username="odell",
        role="steward",
        given_name="Wilma",
        family_name="Odell",
        password=PASSWORD,
    )
    steward = Steward(UUID(added["account_id"]), "odell")
    return Office(store, Desk(store.database, store.mappings, store.clock, steward, REASON), cli)
