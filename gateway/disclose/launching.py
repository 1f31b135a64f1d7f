"""Whom an EHR means when it opens a launch: match or look up, and audit.

That somebody is in this store is told by the answer, so each outcome has its row, committed before it is
told. The user's own rights are judged when the user consents, and at each request after that.
"""

from __future__ import annotations

from uuid import UUID

from gateway.audit.record import AuditEntry, record
from gateway.core.access import Principal, Purpose
from gateway.core.clock import Clock
from gateway.core.disclosure import PatientQuery
from gateway.core.errors import Conflict, NotFound
from gateway.mapping.tables import Mappings
from gateway.match.lookup import Ambiguous, Found, Unknown, find
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

    Raises NotFound for nobody, Conflict when the evidence does not settle who.
    """
    jurisdiction = mappings.jurisdiction.code

    def entry(outcome: str, reason: str = "", person_id: UUID | None = None) -> AuditEntry:
        return AuditEntry(
            jurisdiction=jurisdiction,
            outcome=outcome,
            interaction=INTERACTION,
            reason=reason,
            client_id=principal.client_id,
            account_id=account_id,
            person_id=person_id,
            purpose=Purpose.TREATMENT.value,
            request_id=request_id,
            window_start=clock.today(),
            window_end=clock.today(),
        )

    with database.connection() as connection:
        found: Found | Unknown | Ambiguous
        if isinstance(patient, UUID):
            known = launches.known_person(connection, jurisdiction, patient)
            found = Unknown() if known is None else Found(known)
        else:
            found = find(connection, vault, jurisdiction, patient)
        match found:
            case Unknown():
                record(connection, entry("no-data", "nobody of that name and birth date, or of that id"))
                raise NotFound(_UNKNOWN)
            case Ambiguous(kinds):
                record(connection, entry("unresolved", "candidates, but none that the evidence settles"))
                raise Conflict(f"{_AMBIGUOUS} {', '.join(kinds)}.")
            case Found(person_id):
                record(connection, entry("disclosed", person_id=person_id))
                return person_id
