"""What a user may see by an app: each rule allows and denies with one difference."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.access import DenialReason, Denied, Grant, Practitioner, Purpose, Reach, Role, Slice
from gateway.policy.decide import (
    decide_choice,
    decide_launch,
    decide_user,
    decide_user_history,
    may_act,
    may_ask_as_user,
)
from gateway.policy.facts import AccountFacts, ClientFacts, UserFacts, UserRequestFacts

TODAY = dt.date(2026, 11, 20)
PERSON, OTHER = UUID(int=7), UUID(int=8)
CLINIC = "1999000122"

CREECH = AccountFacts(
    account_id=UUID(int=1),
    role=Role.PRACTITIONER,
    active=True,
    practitioner=Practitioner(npi="1999100856", dea="FT9100859"),
    organizations=frozenset({CLINIC}),
)
BAKER = AccountFacts(UUID(int=2), Role.DELEGATE, True, Practitioner(), frozenset())
FACTS = UserFacts(
    scope_permits=True,
    client=ClientFacts("app", True, frozenset(), frozenset({"TREAT"})),
    account=CREECH,
    consent_id=UUID(int=3),
    person_id=PERSON,
)
DELEGATED = replace(FACTS, account=BAKER, supervisor=CREECH, delegation_stands=True)
ASKED = UserRequestFacts(FACTS, Practitioner(npi="1999100856"), ())


def reason(facts: UserFacts = FACTS, **changes: Any) -> DenialReason | None:
    denied = may_act(replace(facts, **changes))
    return denied.reason if denied else None


def read(facts: UserFacts, person: UUID | None = None) -> Grant | DenialReason:
    verdict = decide_user(facts, jurisdiction="KY", person_id=person, today=TODAY, max_months=None)
    return verdict.reason if isinstance(verdict, Denied) else verdict


def history(facts: UserRequestFacts, person: UUID | None = PERSON) -> Grant | DenialReason:
    verdict = decide_user_history(facts, jurisdiction="KY", person_id=person, today=TODAY, default_months=12)
    return verdict.reason if isinstance(verdict, Denied) else verdict


@pytest.mark.parametrize("role", [Role.PRACTITIONER, Role.PHARMACIST])
def test_an_active_user_who_may_receive_sees_the_consents_patient(role: Role) -> None:
    grant = read(replace(FACTS, account=replace(CREECH, role=role)))
    assert isinstance(grant, Grant)
    assert (grant.person_id, grant.account_id) == (PERSON, CREECH.account_id)
    assert (grant.delegate_id, grant.consent_id) == (None, FACTS.consent_id)
    assert grant.restricted, "treatment sees programme rows"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"scope_permits": False}, DenialReason.NO_SCOPE),
        ({"client": replace(FACTS.client, active=False)}, DenialReason.CLIENT_INACTIVE),
        ({"client": replace(FACTS.client, purposes=frozenset())}, DenialReason.PURPOSE_NOT_PERMITTED),
        ({"account": replace(CREECH, active=False)}, DenialReason.ACCOUNT_INACTIVE),
        ({"account": replace(CREECH, role=Role.STEWARD)}, DenialReason.ROLE_NOT_PERMITTED),
        (
            {"client": replace(FACTS.client, organizations=frozenset({"1999000205"}))},
            DenialReason.NO_SHARED_ORGANIZATION,
        ),
        ({"client": replace(FACTS.client, organizations=frozenset({CLINIC}))}, None),
    ],
)
def test_each_rule_denies_by_one_difference(changes: dict[str, Any], expected: DenialReason | None) -> None:
    assert reason() is None
    assert reason(**changes) is expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"supervisor": None}, DenialReason.NO_SUPERVISOR),
        ({"delegation_stands": False}, DenialReason.DELEGATION_ENDED),
        ({"supervisor": replace(CREECH, active=False)}, DenialReason.ACCOUNT_INACTIVE),
        ({"account": replace(BAKER, active=False)}, DenialReason.ACCOUNT_INACTIVE),
        ({"supervisor": replace(CREECH, role=Role.DELEGATE)}, DenialReason.ROLE_NOT_PERMITTED),
        (
            {"client": replace(FACTS.client, organizations=frozenset({CLINIC}))},
            None,
        ),
    ],
)
def test_a_delegate_has_the_rights_of_one_supervisor(
    changes: dict[str, Any], expected: DenialReason | None
) -> None:
    assert reason(DELEGATED, **changes) is expected


def test_a_delegates_grant_names_both() -> None:
    grant = read(DELEGATED)
    assert isinstance(grant, Grant)
    assert (grant.account_id, grant.delegate_id) == (CREECH.account_id, BAKER.account_id)
    assert grant.practitioner == CREECH.practitioner


def test_only_the_consents_patient_is_in_context() -> None:
    assert isinstance(read(FACTS, PERSON), Grant)
    assert read(FACTS, OTHER) is DenialReason.NOT_IN_CONTEXT
    assert read(replace(FACTS, person_id=None), PERSON) is DenialReason.NO_PATIENT
    assert read(replace(FACTS, person_id=None)) is DenialReason.NO_PATIENT


def test_whom_a_history_means_must_be_the_consents_patient_and_nobody_is_not() -> None:
    grant = history(ASKED)
    assert isinstance(grant, Grant)
    assert (grant.window.start, grant.window.end) == (dt.date(2025, 11, 20), TODAY)
    assert history(ASKED, OTHER) is history(ASKED, None) is DenialReason.NOT_IN_CONTEXT


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (Practitioner(npi="1999100856"), None),
        (Practitioner(dea="FT9100859"), None),
        (Practitioner(npi="1999200003"), DenialReason.NOT_THE_USER),
        # The strongest number that both have decides.
        (Practitioner(npi="1999200003", dea="FT9100859"), DenialReason.NOT_THE_USER),
        (Practitioner(license="KY:10085"), DenialReason.NOT_THE_USER),
        (Practitioner(), DenialReason.NO_PRACTITIONER),
    ],
)
def test_a_history_is_for_the_tokens_user(asked: Practitioner, expected: DenialReason | None) -> None:
    for user in (FACTS, DELEGATED):
        denied = may_ask_as_user(UserRequestFacts(user, asked, ()))
        assert (denied.reason if denied else None) is expected


def test_an_organization_that_is_sent_is_the_users_and_the_clients() -> None:
    theirs = frozenset({"1999000205"})
    both = replace(FACTS, client=replace(FACTS.client, organizations=frozenset({CLINIC})))

    def denied(user: UserFacts, sent: frozenset[str]) -> DenialReason | None:
        found = may_ask_as_user(replace(ASKED, user=user, organizations=(sent,)))
        return found.reason if found else None

    assert denied(FACTS, frozenset({CLINIC})) is None
    assert denied(FACTS, theirs) is DenialReason.ORGANIZATION_NOT_ACCOUNTS
    assert denied(both, theirs) is DenialReason.ORGANIZATION_NOT_CLIENTS


def test_what_the_scopes_open_is_part_of_the_grant() -> None:
    reach = Reach((Slice(statuses=frozenset({"completed"})),), requests=False)
    for grant in (
        read(replace(FACTS, reach=reach)),
        history(replace(ASKED, user=replace(FACTS, reach=reach))),
    ):
        assert isinstance(grant, Grant)
        assert grant.reach == reach


def test_a_launch_needs_an_active_user_and_a_choice_one_who_may_see() -> None:
    def launch(facts: UserFacts) -> object:
        return decide_launch(facts, jurisdiction="KY", person_id=PERSON, today=TODAY)

    def choice(facts: UserFacts) -> object:
        return decide_choice(facts, jurisdiction="KY", person_id=PERSON, today=TODAY)

    waiting = replace(FACTS, consent_id=None, person_id=None)
    unsupervised = replace(waiting, account=BAKER)
    assert isinstance(launch(waiting), Grant)
    assert isinstance(choice(waiting), Grant)
    # A delegate says for whom when consenting.
    assert isinstance(launch(unsupervised), Grant)
    assert choice(unsupervised) == Denied(DenialReason.NO_SUPERVISOR)
    gone = replace(waiting, account=replace(CREECH, active=False))
    assert launch(gone) == choice(gone) == Denied(DenialReason.ACCOUNT_INACTIVE)


accounts = st.builds(
    replace,
    st.sampled_from([CREECH, BAKER]),
    role=st.sampled_from(Role),
    active=st.booleans(),
    organizations=st.sampled_from([frozenset(), frozenset({CLINIC})]),
)
facts = st.builds(
    UserFacts,
    scope_permits=st.booleans(),
    client=st.builds(
        ClientFacts,
        client_id=st.just("app"),
        active=st.booleans(),
        organizations=st.sampled_from([frozenset(), frozenset({CLINIC}), frozenset({"1999000205"})]),
        purposes=st.sampled_from([frozenset(), frozenset({"TREAT"})]),
    ),
    account=accounts,
    supervisor=st.none() | accounts,
    delegation_stands=st.booleans(),
    purpose=st.just(Purpose.TREATMENT),
    consent_id=st.just(UUID(int=3)),
    person_id=st.sampled_from([None, PERSON]),
)


@given(facts, st.sampled_from([None, PERSON, OTHER]))
def test_whatever_the_facts_a_grant_has_all_that_it_takes(one: UserFacts, person: UUID | None) -> None:
    verdict = read(one, person)
    if not isinstance(verdict, Grant):
        return
    assert one.scope_permits
    assert one.client.active
    assert one.account.active
    assert verdict.person_id == one.person_id == (person or PERSON)
    rights = one.account if one.supervisor is None else one.supervisor
    assert verdict.account_id == rights.account_id
    assert rights.active
    assert rights.role in (Role.PRACTITIONER, Role.PHARMACIST)
    assert one.supervisor is None or one.delegation_stands
    assert not one.client.organizations or one.client.organizations & rights.organizations
