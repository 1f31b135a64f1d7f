"""Which patient a user means who has no chart open: one exact question, and who that is for the consent.

To be told that somebody is known is a disclosure, so every answer has its audit row, committed before it is
given; the user's rights are judged first, so that who may see nothing learns nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import orjson
from psycopg import Connection

from gateway.audit.record import AuditEntry, record
from gateway.core.access import Denied
from gateway.core.clock import Clock
from gateway.core.disclosure import PatientQuery
from gateway.disclose import users
from gateway.mapping.tables import Mappings
from gateway.match import exact
from gateway.match.lookup import Ambiguous, Found, Unknown, find
from gateway.policy.decide import decide_choice, may_act
from gateway.policy.facts import UserFacts
from gateway.store import dispensations
from gateway.store.database import Database
from gateway.store.vault import Vault

INTERACTION = "choose patient"
SHOWN = "show patient for consent"

_UNKNOWN = "Nobody is known here by these particulars. Check them against the chart."
_AMBIGUOUS = "These particulars do not settle who is meant. What would:"
_REFUSED = "Your account may not look at records here:"


@dataclass(frozen=True, slots=True)
class Chosen:
    """The one person who is meant. `display`: name and birth date, for the user's own page."""

    person_id: UUID
    display: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class NotChosen:
    """Nobody was chosen; `reason` tells the user why, without saying who exists."""

    reason: str


def choose_patient(
    database: Database,
    clock: Clock,
    vault: Vault,
    mappings: Mappings,
    *,
    client_id: str,
    account_id: UUID,
    supervisor_id: UUID | None,
    query: PatientQuery,
    request_id: str,
) -> Chosen | NotChosen:
    """Return whom `query` means, its audit row committed. The caller limits the rate. Raises Unavailable."""
    code = mappings.jurisdiction.code
    with database.transaction() as connection:
        facts = users.choice_facts(
            connection, client_id=client_id, account_id=account_id, supervisor_id=supervisor_id
        )
        if facts is None:
            return NotChosen(_UNKNOWN)
        entry = users.entry(
            facts, jurisdiction=code, outcome="refused", interaction=INTERACTION, request_id=request_id
        )
        denied = may_act(facts)
        if denied is not None:
            record(connection, replace(entry, reason=denied.reason.value))
            return NotChosen(f"{_REFUSED} {denied.reason.value}.")
        match _find(connection, vault, code, query):
            case Unknown():
                record(
                    connection, replace(entry, outcome="no-data", reason="nobody of that name, birth date")
                )
                return NotChosen(_UNKNOWN)
            case Ambiguous(kinds):
                record(connection, replace(entry, outcome="unresolved", reason="not settled by the evidence"))
                return NotChosen(f"{_AMBIGUOUS} {', '.join(kinds)}.")
            case Found(person_id):
                shown = _shown(connection, clock, facts, code, person_id, entry)
                return NotChosen(_UNKNOWN) if shown is None else Chosen(person_id, shown)
    raise AssertionError("every match is handled above")


def patient_lines(
    database: Database,
    clock: Clock,
    mappings: Mappings,
    *,
    client_id: str,
    account_id: UUID,
    supervisor_id: UUID | None,
    person_id: UUID,
    request_id: str,
) -> tuple[str, ...]:
    """Return who is in context, for the user's consent page: name and birth date; empty when that is denied.

    Its audit row is committed. Raises Unavailable.
    """
    code = mappings.jurisdiction.code
    with database.transaction() as connection:
        facts = users.choice_facts(
            connection, client_id=client_id, account_id=account_id, supervisor_id=supervisor_id
        )
        if facts is None:
            return ()
        entry = users.entry(
            facts, jurisdiction=code, outcome="refused", interaction=SHOWN, request_id=request_id
        )
        return _shown(connection, clock, facts, code, person_id, entry) or ()


def _find(
    connection: Connection[Any], vault: Vault, code: str, query: PatientQuery
) -> Found | Unknown | Ambiguous:
    by_place = not query.identifiers and not any(line for line, _, _ in query.addresses)
    return exact.by_postal_code(connection, code, query) if by_place else find(connection, vault, code, query)


def _shown(
    connection: Connection[Any],
    clock: Clock,
    facts: UserFacts,
    code: str,
    person_id: UUID,
    entry: AuditEntry,
) -> tuple[str, ...] | None:
    verdict = decide_choice(facts, jurisdiction=code, person_id=person_id, today=clock.today())
    known = replace(entry, person_id=person_id, other_resources=[f"Patient/{person_id}"])
    if isinstance(verdict, Denied):
        record(connection, replace(known, reason=verdict.reason.value))
        return None
    found = dispensations.patient(connection, verdict)
    if found is None:
        record(connection, replace(known, outcome="no-data"))
        return None
    record(connection, replace(known, outcome="disclosed"))
    return _lines(orjson.loads(found.body))


def _lines(patient: dict[str, Any]) -> tuple[str, ...]:
    name: dict[str, Any] = next(iter(patient.get("name", ())), {})
    given = " ".join(part for part in name.get("given", ()) if part)
    whole = ", ".join(part for part in (name.get("family", ""), given) if part)
    return (whole or "Name not reported", f"born {patient.get('birthDate', 'on an unknown day')}")
