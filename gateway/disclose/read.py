"""Answer a read of one resource, or of one version of it.

A backend client reads inside a grant that an earlier history left, a user's client inside the consent.
What a token names is readable with it, whatever its scopes: `fhirUser` and the Encounter of the launch
(SMART App Launch 2.2). Another person's resource and one that does not exist are answered alike.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from psycopg import Connection

from gateway.audit.record import AuditEntry, record
from gateway.core.access import DenialReason, Denied, Grant, Principal, Verdict
from gateway.core.clock import Clock
from gateway.core.disclosure import Entry
from gateway.core.errors import NotFound
from gateway.disclose import authority, users
from gateway.disclose.context import context_facts
from gateway.disclose.refusal import as_error, grant_id_of, uuid_of
from gateway.disclose.transaction import disclosure
from gateway.mapping.account_holder import render_account_holder
from gateway.mapping.tables import Mappings
from gateway.match.steward import standing_for
from gateway.policy.decide import decide_context, decide_user, may_call
from gateway.policy.facts import UserFacts
from gateway.store import account_holders, dispensations, launches, stewardship
from gateway.store.database import Database
from gateway.store.dispensations import REFERENCES
from gateway.store.vault import Vault

_ROWS = frozenset({"MedicationDispense", "MedicationRequest"})
_VERSION = re.compile(rb'"meta":\{"versionId":"(\d+)"')


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is read. `key` is the nil UUID for what cannot be an id of ours: it is nobody's."""

    type: str
    key: UUID
    version: int | None
    searched: bool = False

    @property
    def name(self) -> str:
        """Return its relative reference, as audit rows keep it."""
        history = "" if self.version is None else f"/_history/{self.version}"
        return f"{self.type}/{self.key}{history}"

    @property
    def interaction(self) -> str:
        read = "read" if self.version is None else "vread"
        return f"{'search' if self.searched else read} {self.type}"

    @property
    def needs(self) -> str:
        return "search" if self.searched else "read"


def read(
    database: Database,
    clock: Clock,
    vault: Vault,
    mappings: Mappings,
    principal: Principal,
    resource_type: str,
    resource_id: str,
    *,
    version: int | None = None,
    searched: bool = False,
    grant_header: str | None,
    request_id: str,
) -> Entry:
    """Return one resource, its audit row committed; `version` asks for that version of it.

    `searched`: it is found by a search for its id, which is the permission it takes then.

    Voided dispensations are served as entered-in-error. Raises Forbidden without scope or a grant for that
    person, NotFound for what the granted person does not have, Unauthenticated, Unavailable.
    """
    asked = _Asked(resource_type, uuid_of(resource_id) or UUID(int=0), version, searched)
    rules = mappings.jurisdiction
    grant_id = grant_id_of(grant_header, principal)
    entry = AuditEntry(
        jurisdiction=rules.code,
        outcome="refused",
        interaction=asked.interaction,
        client_id=principal.client_id,
        grant_id=grant_id,
        request_id=request_id,
        other_resources=[asked.name],
    )
    with disclosure(database, principal) as connection:
        if principal.consent_id is not None:
            user, verdict = _user(connection, clock, mappings, principal, asked)
            entry = replace(entry, **users.who(user), grant_id=None)
            own = _of_the_token(connection, mappings, principal, user, asked)
            if own is not None:
                record(connection, replace(entry, outcome="disclosed"))
                return own
            stands_on = None
        else:
            verdict, stands_on = _client(connection, clock, mappings, principal, asked, grant_id)
        if isinstance(verdict, Denied):
            record(connection, replace(entry, reason=verdict.reason.value))
            raise as_error(verdict.reason, f"{principal.contexts[0]}/{resource_type}.rs")
        known = replace(
            entry,
            account_id=verdict.account_id,
            practitioner=verdict.practitioner.label(),
            person_id=verdict.person_id,
            purpose=verdict.purpose.value,
            grant_id=stands_on,
        )
        found = _fetch(connection, vault, verdict, asked)
        if found is None:
            record(connection, replace(known, outcome="no-data", reason="no such resource in the grant"))
            raise NotFound("No such resource.")
        record(connection, replace(known, outcome="disclosed"))
    return found


def version_of(body: bytes) -> int | None:
    """Return the versionId of a resource as we render it, or None."""
    found = _VERSION.search(body, 0, 400)
    return int(found[1]) if found else None


def _client(
    connection: Connection[Any],
    clock: Clock,
    mappings: Mappings,
    principal: Principal,
    asked: _Asked,
    grant_id: UUID | None,
) -> tuple[Verdict, UUID | None]:
    rules = mappings.jurisdiction
    of_patient = _person(connection, rules.code, asked)
    facts = context_facts(
        connection,
        principal,
        jurisdiction=rules.code,
        scope_permits=authority.permits(principal, asked.type, asked.needs) and asked.type != "Encounter",
        grant_id=grant_id,
        person_id=of_patient,
        dispensation_ids=[asked.key] if asked.type in _ROWS else None,
        reach=authority.reach(principal, ("read",), mappings, clock),
    )
    verdict = decide_context(
        facts,
        jurisdiction=rules.code,
        person_id=of_patient,
        today=clock.today(),
        max_months=rules.max_months,
    )
    return verdict, facts.grants[0].grant_id if isinstance(verdict, Grant) else None


def _user(
    connection: Connection[Any], clock: Clock, mappings: Mappings, principal: Principal, asked: _Asked
) -> tuple[UserFacts, Verdict]:
    rules = mappings.jurisdiction
    # The Encounter that came with the launch goes with its context, not with a scope.
    permits = authority.permits(principal, asked.type, asked.needs) or asked.type == "Encounter"
    facts = users.user_facts(
        connection,
        principal,
        jurisdiction=rules.code,
        scope_permits=permits,
        reach=authority.reach(principal, ("read",), mappings, clock),
    )
    verdict = decide_user(
        facts,
        jurisdiction=rules.code,
        person_id=_person(connection, rules.code, asked),
        today=clock.today(),
        max_months=rules.max_months,
    )
    return facts, verdict


def _person(connection: Connection[Any], jurisdiction: str, asked: _Asked) -> UUID | None:
    """Return the person whose Patient is read: who was merged away is read as who stands for it."""
    return standing_for(connection, jurisdiction, [asked.key])[asked.key] if asked.type == "Patient" else None


def _of_the_token(
    connection: Connection[Any],
    mappings: Mappings,
    principal: Principal,
    user: UserFacts,
    asked: _Asked,
) -> Entry | None:
    """Return the Practitioner that the token's `fhirUser` names, or None when something else is asked for."""
    if asked.type != "Practitioner" or asked.key != user.account.account_id:
        return None
    scopes = principal.scopes
    named = not scopes.isdisjoint({"fhirUser", "profile"}) or user.scope_permits
    denied = may_call(replace(user, scope_permits=named))
    if denied is None and not user.account.active:
        denied = Denied(DenialReason.ACCOUNT_INACTIVE)
    if denied is not None:
        return None
    holder = account_holders.find(connection, asked.key)
    body = render_account_holder(holder, mappings)
    return Entry("Practitioner", str(asked.key), body) if asked.version in (None, version_of(body)) else None


def _fetch(connection: Connection[Any], vault: Vault, grant: Grant, asked: _Asked) -> Entry | None:
    if asked.type in _ROWS:
        return dispensations.one(connection, grant, asked.type, asked.key, asked.version)
    found: Entry | None
    if asked.type == "Patient":
        if asked.key == grant.person_id:
            found = dispensations.patient(connection, grant)
        else:
            found = stewardship.merged_patient(connection, grant, asked.key)
    elif asked.type == "Encounter":
        found = _encounter(connection, vault, grant, asked.key)
    elif grant.consent_id is not None and not dispensations.refers_to(connection, grant, asked.key):
        # A user reads whom the patient's own dispensations name, and nobody else.
        found = None
    else:
        entries = REFERENCES.entries(connection, asked.type, {asked.key: 0})
        found = entries[0] if entries else None
    if found is None or asked.version in (None, version_of(found.body)):
        return found
    return None


def _encounter(connection: Connection[Any], vault: Vault, grant: Grant, key: UUID) -> Entry | None:
    sealed = dispensations.encounter(connection, grant, key) if grant.consent_id else None
    if sealed is None:
        return None
    return Entry("Encounter", str(key), launches.open_encounter(vault, key, sealed))
