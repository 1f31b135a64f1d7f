"""What policy decides on. Facts are gathered by `gateway.disclose`; nothing here looks anything up."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from gateway.core.access import Practitioner, Purpose, Role


@dataclass(frozen=True, slots=True)
class ClientFacts:
    """The calling client: is it active, whom may it act for, which purposes may it state."""

    client_id: str
    active: bool
    organizations: frozenset[str]
    purposes: frozenset[str]


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """An account that one of the named identifiers belongs to."""

    account_id: UUID
    role: Role
    active: bool
    practitioner: Practitioner
    organizations: frozenset[str]


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """A request for a history: who calls, for which practitioner, from which organisations, why.

    `accounts` are all that any identifier of `practitioner` names. `organizations` holds, for each
    organisation sent, its NPI and DEA numbers; empty when none was sent.
    """

    scope_permits: bool
    client: ClientFacts
    practitioner: Practitioner
    accounts: tuple[AccountFacts, ...]
    organizations: tuple[frozenset[str], ...]
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class LiveGrant:
    """A disclosure grant that has not expired, with the account it stands on."""

    grant_id: UUID
    person_id: UUID
    practitioner: Practitioner
    account: AccountFacts
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class ContextFacts:
    """A read or search inside an earlier answer: the live grants that fit, at most a few."""

    scope_permits: bool
    client: ClientFacts
    grants: tuple[LiveGrant, ...]
