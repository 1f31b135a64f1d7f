"""Who may see what: each rule allows and denies with one difference."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.access import DenialReason, Denied, Grant, Practitioner, Purpose, Role
from gateway.policy.decide import decide_context, decide_history, may_ask, months_before
from gateway.policy.facts import AccountFacts, ClientFacts, ContextFacts, LiveGrant, RequestFacts

TODAY = dt.date(2026, 11, 20)
PERSON = UUID(int=7)
CLINIC = "1999000122"

ACCOUNT = AccountFacts(
    account_id=UUID(int=1),
    role=Role.PRACTITIONER,
    active=True,
    practitioner=Practitioner(npi="1999100856", dea="FT9100859", license="KY:10085"),
    organizations=frozenset({CLINIC}),
)
FACTS = RequestFacts(
    scope_permits=True,
    client=ClientFacts("ehr", True, frozenset({CLINIC}), frozenset({"TREAT"})),
    practitioner=Practitioner(npi="1999100856"),
    accounts=(ACCOUNT,),
    organizations=(),
    purpose=Purpose.TREATMENT,
)


def reason(**changes: object) -> DenialReason | None:
    denied = may_ask(replace(FACTS, **changes))
    return denied.reason if denied else None


def account(**changes: object) -> tuple[AccountFacts, ...]:
    return (replace(ACCOUNT, **changes),)


def test_an_active_practitioner_of_a_shared_organization_may_ask() -> None:
    assert may_ask(FACTS) is None


def test_a_pharmacist_may_ask_and_a_delegate_may_not() -> None:
    assert reason(accounts=account(role=Role.PHARMACIST)) is None
    assert reason(accounts=account(role=Role.DELEGATE)) is DenialReason.ROLE_NOT_PERMITTED


def test_without_the_scope_nothing_is_granted() -> None:
    assert reason(scope_permits=False) is DenialReason.NO_SCOPE


def test_a_disabled_client_gets_nothing() -> None:
    assert reason(client=replace(FACTS.client, active=False)) is DenialReason.CLIENT_INACTIVE


def test_a_purpose_the_client_is_not_registered_for_is_refused() -> None:
    other = replace(FACTS.client, purposes=frozenset({"HPAYMT"}))
    assert reason(client=other) is DenialReason.PURPOSE_NOT_PERMITTED


def test_a_disabled_account_is_refused() -> None:
    assert reason(accounts=account(active=False)) is DenialReason.ACCOUNT_INACTIVE


def test_a_practitioner_must_be_named_and_known() -> None:
    assert reason(practitioner=Practitioner()) is DenialReason.NO_PRACTITIONER
    assert reason(accounts=()) is DenialReason.UNKNOWN_PRACTITIONER


@pytest.mark.parametrize(
    "asked",
    [
        Practitioner(dea="FT9100859"),
        Practitioner(license="KY:10085"),
        # One person may hold several DEA numbers: the NPI decides.
        Practitioner(npi="1999100856", dea="BT1111119"),
    ],
)
def test_each_identifier_names_the_account(asked: Practitioner) -> None:
    assert reason(practitioner=asked) is None


def test_a_dea_number_never_outweighs_another_npi() -> None:
    mixed = Practitioner(npi="1999200003", dea="FT9100859")
    assert reason(practitioner=mixed) is DenialReason.AMBIGUOUS_PRACTITIONER


def test_identifiers_of_two_accounts_are_refused() -> None:
    other = replace(
        ACCOUNT, account_id=UUID(int=2), practitioner=Practitioner(npi="1999200003", dea="BB1111111")
    )
    asked = Practitioner(npi="1999100856", dea="BB1111111")
    assert reason(practitioner=asked, accounts=(ACCOUNT, other)) is DenialReason.AMBIGUOUS_PRACTITIONER


def test_a_residents_suffix_is_part_of_the_number() -> None:
    resident = replace(ACCOUNT, practitioner=Practitioner(dea="AB9519008-012"))
    assert reason(accounts=(resident,), practitioner=Practitioner(dea="AB9519008-012")) is None
    assert reason(accounts=(resident,), practitioner=Practitioner(dea="AB9519008")) is not None


def test_an_old_disabled_account_of_the_same_practitioner_does_not_stand_in_the_way() -> None:
    old = replace(ACCOUNT, account_id=UUID(int=3), active=False)
    assert reason(accounts=(old, ACCOUNT)) is None


def test_an_organization_sent_must_be_the_clients_and_the_accounts() -> None:
    other = "1999000205"
    assert reason(organizations=(frozenset({CLINIC, other}),)) is None
    assert reason(organizations=(frozenset({other}),)) is DenialReason.ORGANIZATION_NOT_CLIENTS
    assert reason(organizations=(frozenset(),)) is DenialReason.ORGANIZATION_NOT_CLIENTS
    assert (
        reason(organizations=(frozenset({CLINIC}),), accounts=account(organizations=frozenset({other})))
        is DenialReason.ORGANIZATION_NOT_ACCOUNTS
    )


def test_without_an_organization_client_and_account_must_share_one() -> None:
    assert (
        reason(accounts=account(organizations=frozenset({"1999000205"})))
        is DenialReason.NO_SHARED_ORGANIZATION
    )


def test_a_history_is_granted_for_the_default_look_back_both_ends_included() -> None:
    grant = decide_history(FACTS, jurisdiction="KY", person_id=PERSON, today=TODAY, default_months=12)
    assert isinstance(grant, Grant)
    assert (grant.window.start, grant.window.end) == (dt.date(2025, 11, 20), TODAY)
    assert grant.restricted, "treatment sees programme rows"
    assert grant.account_id == ACCOUNT.account_id


LIVE = LiveGrant(uuid4(), PERSON, ACCOUNT.practitioner, ACCOUNT, Purpose.TREATMENT)
CONTEXT = ContextFacts(True, FACTS.client, (LIVE,))


def context(facts: ContextFacts, person: UUID | None = PERSON, max_months: int | None = None) -> object:
    verdict = decide_context(facts, jurisdiction="KY", person_id=person, today=TODAY, max_months=max_months)
    return verdict.reason if isinstance(verdict, Denied) else verdict


def test_a_read_stands_on_exactly_one_live_grant() -> None:
    assert isinstance(context(CONTEXT), Grant)
    assert context(replace(CONTEXT, grants=())) is DenialReason.NO_GRANT
    assert context(replace(CONTEXT, grants=(LIVE, LIVE))) is DenialReason.SEVERAL_GRANTS


def test_a_grant_for_one_person_opens_no_other() -> None:
    assert context(CONTEXT, person=UUID(int=8)) is DenialReason.NOT_IN_CONTEXT


def test_a_grant_falls_with_its_account_or_client() -> None:
    fallen = replace(LIVE, account=replace(ACCOUNT, active=False))
    assert context(replace(CONTEXT, grants=(fallen,))) is DenialReason.ACCOUNT_INACTIVE
    inactive = replace(FACTS.client, active=False)
    assert context(replace(CONTEXT, client=inactive)) is DenialReason.CLIENT_INACTIVE


def test_the_maximum_look_back_bounds_a_search() -> None:
    open_ended = context(CONTEXT)
    assert isinstance(open_ended, Grant)
    assert open_ended.window.start is None
    bounded = context(CONTEXT, max_months=36)
    assert isinstance(bounded, Grant)
    assert bounded.window.start == dt.date(2023, 11, 20)


@given(st.dates(dt.date(1900, 1, 1), dt.date(2100, 1, 1)), st.integers(0, 600))
def test_months_before_keeps_the_day_or_the_months_last(day: dt.date, months: int) -> None:
    earlier = months_before(day, months)
    assert (day.year * 12 + day.month) - (earlier.year * 12 + earlier.month) == months
    assert earlier.day == day.day or (
        earlier.day < day.day and (earlier + dt.timedelta(days=1)).month != earlier.month
    )
