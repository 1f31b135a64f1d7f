"""Who may ask who is who: facts in, a reason or nothing out."""

from __future__ import annotations

import pytest

from gateway.core.access import DenialReason, Denied, Practitioner, Purpose
from gateway.policy.facts import ClientFacts, RequestFacts
from gateway.policy.match import may_match


def facts(
    *, scope: bool = True, active: bool = True, purposes: frozenset[str] = frozenset({"TREAT"})
) -> RequestFacts:
    client = ClientFacts("registry", active, frozenset(), purposes)
    return RequestFacts(scope, client, Practitioner(), (), (), Purpose.TREATMENT)


def test_a_client_with_the_scope_needs_no_practitioner_and_no_organization() -> None:
    assert may_match(facts()) is None


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (facts(scope=False), DenialReason.NO_SCOPE),
        (facts(active=False), DenialReason.CLIENT_INACTIVE),
        (facts(purposes=frozenset()), DenialReason.PURPOSE_NOT_PERMITTED),
    ],
    ids=lambda one: one.name if isinstance(one, DenialReason) else "",
)
def test_each_rule_denies_by_itself(asked: RequestFacts, reason: DenialReason) -> None:
    assert may_match(asked) == Denied(reason)
