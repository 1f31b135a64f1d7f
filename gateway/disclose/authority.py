"""What a token's scopes open, as policy and SQL need it: a permission, and a `Reach` of slices.

SMART App Launch 2.2, "Scopes and Launch Context": scopes of one token add up. Each alternative of a granular
scope becomes a `Slice`, which the store puts into its predicate, before any page limit and any count.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import lru_cache

from gateway.auth.scopes import Condition, ScopeSet
from gateway.core.access import Principal, Reach, Slice
from gateway.core.clock import Clock
from gateway.core.errors import GatewayError
from gateway.fhir import conditions
from gateway.fhir.tokens import Token
from gateway.mapping.tables import Mappings

#: What is stored has one of these.
_STATUSES = frozenset({"completed", "entered-in-error"})

Choice = tuple[tuple[Condition, ...], ...] | None
"""Conditions of which one set must hold; None: everything, empty: nothing."""


def permits(principal: Principal, resource_type: str, interaction: str) -> bool:
    """Return whether the scopes allow `interaction` on anything of that type."""
    return scopes(principal).permits(resource_type, interaction, principal.contexts)


def scopes(principal: Principal) -> ScopeSet:
    """Return the token's scopes."""
    return _parsed(principal.scopes)


def reach(
    principal: Principal,
    interactions: Iterable[str],
    mappings: Mappings,
    clock: Clock,
    *,
    whole: bool = False,
) -> Reach:
    """Return what the scopes open of dispensations by all of `interactions`, and of prescriptions by reading.

    With `whole` prescriptions are part of an answer that is opened as one: only scopes with conditions on
    them keep them out of it.
    """
    token = scopes(principal)
    choice: Choice = None
    for interaction in interactions:
        choice = _both(choice, token.conditions("MedicationDispense", interaction, principal.contexts))
    of_requests = token.conditions("MedicationRequest", "read", principal.contexts)
    return Reach(
        dispenses=None if choice is None else _slices(choice, mappings, clock),
        # A choice of conditions asks for a category, and no prescription that is stored has one.
        requests=of_requests is None or (whole and of_requests == ()),
    )


def prescriptions(principal: Principal) -> Reach:
    """Return what the scopes open of prescriptions by searching them, whatever they open of dispensations."""
    asked = scopes(principal).conditions("MedicationRequest", "search", principal.contexts)
    return Reach(requests=asked is None)


def kinds(types: tuple[Token, ...] | None, mappings: Mappings) -> frozenset[str] | None:
    """Return the kinds of fill that one of `types` stands for, by the table `supply-type`; None for None."""
    if types is None:
        return None
    return frozenset(
        kind
        for kind, coding in mappings.fragments.supply_type.items()
        for system, code in types
        if code == coding.code and system in (None, coding.system)
    )


@lru_cache(maxsize=4096)
def _parsed(texts: frozenset[str]) -> ScopeSet:
    # Tokens of one client ask for the same again and again.
    return ScopeSet.of(sorted(texts))


def _both(left: Choice, right: Choice) -> Choice:
    """Return where both hold."""
    if left is None or left == right:
        return right
    if right is None:
        return left
    return tuple(dict.fromkeys(tuple(dict.fromkeys(one + other)) for one in left for other in right))


def _slices(choice: Iterable[tuple[Condition, ...]], mappings: Mappings, clock: Clock) -> tuple[Slice, ...]:
    found = (_slice(asked, mappings, clock.today(), clock) for asked in choice)
    return tuple(one for one in found if one is not None)


def _slice(asked: tuple[Condition, ...], mappings: Mappings, today: dt.date, clock: Clock) -> Slice | None:
    """Return the slice of one scope, or None when nothing can lie in it."""
    try:
        condition = conditions.read("MedicationDispense", asked, zone=clock.zone, today=today)
    except GatewayError:
        # Two scopes that ask different codes at once, or a scope of an earlier release: it opens nothing.
        return None
    kept = None if condition.statuses is None else condition.statuses & _STATUSES
    of_kinds = kinds(condition.types, mappings)
    if condition.impossible or kept == frozenset() or of_kinds == frozenset():
        return None
    return Slice(
        statuses=kept,
        kinds=of_kinds,
        codes=condition.codes,
        prepared=condition.prepared,
        not_prepared=condition.not_prepared,
    )
