"""Answer a search of MedicationDispense: inside a grant that an earlier history left, or a user's consent.

What the token's scopes open becomes part of the SQL predicate, before counts and pages.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

from psycopg import Connection

from gateway.audit.record import AuditEntry, record
from gateway.core.access import Denied, Grant, Principal, Verdict
from gateway.core.clock import Clock
from gateway.core.disclosure import DispenseQuery, Entry, Page
from gateway.core.errors import BadRequest
from gateway.disclose import authority, users
from gateway.disclose.context import context_facts
from gateway.disclose.refusal import as_error, grant_id_of, uuid_of
from gateway.disclose.transaction import disclosure
from gateway.mapping.tables import Mappings
from gateway.match.steward import standing_for
from gateway.policy.decide import decide_context, decide_user
from gateway.store import dispensations
from gateway.store.database import Database
from gateway.store.dispensations import REFERENCES, AuditContext

INTERACTION = "search MedicationDispense"
#: A search of prescriptions is one answer, never paged; this bound only keeps memory.
_MOST_REQUESTS = 10_000
_TYPE_OF = {"patient": "Patient", "performer": "Organization", "prescription": "MedicationRequest"}


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
    if query.patient is None and not query.ids and principal.consent_id is None:
        raise BadRequest("A search needs `patient` or `subject`, or `_id` inside a disclosure grant.")
    grant_id = grant_id_of(grant_header, principal)
    with disclosure(database, principal) as connection:
        verdict, stands_on = _judge(connection, clock, mappings, principal, query, grant_id, request_id)
        include = _included(principal, query.include)
        asked = replace(query, kinds=authority.kinds(query.types or None, mappings))
        found = dispensations.page(
            connection,
            verdict,
            asked,
            AuditContext(
                INTERACTION,
                stands_on,
                request_id,
                (f"Patient/{verdict.person_id}",) if "patient" in include else (),
            ),
            with_requests="prescription" in include,
            with_patient="patient" in include,
            with_references="performer" in include,
        )
        included: list[Entry] = []
        if found.dispenses:
            if found.patient is not None:
                included.append(found.patient)
            if "performer" in include:
                included += REFERENCES.entries(connection, "Organization", found.dispensers)
            included += found.requests
    more = found.last if found.remaining > len(found.dispenses) > 0 else None
    return Page(found.total, tuple(found.dispenses), tuple(included), more, stands_on)


def search_requests(
    database: Database,
    clock: Clock,
    mappings: Mappings,
    principal: Principal,
    patient: str | None,
    *,
    any_of: bool,
    grant_header: str | None,
    request_id: str,
) -> Page:
    """Return the prescriptions behind a person's dispensations, all in one page, the audit row committed.

    `any_of` is False when the search asks for what no prescription here is: then none is read. Raises as
    `search`.
    """
    if patient is None and principal.consent_id is None:
        raise BadRequest("A search of MedicationRequest needs `patient` or `subject`.")
    grant_id = grant_id_of(grant_header, principal)
    query = DispenseQuery(patient=patient, statuses=None if any_of else frozenset(), count=_MOST_REQUESTS)
    with disclosure(database, principal) as connection:
        verdict, stands_on = _judge(
            connection, clock, mappings, principal, query, grant_id, request_id, "MedicationRequest"
        )
        if not verdict.reach.requests:
            query = replace(query, statuses=frozenset())
        found = dispensations.page(
            connection,
            verdict,
            query,
            AuditContext("search MedicationRequest", stands_on, request_id),
            with_requests=True,
            with_patient=False,
        )
    return Page(len(found.requests), tuple(found.requests), (), None, stands_on)


def _judge(
    connection: Connection[Any],
    clock: Clock,
    mappings: Mappings,
    principal: Principal,
    query: DispenseQuery,
    grant_id: UUID | None,
    request_id: str,
    resource_type: str = "MedicationDispense",
) -> tuple[Grant, UUID | None]:
    """Return policy's grant and the disclosure grant that it stands on. Raises Forbidden, recorded."""
    rules, today = mappings.jurisdiction, clock.today()
    permits = authority.permits(principal, resource_type, "search")
    if resource_type == "MedicationRequest":
        reach = authority.prescriptions(principal)
    else:
        reach = authority.reach(principal, ("search",), mappings, clock, whole=principal.consent_id is None)
    # A patient id that is no id of ours belongs to nobody: it must not widen to every grant.
    person_id = None if query.patient is None else uuid_of(query.patient) or UUID(int=0)
    entry = AuditEntry(
        jurisdiction=rules.code,
        outcome="refused",
        interaction=f"search {resource_type}",
        client_id=principal.client_id,
        person_id=uuid_of(query.patient),
        grant_id=grant_id,
        request_id=request_id,
    )
    verdict: Verdict
    if principal.consent_id is not None:
        if person_id is not None:
            # Who was merged away is asked for inside a consent for the one that stands for it.
            person_id = standing_for(connection, rules.code, [person_id])[person_id]
        user = users.user_facts(
            connection, principal, jurisdiction=rules.code, scope_permits=permits, reach=reach
        )
        verdict = decide_user(
            user,
            jurisdiction=rules.code,
            person_id=person_id,
            today=today,
            max_months=rules.max_months,
        )
        entry = replace(entry, **users.who(user), grant_id=None)
    else:
        by_rows = query.patient is None and grant_id is None
        gather = partial(
            context_facts,
            connection,
            principal,
            jurisdiction=rules.code,
            scope_permits=permits,
            grant_id=grant_id,
            dispensation_ids=[key for key in map(uuid_of, query.ids) if key] if by_rows else None,
            reach=reach,
        )
        facts = gather(person_id=person_id)
        if person_id is not None and person_id.int and not facts.grants:
            # Likewise inside a grant; a person that is there costs no statement more.
            person_id = standing_for(connection, rules.code, [person_id])[person_id]
            facts = gather(person_id=person_id)
        verdict = decide_context(
            facts,
            jurisdiction=rules.code,
            person_id=person_id,
            today=today,
            max_months=rules.max_months,
        )
        grant_id = facts.grants[0].grant_id if isinstance(verdict, Grant) else None
    if isinstance(verdict, Denied):
        record(connection, replace(entry, reason=verdict.reason.value))
        raise as_error(verdict.reason, f"{principal.contexts[0]}/{resource_type}.rs")
    return verdict, None if principal.consent_id else grant_id


def _included(principal: Principal, asked: frozenset[str]) -> frozenset[str]:
    """Return what is included: with a user's token only what its scopes let the user read by itself.

    A backend client's search is one answer with what it refers to, as its history is.
    """
    if principal.consent_id is None:
        return asked
    return frozenset(one for one in asked if authority.permits(principal, _TYPE_OF[one], "read"))
