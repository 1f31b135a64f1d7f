"""Answer $pdmp-history: may it start → match → decide → fetch → audit.

A refused caller is answered before any person is looked for. Whatever the outcome, its audit row is
committed before this returns. With a user's token the person must be the consent's, whoever is named, and
what the dispensations refer to is told as far as its own scopes go; a backend client's scope on dispensations
opens the answer as the guide has it. The Patient is part of either: the guide requires it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection

from gateway.audit.record import AuditEntry, record
from gateway.core.access import DenialReason, Denied, Grant, Practitioner, Principal, Window
from gateway.core.clock import Clock
from gateway.core.disclosure import (
    Disclosed,
    DispenseQuery,
    HistoryAnswer,
    HistoryQuery,
    NoData,
    PatientQuery,
    Refused,
    Unresolved,
)
from gateway.core.errors import TooLarge, Unavailable
from gateway.disclose import authority, computed, users
from gateway.disclose.context import request_facts
from gateway.disclose.refusal import as_error
from gateway.disclose.transaction import disclosure
from gateway.mapping.tables import Mappings
from gateway.match.lookup import Ambiguous, Found, Unknown, find
from gateway.match.steward import standing_for
from gateway.policy.decide import (
    decide_history,
    decide_user_history,
    may_ask,
    may_ask_as_user,
    may_call,
    months_before,
)
from gateway.policy.facts import RequestFacts, UserRequestFacts
from gateway.policy.rules import account_named
from gateway.store import dispensations
from gateway.store.database import Database
from gateway.store.dispensations import REFERENCES, AuditContext
from gateway.store.vault import Vault

INTERACTION = "$pdmp-history"
SCOPE = "system/MedicationDispense.rs"
_INTERACTIONS = ("search", "read")

#: A history is one answer, never paged; this bound only keeps a runaway person from exhausting memory.
_MOST_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class _Call:
    """One call, with what each outcome's audit row repeats."""

    principal: Principal
    query: HistoryQuery
    facts: RequestFacts
    jurisdiction: str
    request_id: str
    window: Window

    def entry(self, outcome: str, reason: str = "", person_id: UUID | None = None) -> AuditEntry:
        account = account_named(self.facts)
        return AuditEntry(
            jurisdiction=self.jurisdiction,
            outcome=outcome,
            interaction=INTERACTION,
            reason=reason,
            client_id=self.principal.client_id,
            account_id=account.account_id if account else None,
            practitioner=self.query.practitioner.label(),
            person_id=person_id,
            purpose=self.facts.purpose.value,
            request_id=self.request_id,
            window_start=self.window.start,
            window_end=self.window.end,
        )


def answer(
    database: Database,
    clock: Clock,
    vault: Vault,
    mappings: Mappings,
    principal: Principal,
    query: HistoryQuery,
    *,
    request_id: str,
) -> HistoryAnswer:
    """Return the person's history in the jurisdiction's default look-back, or why there is none.

    Raises Unauthenticated for a token that no longer stands and Unavailable without a database.
    """
    if principal.consent_id is not None:
        return _as_user(database, clock, vault, mappings, principal, query, request_id)
    rules = mappings.jurisdiction
    today = clock.today()
    permits = _permits(principal)
    reach = authority.reach(principal, _INTERACTIONS, mappings, clock, whole=True)
    with database.connection() as connection:
        facts = request_facts(connection, principal, query, scope_permits=permits, reach=reach)
        window = Window(months_before(today, rules.default_months), today)
        call = _Call(principal, query, facts, rules.code, request_id, window)
        denied = may_ask(facts)
        if denied is not None:
            record(connection, call.entry("refused", denied.reason.value))
            return Refused(denied.reason)
        match find(connection, vault, rules.code, query.patient):
            case Unknown():
                record(connection, call.entry("no-data", "nobody of that name and birth date"))
                return NoData(window, known=False)
            case Ambiguous(kinds):
                record(connection, call.entry("unresolved", "candidates, but none that the evidence settles"))
                return Unresolved(tuple(kinds))
            case Found(person_id):
                verdict = decide_history(
                    facts,
                    jurisdiction=rules.code,
                    person_id=person_id,
                    today=today,
                    default_months=rules.default_months,
                )
                match verdict:
                    case Denied(reason):
                        record(connection, call.entry("refused", reason.value, person_id))
                        return Refused(reason)
                    case Grant():
                        return _disclose(connection, mappings, principal, verdict, query, today, request_id)
    raise AssertionError("every match is handled above")


def _as_user(
    database: Database,
    clock: Clock,
    vault: Vault,
    mappings: Mappings,
    principal: Principal,
    query: HistoryQuery,
    request_id: str,
) -> HistoryAnswer:
    rules, today = mappings.jurisdiction, clock.today()
    window = Window(months_before(today, rules.default_months), today)
    reach = authority.reach(principal, _INTERACTIONS, mappings, clock)
    with disclosure(database, principal) as connection:
        user = users.user_facts(
            connection,
            principal,
            jurisdiction=rules.code,
            scope_permits=_permits(principal),
            reach=reach,
        )
        facts = UserRequestFacts(user, query.practitioner, query.organizations)

        def refused(reason: DenialReason) -> Refused:
            entry = users.entry(
                user,
                jurisdiction=rules.code,
                outcome="refused",
                interaction=INTERACTION,
                reason=reason.value,
                person_id=user.person_id,
                request_id=request_id,
                window_start=window.start,
                window_end=window.end,
            )
            record(connection, entry)
            return Refused(reason)

        denied = may_ask_as_user(facts)
        if denied is not None:
            return refused(denied.reason)
        found = find(connection, vault, rules.code, query.patient)
        verdict = decide_user_history(
            facts,
            jurisdiction=rules.code,
            # Nobody, somebody else, or nobody in particular: told alike.
            person_id=found.person_id if isinstance(found, Found) else None,
            today=today,
            default_months=rules.default_months,
        )
        if isinstance(verdict, Denied):
            return refused(verdict.reason)
        return _disclose(connection, mappings, principal, verdict, query, today, request_id)


def unanswerable(
    database: Database,
    mappings: Mappings,
    principal: Principal,
    reason: str,
    *,
    request_id: str,
) -> None:
    """Record a call that is well formed but cannot be answered, before anybody was looked for.

    `reason` holds no patient data. Raises as `answer` does for a token that no longer stands, and Forbidden
    for a client without scope or one that is not active.
    """
    code, permits = mappings.jurisdiction.code, _permits(principal)
    with disclosure(database, principal) as connection:
        if principal.consent_id is not None:
            user = users.user_facts(connection, principal, jurisdiction=code, scope_permits=permits)
            denied = may_call(user)
            entry = users.entry(
                user, jurisdiction=code, outcome="failed", interaction=INTERACTION, request_id=request_id
            )
        else:
            asked = HistoryQuery(PatientQuery((), None), Practitioner())
            denied = may_call(request_facts(connection, principal, asked, scope_permits=permits))
            entry = AuditEntry(
                jurisdiction=code,
                outcome="failed",
                interaction=INTERACTION,
                client_id=principal.client_id,
                request_id=request_id,
            )
        if denied is None:
            record(connection, replace(entry, reason=reason))
        else:
            record(connection, replace(entry, outcome="refused", reason=denied.reason.value))
    if denied is not None:
        raise as_error(denied.reason, SCOPE)


def _permits(principal: Principal) -> bool:
    # The operation answers with what a search and reads would: it needs both permissions.
    return all(authority.permits(principal, "MedicationDispense", one) for one in _INTERACTIONS)


def _disclose(
    connection: Connection[Any],
    mappings: Mappings,
    principal: Principal,
    grant: Grant,
    query: HistoryQuery,
    today: dt.date,
    request_id: str,
) -> Disclosed | NoData:
    # A backend client's history leaves a grant behind it; a user's consent is one.
    grant_id = uuid4() if grant.consent_id is None else None
    audit = AuditContext(INTERACTION, grant_id, request_id, (f"Patient/{grant.person_id}",))
    everything = DispenseQuery(count=_MOST_ROWS)
    # Alerts and figures are of whole histories: of a part that scopes cut out they would be too low.
    computes = grant.reach.dispenses is None and (
        query.computed_facts or mappings.jurisdiction.alerts is not None
    )
    found = dispensations.page(
        connection,
        grant,
        everything,
        audit,
        with_requests=True,
        with_patient=True,
        with_columns=computes,
        new_grant=grant_id is not None,
    )
    if found.remaining > len(found.dispenses):
        raise TooLarge("The history is too large for one answer; search it by dates.")
    if not found.dispenses:
        if (
            standing_for(connection, grant.jurisdiction, [grant.person_id])[grant.person_id]
            != grant.person_id
        ):
            # Merged away since it was found: what it had is another person's, and "no data" would be untrue.
            raise Unavailable("The patient's record is being changed; try again.", retry_after=1)
        limited = grant.reach.dispenses is not None
        return NoData(grant.window, known=True, grant_id=grant_id, limited=limited)
    if found.patient is None:
        raise Unavailable("The patient's record is being changed; try again.", retry_after=1)
    organizations, practitioners = (
        REFERENCES.entries(connection, kind, named) if _opens(principal, kind) else []
        for kind, named in (("Organization", found.dispensers), ("Practitioner", found.prescribers))
    )
    # Only of rows that the grant admits: an alert can't tell of one that it hides.
    made = (
        computed.entries(
            mappings,
            grant,
            found.columns,
            today,
            with_facts=query.computed_facts,
            parties=(found.patient, *organizations, *practitioners),
        )
        if computes
        else []
    )
    entries = (found.patient, *found.dispenses, *made, *found.requests, *organizations, *practitioners)
    return Disclosed(grant_id, grant.window, entries)


def _opens(principal: Principal, resource_type: str) -> bool:
    return principal.consent_id is None or authority.permits(principal, resource_type, "read")
