"""What stewards have decided about who is who, as the rules of matching must honour it.

A steward's word outweighs every score. Two persons that a steward held apart (split, or a doubtful link
rejected) are never joined by a rule again; persons that were merged answer as the one that stands for them.
Made by `gateway.stewardship`; see STEWARDSHIP.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from uuid import UUID

from psycopg import Connection

from gateway.match.resolve import Facts
from gateway.store import stewardship as store


def forbidden_pairs(
    connection: Connection[Any], jurisdiction: str, person_ids: Iterable[UUID]
) -> frozenset[frozenset[UUID]]:
    """Return the pairs among `person_ids` that no rule may join. Costs one statement on a small table."""
    return frozenset(
        frozenset(pair[1:])
        for pair in store.forbidden(connection, jurisdiction, person_ids)
        if pair[1] != pair[2]
    )


def standing_for(
    connection: Connection[Any], jurisdiction: str, person_ids: Iterable[UUID]
) -> dict[UUID, UUID]:
    """Return for each id the person that stands for it: itself, unless a steward merged it into another."""
    asked = list(person_ids)
    merged = store.survivors(connection, jurisdiction, asked) if asked else {}
    return {person_id: merged.get(person_id, person_id) for person_id in asked}


def joined_by_steward(
    connection: Connection[Any], jurisdiction: str, person_ids: Iterable[UUID]
) -> frozenset[UUID]:
    """Return those of `person_ids` that a steward made of several."""
    return frozenset(store.replaced(connection, jurisdiction, list(person_ids)))


def reconcile(connection: Connection[Any], jurisdiction: str, people: dict[UUID, list[Facts]]) -> None:
    """Change the facts of persons that a steward made of several, so that these do not contradict each other.

    Such a person may hold two SSNs or licences: what agrees with one of them does not contradict the person
    by differing from the other. Who has one description only was not made of several, and is not asked about.
    """
    several = [person_id for person_id, facts in people.items() if len(facts) > 1]
    for person_id in joined_by_steward(connection, jurisdiction, several):
        people[person_id] = as_one(people[person_id])


def as_one(facts: Iterable[Facts]) -> list[Facts]:
    """Return the facts of one person, each with every SSN, licence and suffix that any of them has."""
    known = list(facts)
    ssns = frozenset().union(*(one.ssns for one in known))
    licenses = frozenset().union(*(one.licenses for one in known))
    suffixes = frozenset().union(*(one.suffixes for one in known))
    return [replace(one, ssns=ssns, licenses=licenses, suffixes=suffixes) for one in known]
