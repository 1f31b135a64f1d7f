"""One frozen dataclass a rule: each looks at the facts and returns a reason to deny, or None.

Order matters only for which reason is reported; every rule must pass. Sources: KRS 218A.202 and the
program's own list of who may receive a report and for what (practitioner or pharmacist, treatment of
their own patient); 42 CFR 2.12 for programme records; SMART scopes for the client.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.core.access import DenialReason, Practitioner, Role
from gateway.policy.facts import AccountFacts, ContextFacts, RequestFacts, UserFacts, UserRequestFacts

#: Roles that may be the authorised practitioner of a history. A delegate acts under one, never as one.
RECEIVING_ROLES = frozenset({Role.PRACTITIONER, Role.PHARMACIST})


def names(asked: Practitioner, account: Practitioner) -> bool:
    """Return whether `asked` names `account`: their strongest common kind of identifier agrees.

    An NPI outweighs a DEA number (one person may hold several), that a licence.
    """
    for kind in ("npi", "dea", "license"):
        left, right = getattr(asked, kind), getattr(account, kind)
        if left and right:
            return bool(left == right)
    return False


def account_named(facts: RequestFacts) -> AccountFacts | None:
    """Return the one account that the authorised practitioner's identifiers name, preferring active ones."""
    named = [account for account in facts.accounts if names(facts.practitioner, account.practitioner)]
    active = [account for account in named if account.active]
    chosen = active or named
    return chosen[0] if len(chosen) == 1 else None


@dataclass(frozen=True, slots=True)
class ScopePermits:
    """The access token's scope covers the interaction (SMART 2.2, scopes)."""

    def verify(self, facts: RequestFacts | ContextFacts | UserFacts) -> DenialReason | None:
        return None if facts.scope_permits else DenialReason.NO_SCOPE


@dataclass(frozen=True, slots=True)
class ClientIsActive:
    """A disabled client gets nothing, whatever tokens it still holds."""

    def verify(self, facts: RequestFacts | ContextFacts | UserFacts) -> DenialReason | None:
        return None if facts.client.active else DenialReason.CLIENT_INACTIVE


@dataclass(frozen=True, slots=True)
class PurposeIsPermitted:
    """The client is registered for the stated purpose of use."""

    def verify(self, facts: RequestFacts | UserFacts) -> DenialReason | None:
        permitted = facts.purpose.value in facts.client.purposes
        return None if permitted else DenialReason.PURPOSE_NOT_PERMITTED


@dataclass(frozen=True, slots=True)
class PractitionerHasAccount:
    """The authorised practitioner is named by an identifier, and it names exactly one account."""

    def verify(self, facts: RequestFacts) -> DenialReason | None:
        asked = facts.practitioner
        if not (asked.npi or asked.dea or asked.license):
            return DenialReason.NO_PRACTITIONER
        named = [account for account in facts.accounts if names(asked, account.practitioner)]
        if not named:
            conflicting = bool(facts.accounts)
            return DenialReason.AMBIGUOUS_PRACTITIONER if conflicting else DenialReason.UNKNOWN_PRACTITIONER
        # An active account that another of the identifiers names means that two people are mixed up.
        others = [account for account in facts.accounts if account not in named and account.active]
        if others or account_named(facts) is None:
            return DenialReason.AMBIGUOUS_PRACTITIONER
        return None


@dataclass(frozen=True, slots=True)
class AccountIsActive:
    """The account of the authorised practitioner has not been disabled."""

    def verify(self, facts: RequestFacts) -> DenialReason | None:
        account = account_named(facts)
        return None if account and account.active else DenialReason.ACCOUNT_INACTIVE


@dataclass(frozen=True, slots=True)
class RoleMayReceive:
    """Practitioners and pharmacists may receive a history for treatment (KRS 218A.202)."""

    def verify(self, facts: RequestFacts) -> DenialReason | None:
        account = account_named(facts)
        return None if account and account.role in RECEIVING_ROLES else DenialReason.ROLE_NOT_PERMITTED


@dataclass(frozen=True, slots=True)
class OrganizationIsShared:
    """An organisation sent is one of the client's and one of the account's; none sent: they share one."""

    def verify(self, facts: RequestFacts) -> DenialReason | None:
        account = account_named(facts)
        if account is None:
            return DenialReason.UNKNOWN_PRACTITIONER
        for numbers in facts.organizations:
            if not numbers & facts.client.organizations:
                return DenialReason.ORGANIZATION_NOT_CLIENTS
            if not numbers & account.organizations:
                return DenialReason.ORGANIZATION_NOT_ACCOUNTS
        if not facts.organizations and not facts.client.organizations & account.organizations:
            return DenialReason.NO_SHARED_ORGANIZATION
        return None


@dataclass(frozen=True, slots=True)
class OneLiveGrant:
    """A read or search stands on exactly one live grant; several need the PDMP-Grant header."""

    def verify(self, facts: ContextFacts) -> DenialReason | None:
        if not facts.grants:
            return DenialReason.NO_GRANT
        return DenialReason.SEVERAL_GRANTS if len(facts.grants) > 1 else None


@dataclass(frozen=True, slots=True)
class GrantStillStands:
    """The account that a grant stands on is still active and of a receiving role; so is the purpose."""

    def verify(self, facts: ContextFacts) -> DenialReason | None:
        for grant in facts.grants:
            if not grant.account.active:
                return DenialReason.ACCOUNT_INACTIVE
            if grant.account.role not in RECEIVING_ROLES:
                return DenialReason.ROLE_NOT_PERMITTED
            if grant.purpose.value not in facts.client.purposes:
                return DenialReason.PURPOSE_NOT_PERMITTED
        return None


@dataclass(frozen=True, slots=True)
class UserIsActive:
    """Who signed in has not been disabled; nor has the supervisor for whom a delegate acts."""

    def verify(self, facts: UserFacts) -> DenialReason | None:
        active = facts.account.active and facts.rights.active
        return None if active else DenialReason.ACCOUNT_INACTIVE


@dataclass(frozen=True, slots=True)
class DelegateIsSupervised:
    """A delegate acts for one supervisor, and still may (KRS 218A.202: under the practitioner's account)."""

    def verify(self, facts: UserFacts) -> DenialReason | None:
        if facts.supervisor is None:
            return DenialReason.NO_SUPERVISOR if facts.account.role is Role.DELEGATE else None
        return None if facts.delegation_stands else DenialReason.DELEGATION_ENDED


@dataclass(frozen=True, slots=True)
class UserMayReceive:
    """The account whose rights are used may receive a history for treatment (KRS 218A.202)."""

    def verify(self, facts: UserFacts) -> DenialReason | None:
        return None if facts.rights.role in RECEIVING_ROLES else DenialReason.ROLE_NOT_PERMITTED


@dataclass(frozen=True, slots=True)
class UserSharesOrganization:
    """A client that is registered for organisations serves their people only; another serves anybody."""

    def verify(self, facts: UserFacts) -> DenialReason | None:
        theirs = facts.client.organizations
        return (
            DenialReason.NO_SHARED_ORGANIZATION
            if theirs and not theirs & facts.rights.organizations
            else None
        )


@dataclass(frozen=True, slots=True)
class PractitionerIsUser:
    """The authorised practitioner is the token's own user, or for whom that delegate acts."""

    def verify(self, facts: UserRequestFacts) -> DenialReason | None:
        asked = facts.practitioner
        if not (asked.npi or asked.dea or asked.license):
            return DenialReason.NO_PRACTITIONER
        same = names(asked, facts.user.rights.practitioner)
        return None if same else DenialReason.NOT_THE_USER


@dataclass(frozen=True, slots=True)
class UserActsForOrganization:
    """An organisation sent is one of the account's, and of the client's where it is registered for some."""

    def verify(self, facts: UserRequestFacts) -> DenialReason | None:
        theirs = facts.user.client.organizations
        for numbers in facts.organizations:
            if theirs and not numbers & theirs:
                return DenialReason.ORGANIZATION_NOT_CLIENTS
            if not numbers & facts.user.rights.organizations:
                return DenialReason.ORGANIZATION_NOT_ACCOUNTS
        return None


#: Rules about the caller alone: their refusals are the transport's (HTTP 403), not the program's.
CALLER_RULES = (ScopePermits(), ClientIsActive())

REQUEST_RULES = (
    *CALLER_RULES,
    PurposeIsPermitted(),
    PractitionerHasAccount(),
    AccountIsActive(),
    RoleMayReceive(),
    OrganizationIsShared(),
)

CONTEXT_RULES = (ScopePermits(), ClientIsActive(), OneLiveGrant(), GrantStillStands())

#: Whoever signed in, for whatever patient.
USER_RULES = (
    *CALLER_RULES,
    PurposeIsPermitted(),
    UserIsActive(),
    DelegateIsSupervised(),
    UserMayReceive(),
    UserSharesOrganization(),
)

USER_REQUEST_RULES = (PractitionerIsUser(), UserActsForOrganization())
