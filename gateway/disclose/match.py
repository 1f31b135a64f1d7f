"""Answer Patient/$match: may it start, whom may it mean, audit; each person that is told has its audit row.

To be told that somebody is in this store is a disclosure. So nothing of a person is told but the id by which
its history can be asked for; whoever asks knows the rest already, or must not learn it here.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.audit.record import AuditEntry, record
from gateway.auth.scopes import ScopeSet
from gateway.auth.throttle import Throttle
from gateway.core.access import Denied, Practitioner, Principal
from gateway.core.disclosure import HistoryQuery, PatientQuery
from gateway.core.errors import BadRequest, TooMany
from gateway.disclose.context import request_facts
from gateway.disclose.refusal import as_error
from gateway.mapping.tables import Mappings
from gateway.match.grades import Grade, Graded, graded
from gateway.policy.match import may_match
from gateway.store.database import Database
from gateway.store.vault import Vault

INTERACTION = "Patient/$match"
OWN_SCOPE = "__match"
SCOPE = f"{OWN_SCOPE} system/Patient.rs"

#: Questions of one client in a minute, over all workers: enough for a clinic, too few to try names out.
_LIMIT, _SECONDS = 60, 60
_TOO_LITTLE = "To match a patient takes at least a family name and a full birth date."


def match(
    database: Database,
    vault: Vault,
    mappings: Mappings,
    throttle: Throttle,
    principal: Principal,
    query: PatientQuery | None,
    *,
    only_certain: bool,
    count: int,
    request_id: str,
) -> list[Graded]:
    """Return whom `query` may mean, best first, at most `count`; its audit rows are committed.

    `query` is None when too little was sent to make one; then BadRequest says so to those who may ask.
    Raises Forbidden, TooMany above the client's limit, Unauthenticated for a token that no longer stands.
    """
    jurisdiction = mappings.jurisdiction.code
    entry = AuditEntry(
        jurisdiction=jurisdiction,
        outcome="refused",
        interaction=INTERACTION,
        client_id=principal.client_id,
        request_id=request_id,
    )
    with database.connection() as connection:
        nobody = HistoryQuery(PatientQuery((), None), Practitioner())
        facts = request_facts(connection, principal, nobody, scope_permits=_permits(principal))
        entry = replace(entry, purpose=facts.purpose.value)
        denied = may_match(facts)
        if isinstance(denied, Denied):
            record(connection, replace(entry, reason=denied.reason.value))
            raise as_error(denied.reason, SCOPE)
        try:
            throttle.count(f"match:{principal.client_id}", limit=_LIMIT, seconds=_SECONDS)
        except TooMany:
            record(connection, replace(entry, reason="rate limit"))
            raise
        if query is None:
            record(connection, replace(entry, outcome="failed", reason="too little to match by"))
            raise BadRequest(_TOO_LITTLE)
        # One transaction: whoever is told is recorded, all or none.
        with connection.transaction():
            found = graded(connection, vault, jurisdiction, query)
            if only_certain:
                found = [one for one in found if one.grade is Grade.CERTAIN]
            told = found[:count]
            for one in told:
                disclosed = replace(
                    entry,
                    outcome="disclosed",
                    reason=one.grade.value,
                    person_id=one.person_id,
                    other_resources=[f"Patient/{one.person_id}"],
                )
                record(connection, disclosed)
            if not told:
                record(connection, replace(entry, outcome="no-data"))
    return told


def _permits(principal: Principal) -> bool:
    # The word of our own is registered by the program; a wildcard such as system/*.rs does not hold it.
    scopes = ScopeSet.of(principal.scopes)
    return (
        principal.consent_id is None
        and OWN_SCOPE in principal.scopes
        and scopes.permits("Patient", "search")
        and scopes.permits("Patient", "read")
    )
