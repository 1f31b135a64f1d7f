"""Answer a search of MedicationDispense inside a grant that an earlier history left."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from gateway.audit.record import AuditEntry, record
from gateway.auth.scopes import ScopeSet
from gateway.core.access import Denied, Principal
from gateway.core.clock import Clock
from gateway.core.disclosure import DispenseQuery, Entry, Page
from gateway.core.errors import BadRequest
from gateway.disclose.context import context_facts
from gateway.disclose.refusal import as_error, grant_id_of, uuid_of
from gateway.mapping.tables import Mappings
from gateway.match.steward import standing_for
from gateway.policy.decide import decide_context
from gateway.store import dispensations
from gateway.store.database import Database
from gateway.store.dispensations import REFERENCES, AuditContext

INTERACTION = "search MedicationDispense"


def search(
    database: Database,
    clock: Clock,
    mappings: Mappings,
    principal: Principal,
    query: DispenseQuery,
    *,
    grant_header: str | None,
    request_id: str,
) -> Page:
    """Return one page, its audit row committed.

    Raises Forbidden (no scope, no grant, several grants, another person's), BadRequest (nothing that
    says whose rows), Unauthenticated (token revoked), Unavailable.
    """
    if query.patient is None and not query.ids:
        raise BadRequest("A search needs `patient` or `subject`, or `_id` inside a disclosure grant.")
    rules = mappings.jurisdiction
    permits = ScopeSet.of(principal.scopes).permits("MedicationDispense", "search")
    grant_id = grant_id_of(grant_header)
    person_id = uuid_of(query.patient) if query.patient is not None else None
    with database.connection() as connection:
        by_rows = query.patient is None and grant_id is None
        gather = partial(
            context_facts,
            connection,
            principal,
            jurisdiction=rules.code,
            scope_permits=permits,
            grant_id=grant_id,
            dispensation_ids=[key for key in map(uuid_of, query.ids) if key] if by_rows else None,
        )
        # A patient id that is no id of ours belongs to nobody: it must not widen to every grant.
        facts = gather(person_id=person_id if query.patient is None or person_id else UUID(int=0))
        if person_id is not None and not facts.grants:
            # One who was merged away is asked for inside a grant for the one that stands for it.
            person_id = standing_for(connection, rules.code, [person_id])[person_id]
            facts = gather(person_id=person_id)
        verdict = decide_context(
            facts,
            jurisdiction=rules.code,
            person_id=person_id,
            today=clock.today(),
            max_months=rules.max_months,
        )
        if isinstance(verdict, Denied):
            record(
                connection,
                AuditEntry(
                    jurisdiction=rules.code,
                    outcome="refused",
                    interaction=INTERACTION,
                    reason=verdict.reason.value,
                    client_id=principal.client_id,
                    person_id=person_id,
                    grant_id=grant_id,
                    request_id=request_id,
                ),
            )
            raise as_error(verdict.reason, "system/MedicationDispense.rs")
        live = facts.grants[0]
        included_patient = "patient" in query.include
        audit = AuditContext(
            INTERACTION,
            live.grant_id,
            request_id,
            (f"Patient/{verdict.person_id}",) if included_patient else (),
        )
        found = dispensations.page(
            connection,
            verdict,
            query,
            audit,
            with_requests="prescription" in query.include,
            with_patient=included_patient,
            with_references="performer" in query.include,
        )
        included: list[Entry] = []
        if found.dispenses:
            if found.patient is not None:
                included.append(found.patient)
            if "performer" in query.include:
                included += REFERENCES.entries(connection, "Organization", found.dispensers)
            included += found.requests
    more = found.last if found.remaining > len(found.dispenses) > 0 else None
    return Page(found.total, tuple(found.dispenses), tuple(included), more, live.grant_id)
