"""Facts about users for policy: of a token, of somebody who is about to consent, of a launch.

One statement each; everything that may have ended since the token was signed is read by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection

from gateway.audit.record import AuditEntry
from gateway.core.access import WHOLE, Principal, Reach
from gateway.core.errors import Unauthenticated
from gateway.disclose.context import account_of
from gateway.policy.facts import ClientFacts, UserFacts
from gateway.store.sql import queries


def user_facts(
    connection: Connection[Any],
    principal: Principal,
    *,
    jurisdiction: str,
    scope_permits: bool,
    reach: Reach = WHOLE,
) -> UserFacts:
    """Return the facts of a user's token. Raises Unauthenticated when it, or what it stands on, has ended."""
    rows = connection.execute(
        queries("disclosure.sql")["user_facts"],
        {
            "token_id": principal.token_id,
            "client_id": principal.client_id,
            "consent_id": principal.consent_id,
            "account_id": principal.account_id,
            "jurisdiction": jurisdiction,
        },
    ).fetchall()
    return _standing(principal.client_id, rows, scope_permits=scope_permits, reach=reach)


def choice_facts(
    connection: Connection[Any], *, client_id: str, account_id: UUID, supervisor_id: UUID | None
) -> UserFacts | None:
    """Return the facts of somebody who signed in and has not consented yet; None without such an account."""
    rows = connection.execute(
        queries("disclosure.sql")["choice_facts"],
        {"client_id": client_id, "account_id": account_id, "supervisor_id": supervisor_id},
    ).fetchall()
    return _facts(client_id, rows[0], scope_permits=True, reach=WHOLE) if rows else None


def launch_facts(connection: Connection[Any], principal: Principal, account_id: UUID) -> UserFacts:
    """Return the facts of an EHR's launch for a user. Raises Unauthenticated when its token has ended."""
    rows = connection.execute(
        queries("disclosure.sql")["launch_facts"],
        {"client_id": principal.client_id, "token_id": principal.token_id, "account_id": account_id},
    ).fetchall()
    return _standing(principal.client_id, rows, scope_permits=True, reach=WHOLE)


def who(facts: UserFacts) -> dict[str, Any]:
    """Return what every audit row says of what a user did: whose rights, who acted, by which consent."""
    return {
        "client_id": facts.client.client_id,
        "account_id": facts.rights.account_id,
        "delegate_id": facts.account.account_id if facts.supervisor else None,
        "practitioner": facts.rights.practitioner.label(),
        "purpose": facts.purpose.value,
        "consent_id": facts.consent_id,
    }


def entry(facts: UserFacts, **more: Any) -> AuditEntry:
    """Return an audit row about what a user did."""
    return AuditEntry(**who(facts), **more)


def _standing(
    client_id: str, rows: Sequence[Sequence[Any]], *, scope_permits: bool, reach: Reach
) -> UserFacts:
    if not rows or not rows[0][3]:
        # Revoked, expired, signed out or never ours: the same answer for each.
        raise Unauthenticated("The access token is not valid.", detail="token, consent or session has ended")
    return _facts(client_id, rows[0], scope_permits=scope_permits, reach=reach)


def _facts(client_id: str, row: Sequence[Any], *, scope_permits: bool, reach: Reach) -> UserFacts:
    active, organizations, purposes, _, consent_id, person_id, delegation_stands = row[:7]
    return UserFacts(
        scope_permits=scope_permits,
        client=ClientFacts(client_id, active, frozenset(organizations), frozenset(purposes)),
        account=account_of(row[7:14]),
        supervisor=None if row[14] is None else account_of(row[14:21]),
        delegation_stands=delegation_stands,
        consent_id=consent_id,
        person_id=person_id,
        reach=reach,
    )
