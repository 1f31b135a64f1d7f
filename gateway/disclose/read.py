"""Answer a read of one resource inside a grant that an earlier history left."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg import Connection

from gateway.audit.record import AuditEntry, record
from gateway.auth.scopes import ScopeSet
from gateway.core.access import Denied, Grant, Principal
from gateway.core.clock import Clock
from gateway.core.disclosure import Entry
from gateway.core.errors import NotFound
from gateway.disclose.context import context_facts
from gateway.disclose.refusal import as_error, grant_id_of, uuid_of
from gateway.mapping.tables import Mappings
from gateway.match.steward import standing_for
from gateway.policy.decide import decide_context
from gateway.store import dispensations, stewardship
from gateway.store.database import Database
from gateway.store.dispensations import REFERENCES

_ROWS = frozenset({"MedicationDispense", "MedicationRequest"})


def read(
    database: Database,
    clock: Clock,
    mappings: Mappings,
    principal: Principal,
    resource_type: str,
    resource_id: str,
    *,
    grant_header: str | None,
    request_id: str,
) -> Entry:
    """Return one resource, its audit row committed.

    Voided dispensations are served as entered-in-error. Raises Forbidden without scope or a grant for that
    person, NotFound for what the granted person does not have, Unauthenticated, Unavailable.
    """
    rules = mappings.jurisdiction
    permits = ScopeSet.of(principal.scopes).permits(resource_type, "read")
    grant_id = grant_id_of(grant_header)
    # What cannot be an id of ours is nobody's: it must not fall back to any grant at hand.
    key = uuid_of(resource_id) or UUID(int=0)
    with database.connection() as connection:
        # One who was merged away is read inside a grant for the one that stands for it.
        person_id = standing_for(connection, rules.code, [key])[key] if resource_type == "Patient" else None
        facts = context_facts(
            connection,
            principal,
            jurisdiction=rules.code,
            scope_permits=permits,
            grant_id=grant_id,
            person_id=person_id,
            dispensation_ids=[key] if resource_type in _ROWS else None,
        )
        verdict = decide_context(
            facts,
            jurisdiction=rules.code,
            person_id=person_id,
            today=clock.today(),
            max_months=rules.max_months,
        )
        entry = AuditEntry(
            jurisdiction=rules.code,
            outcome="refused",
            interaction=f"read {resource_type}",
            client_id=principal.client_id,
            grant_id=grant_id,
            request_id=request_id,
            other_resources=[f"{resource_type}/{key}"],
        )
        if isinstance(verdict, Denied):
            record(connection, _with(entry, reason=verdict.reason.value))
            raise as_error(verdict.reason, f"system/{resource_type}.rs")
        known = _with(
            entry,
            account_id=verdict.account_id,
            practitioner=verdict.practitioner.label(),
            person_id=verdict.person_id,
            purpose=verdict.purpose.value,
            grant_id=facts.grants[0].grant_id,
        )
        found = _fetch(connection, verdict, resource_type, key)
        if found is None:
            record(connection, _with(known, outcome="no-data", reason="no such resource in the grant"))
            raise NotFound("No such resource.")
        record(connection, _with(known, outcome="disclosed"))
    return found


def _fetch(connection: Connection[Any], grant: Grant, resource_type: str, key: UUID) -> Entry | None:
    if resource_type == "Patient":
        if key != grant.person_id:
            return stewardship.merged_patient(connection, grant, key)
        return dispensations.patient(connection, grant)
    if resource_type in _ROWS:
        return dispensations.one(connection, grant, resource_type, key)
    entries = REFERENCES.entries(connection, resource_type, {key: 0})
    return entries[0] if entries else None


def _with(entry: AuditEntry, **changes: Any) -> AuditEntry:
    values = {name: getattr(entry, name) for name in AuditEntry.__dataclass_fields__}
    return AuditEntry(**(values | changes))
