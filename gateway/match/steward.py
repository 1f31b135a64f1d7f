"""What stewards have decided about who is who, as the rules of matching must honour it.

A steward's word outweighs every score. Two persons that a steward held apart (split, or a doubtful link
rejected) are never joined by a rule again; persons that were merged answer as the one that stands for them.
Made by `gateway.stewardship`; see STEWARDSHIP.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from psycopg import Connection

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
    """Return those of `person_ids` that a steward made of several.

    Such a person may hold two SSNs or licences: a description that agrees with one of them does not
    contradict the person by differing from the other.
    """
    return frozenset(store.replaced(connection, jurisdiction, list(person_ids)))
