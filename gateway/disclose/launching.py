"""Whom an EHR means when it opens a launch: match or look up, and audit.

That somebody is in this store is told by the answer, so each outcome has its row, committed before it is
told. The user's own rights are judged when the user consents, and at each request after that.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from gateway.audit.record import record
from gateway.core.access import Denied, Principal
from gateway.core.clock import Clock
from gateway.core.disclosure import PatientQuery
from gateway.core.errors import Conflict, NotFound
from gateway.disclose import users
from gateway.disclose.refusal import as_error
from gateway.mapping.tables import Mappings
from gateway.match.lookup import Ambiguous, Found, Unknown, find
from gateway.policy.decide import decide_launch
from gateway.store import launches
from gateway.store.database import Database
from gateway.store.vault import Vault

INTERACTION = "launch"

_UNKNOWN = "The patient is not known here."
_AMBIGUOUS = "Several people may be meant. What would tell who:"


def patient_for_launch(
    database: Database,
    clock: Clock,
    vault: Vault,
    mappings: Mappings,
    principal: Principal,
    patient: PatientQuery | UUID,
    *,
    account_id: UUID,
    request_id: str,
) -> UUID:
    """Return the person's id; its audit row is committed.

    Raises Forbidden, NotFound for nobody, Conflict when the evidence does not settle who.
    """
    jurisdiction, today = mappings.jurisdiction.code, clock.today()
    with database.connection() as connection:
        facts = users.launch_facts(connection, principal, account_id)
        entry = users.entry(
            facts,
            jurisdiction=jurisdiction,
            outcome="refused",
            interaction=INTERACTION,
            request_id=request_id,
            window_start=today,
            window_end=today,
        )
        # Before anybody is looked for: a refused caller learns nothing about who exists.
        may = decide_launch(facts, jurisdiction=jurisdiction, person_id=UUID(int=0), today=today)
        if isinstance(may, Denied):
            record(connection, replace(entry, reason=may.reason.value))
            raise as_error(may.reason, "__launch")
        found: Found | Unknown | Ambiguous
        if isinstance(patient, UUID):
            known = launches.known_person(connection, jurisdiction, patient)
            found = Unknown() if known is None else Found(known)
        else:
            found = find(connection, vault, jurisdiction, patient)
        match found:
            case Unknown():
                why = "nobody of that name and birth date, or of that id"
                record(connection, replace(entry, outcome="no-data", reason=why))
                raise NotFound(_UNKNOWN)
            case Ambiguous(kinds):
                why = "candidates, but none that the evidence settles"
                record(connection, replace(entry, outcome="unresolved", reason=why))
                raise Conflict(f"{_AMBIGUOUS} {', '.join(kinds)}.")
            case Found(person_id):
                record(connection, replace(entry, outcome="disclosed", person_id=person_id))
                return person_id
