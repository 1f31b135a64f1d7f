"""What policy decides on. Facts are gathered by `gateway.disclose`; nothing here looks anything up."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from gateway.core.access import WHOLE, Practitioner, Purpose, Reach, Role


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
    reach: Reach = WHOLE


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
    reach: Reach = WHOLE


@dataclass(frozen=True, slots=True)
class UserFacts:
    """A user who lets a client act: who signed in, for whom, and what the consent says.

    `account` signed in. `supervisor` is for whom, when a delegate did, and `delegation_stands` whether that
    holds today. `consent_id` and `person_id` are None while nothing was consented to or chosen yet.
    """

    scope_permits: bool
    client: ClientFacts
    account: AccountFacts
    supervisor: AccountFacts | None = None
    delegation_stands: bool = False
    purpose: Purpose = Purpose.TREATMENT
    consent_id: UUID | None = None
    person_id: UUID | None = None
    reach: Reach = WHOLE

    @property
    def rights(self) -> AccountFacts:
        """Return the account whose rights are used."""
        return self.supervisor or self.account


@dataclass(frozen=True, slots=True)
class UserRequestFacts:
    """A request for a history with a user's token: the practitioner and organisations that it names."""

    user: UserFacts
    practitioner: Practitioner
    organizations: tuple[frozenset[str], ...]
