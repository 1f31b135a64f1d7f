"""Facts about backend clients for policy, gathered in one round trip a request. Users: `users.py`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection

from gateway.core.access import WHOLE, Practitioner, Principal, Purpose, Reach, Role
from gateway.core.disclosure import HistoryQuery
from gateway.core.errors import Unauthenticated
from gateway.policy.facts import AccountFacts, ClientFacts, ContextFacts, LiveGrant, RequestFacts
from gateway.store.sql import queries


def request_facts(
    connection: Connection[Any],
    principal: Principal,
    query: HistoryQuery,
    *,
    scope_permits: bool,
    reach: Reach = WHOLE,
) -> RequestFacts:
    """Return the facts of a history request. Raises Unauthenticated when the token no longer stands."""
    asked = query.practitioner
    rows = connection.execute(
        queries("disclosure.sql")["request_facts"],
        {
            "client_id": principal.client_id,
            "token_id": principal.token_id,
            "npi": asked.npi,
            "dea": asked.dea,
            "license": asked.license,
        },
    ).fetchall()
    client = _client(principal, rows)
    return RequestFacts(
        scope_permits=scope_permits,
        client=client,
        practitioner=asked,
        accounts=tuple(account_of(row[4:11]) for row in rows if row[4] is not None),
        organizations=query.organizations,
        purpose=Purpose.TREATMENT,
        reach=reach,
    )


def context_facts(
    connection: Connection[Any],
    principal: Principal,
    *,
    jurisdiction: str,
    scope_permits: bool,
    grant_id: UUID | None,
    person_id: UUID | None,
    dispensation_ids: list[UUID] | None = None,
    reach: Reach = WHOLE,
) -> ContextFacts:
    """Return the facts of a read or search: the client's live grants for that person or that dispensation."""
    statement = "context_facts" if dispensation_ids is None else "dispensation_context"
    rows = connection.execute(
        queries("disclosure.sql")[statement],
        {
            "client_id": principal.client_id,
            "token_id": principal.token_id,
            "jurisdiction": jurisdiction,
            "grant_id": grant_id,
            "person_id": person_id,
            "dispensation_ids": dispensation_ids,
        },
    ).fetchall()
    client = _client(principal, rows)
    grants = []
    for row in rows:
        if row[4] is None or row[8] is None:
            continue
        account = account_of(row[8:15])
        grants.append(LiveGrant(row[4], row[5], _labelled(row[6]), account, Purpose(row[7])))
    return ContextFacts(scope_permits=scope_permits, client=client, grants=tuple(grants), reach=reach)


def _client(principal: Principal, rows: Sequence[Sequence[Any]]) -> ClientFacts:
    if not rows or not rows[0][3]:
        # The client is gone, or its token was revoked or never ours: the same answer for each.
        raise Unauthenticated("The access token is not valid.", detail="revoked or unknown token")
    active, organizations, purposes = rows[0][:3]
    return ClientFacts(principal.client_id, active, frozenset(organizations), frozenset(purposes))


def account_of(columns: Sequence[Any]) -> AccountFacts:
    """Return the account in seven columns: id, role, active, npi, dea, license, organizations."""
    account_id, role, active, npi, dea, license_number, organizations = columns
    return AccountFacts(
        account_id=account_id,
        role=Role(role),
        active=active,
        practitioner=Practitioner(npi=npi, dea=dea, license=license_number),
        organizations=frozenset(organizations),
    )


def _labelled(label: str) -> Practitioner:
    """Return the practitioner that a grant was made for, from its stored label."""
    kind, _, value = label.partition(":")
    return Practitioner(**{kind: value}) if kind in ("npi", "dea", "license") else Practitioner()
