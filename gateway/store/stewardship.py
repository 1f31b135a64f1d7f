"""The statements of stewardship: persons that are merged or split, and what is kept about each such action.

Everything that changes runs in the caller's transaction, under the lock of ingest.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection

from gateway.core.access import Grant
from gateway.core.disclosure import Entry
from gateway.core.ids import uuid7
from gateway.core.records import MergedPerson
from gateway.store import arrays
from gateway.store.database import Row
from gateway.store.ingest import VersionId, version_ids
from gateway.store.sql import queries


@dataclass(frozen=True, slots=True)
class StoredPerson:
    """A person's row without its resource."""

    person_id: UUID
    species: str
    version: int
    updated_at: dt.datetime
    merged_into: UUID | None

    def as_merged(self) -> MergedPerson:
        """Return what is rendered of one that was merged away."""
        assert self.merged_into is not None
        return MergedPerson(self.person_id, self.version, self.updated_at, self.species, self.merged_into)


@dataclass(frozen=True, slots=True)
class Action:
    """What a steward did. `undoes` is set for an undo, `undone_by` for an action that was taken back."""

    action_id: UUID
    kind: str
    person_id: UUID
    other_person_id: UUID
    username: str
    reason: str
    at: dt.datetime
    review_ids: tuple[UUID, ...]
    ended_never: tuple[UUID, ...]
    undoes: UUID | None
    undone_by: UUID | None


@dataclass(frozen=True, slots=True)
class Review:
    """A link in doubt. `now` are the persons that stand for the two today; the evidence is in words."""

    review_id: UUID
    persons: tuple[UUID, UUID]
    now: tuple[UUID, UUID]
    description_id: UUID | None
    probability: float | None
    agreeing: tuple[str, ...]
    disagreeing: tuple[str, ...]
    created_at: dt.datetime
    resolution: str | None


def persons(
    connection: Connection[Row], jurisdiction: str, person_ids: Sequence[UUID]
) -> dict[UUID, StoredPerson]:
    """Return those of some persons that there are, merged ones too."""
    rows = connection.execute(_sql("persons"), _asked(jurisdiction, person_ids)).fetchall()
    return {row[0]: StoredPerson(*row) for row in rows}


def replaced(
    connection: Connection[Row], jurisdiction: str, person_ids: Sequence[UUID]
) -> dict[UUID, tuple[UUID, ...]]:
    """Return, of some persons, those that stand for others, with whom they stand for."""
    if not person_ids:
        return {}
    rows = connection.execute(_sql("replaced"), _asked(jurisdiction, person_ids)).fetchall()
    return {row[0]: tuple(row[1]) for row in rows}


def survivors(connection: Connection[Row], jurisdiction: str, person_ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """Return, of some ids, those of persons that were merged away, each with the one that stands for it."""
    rows = connection.execute(_sql("survivors"), _asked(jurisdiction, person_ids)).fetchall()
    return {row[0]: row[1] for row in rows}


def merged_patient(connection: Connection[Row], grant: Grant, merged_id: UUID) -> Entry | None:
    """Return the inactive Patient of somebody who was merged into the grant's person, or None."""
    row = connection.execute(
        _sql("merged_patient"),
        {"jurisdiction": grant.jurisdiction, "person_id": grant.person_id, "merged_id": merged_id},
        binary=True,
    ).fetchone()
    return None if row is None else Entry("Patient", str(merged_id), row[0])


def description_ids(connection: Connection[Row], jurisdiction: str, person_id: UUID) -> list[UUID]:
    """Return the descriptions of a person."""
    return _ids(connection, "description_ids", jurisdiction=jurisdiction, person_id=person_id)


def versions_of(
    connection: Connection[Row], jurisdiction: str, person_id: UUID, descriptions: Sequence[UUID]
) -> list[VersionId]:
    """Return the dispensation versions that these descriptions of a person carry."""
    rows = connection.execute(_sql("versions_of"), _from(jurisdiction, person_id, descriptions)).fetchall()
    return [(person_id, row[0], row[1]) for row in rows]


def move(
    connection: Connection[Row],
    jurisdiction: str,
    person_id: UUID,
    to_person_id: UUID,
    descriptions: Sequence[UUID],
    versions: Sequence[tuple[VersionId, bytes, bytes]],
) -> None:
    """Move descriptions of a person to another with all that follows them; resources as rendered for it."""
    parameters = {**_from(jurisdiction, person_id, descriptions), "to_person_id": to_person_id}
    # Before the versions, by which it finds them.
    connection.execute(_sql("move_record_keys"), parameters)
    connection.execute(
        _sql("move_versions"),
        {
            "jurisdiction": jurisdiction,
            "to_person_id": to_person_id,
            **version_ids([row[0] for row in versions]),
            "dispense_resources": arrays.byte_strings(row[1] for row in versions),
            "request_resources": arrays.byte_strings(row[2] for row in versions),
        },
    )
    for statement in ("move_descriptions", "move_identifiers", "move_fingerprints"):
        connection.execute(_sql(statement), parameters)


def keep_before(
    connection: Connection[Row], jurisdiction: str, action_id: UUID, person_ids: Iterable[UUID]
) -> None:
    """Keep persons as they are now, before an action changes them."""
    connection.execute(_sql("keep_before"), {**_asked(jurisdiction, person_ids), "action_id": action_id})


def before(connection: Connection[Row], jurisdiction: str, action_id: UUID) -> dict[UUID, UUID | None]:
    """Return whom an action changed, with the person into which each was merged before it."""
    rows = connection.execute(_sql("before"), {"jurisdiction": jurisdiction, "action_id": action_id})
    return {row[0]: row[1] for row in rows}


def add_person(connection: Connection[Row], **columns: Any) -> None:
    """Make room for a person; `change_person` gives it its first version."""
    connection.execute(_sql("add_person"), columns)


def change_person(connection: Connection[Row], **columns: Any) -> None:
    """Write a person anew: version, resource, mapping version, time, and into whom it is merged."""
    connection.execute(_sql("change_person"), columns)


def add_action(connection: Connection[Row], **columns: Any) -> None:
    """Keep what a steward did; the time is the database's."""
    connection.execute(_sql("add_action"), {"review_ids": [], "ended_never": [], "undoes": None, **columns})


def action(connection: Connection[Row], jurisdiction: str, action_id: UUID) -> Action | None:
    """Return an action, or None."""
    row = connection.execute(
        _sql("action"), {"jurisdiction": jurisdiction, "action_id": action_id}
    ).fetchone()
    return None if row is None else _action(row)


def actions_of(connection: Connection[Row], jurisdiction: str, person_ids: Iterable[UUID]) -> list[Action]:
    """Return what was done about some persons, oldest first."""
    rows = connection.execute(_sql("actions_of"), _asked(jurisdiction, person_ids)).fetchall()
    return [_action(row) for row in rows]


def later_action(
    connection: Connection[Row], jurisdiction: str, action_id: UUID, person_ids: Iterable[UUID]
) -> UUID | None:
    """Return the newest action that stands upon this one, about any of these persons, or None."""
    row = connection.execute(
        _sql("later_action"), {**_asked(jurisdiction, person_ids), "action_id": action_id}
    ).fetchone()
    return None if row is None else row[0]


def mark_undone(connection: Connection[Row], jurisdiction: str, action_id: UUID, undone_by: UUID) -> None:
    """Say by which undo an action was taken back."""
    connection.execute(
        _sql("mark_undone"),
        {"jurisdiction": jurisdiction, "action_id": action_id, "undone_by": undone_by},
    )


def add_moves(
    connection: Connection[Row],
    jurisdiction: str,
    action_id: UUID,
    person_id: UUID,
    to_person_id: UUID,
    descriptions: Sequence[UUID],
) -> None:
    """Keep which descriptions an action took from whom to whom."""
    connection.execute(
        _sql("add_moves"),
        {
            **_from(jurisdiction, person_id, descriptions),
            "to_person_id": to_person_id,
            "action_id": action_id,
        },
    )


def moves(connection: Connection[Row], jurisdiction: str, action_id: UUID) -> list[UUID]:
    """Return the descriptions that an action moved."""
    return _ids(connection, "moves", jurisdiction=jurisdiction, action_id=action_id)


def descriptions_since(
    connection: Connection[Row], jurisdiction: str, action_id: UUID, person_id: UUID
) -> list[UUID]:
    """Return the descriptions that came to a person after an action."""
    return _ids(
        connection,
        "descriptions_since",
        jurisdiction=jurisdiction,
        action_id=action_id,
        person_id=person_id,
    )


def add_never(
    connection: Connection[Row], jurisdiction: str, action_id: UUID, person_id: UUID, other_person_id: UUID
) -> None:
    """Forbid every rule to join two persons again."""
    connection.execute(
        _sql("add_never"),
        {
            "jurisdiction": jurisdiction,
            "action_id": action_id,
            "person_id": person_id,
            "other_person_id": other_person_id,
        },
    )


def end_never(connection: Connection[Row], jurisdiction: str, action_ids: Sequence[UUID]) -> None:
    """End what these actions forbade."""
    connection.execute(
        _sql("end_never"), {"jurisdiction": jurisdiction, "action_ids": arrays.uuids(action_ids)}
    )


def reopen_never(connection: Connection[Row], jurisdiction: str, action_ids: Sequence[UUID]) -> None:
    """Forbid again what these actions forbade."""
    connection.execute(
        _sql("reopen_never"), {"jurisdiction": jurisdiction, "action_ids": arrays.uuids(action_ids)}
    )


def forbidden(
    connection: Connection[Row], jurisdiction: str, person_ids: Iterable[UUID]
) -> list[tuple[UUID, UUID, UUID]]:
    """Return (action, person, other) for each pair among some persons that is never to be joined."""
    return [
        (row[0], row[1], row[2])
        for row in connection.execute(_sql("forbidden"), _asked(jurisdiction, person_ids))
    ]


def forbidden_with(
    connection: Connection[Row], jurisdiction: str, person_ids: Iterable[UUID]
) -> list[tuple[UUID, UUID]]:
    """Return every pair never to be joined that has one of some persons in it."""
    return [
        (row[0], row[1])
        for row in connection.execute(_sql("forbidden_with"), _asked(jurisdiction, person_ids))
    ]


def reviews(
    connection: Connection[Row], jurisdiction: str, *, review_id: UUID | None = None, count: int = 1_000
) -> list[Review]:
    """Return the open links in doubt, oldest first; or the one with that id, open or not."""
    rows = connection.execute(
        _sql("reviews"), {"jurisdiction": jurisdiction, "review_id": review_id, "count": count}
    ).fetchall()
    return [
        Review(
            row[0], (row[1], row[2]), (row[3], row[4]), row[5], row[6], tuple(row[7]), tuple(row[8]), *row[9:]
        )
        for row in rows
    ]


def doubts_between(
    connection: Connection[Row], jurisdiction: str, person_id: UUID, other_person_id: UUID
) -> list[UUID]:
    """Return the open reviews about two persons."""
    return _ids(connection, "doubts_between", **_asked(jurisdiction, (person_id, other_person_id)))


def resolve_reviews(
    connection: Connection[Row], jurisdiction: str, review_ids: Sequence[UUID], resolution: str, username: str
) -> None:
    """Settle reviews: `merged` or `rejected`."""
    connection.execute(
        _sql("resolve_reviews"),
        {
            "jurisdiction": jurisdiction,
            "review_ids": arrays.uuids(review_ids),
            "resolution": resolution,
            "username": username,
        },
    )


def reopen_reviews(connection: Connection[Row], jurisdiction: str, review_ids: Sequence[UUID]) -> None:
    """Put reviews back into the queue."""
    connection.execute(
        _sql("reopen_reviews"), {"jurisdiction": jurisdiction, "review_ids": arrays.uuids(review_ids)}
    )


def add_reviews(
    connection: Connection[Row],
    jurisdiction: str,
    person_id: UUID,
    other_person_id: UUID,
    descriptions: Sequence[UUID],
) -> None:
    """Put descriptions of a person into the queue, which may be the other one's."""
    connection.execute(
        _sql("add_reviews"),
        {
            **_from(jurisdiction, person_id, descriptions),
            "other_person_id": other_person_id,
            "review_ids": arrays.uuids(uuid7() for _ in descriptions),
        },
    )


def revoke_access(connection: Connection[Row], jurisdiction: str, person_ids: Iterable[UUID]) -> None:
    """End every live grant and every user's consent about some persons, from the next request on."""
    for statement in ("revoke_grants", "revoke_consents"):
        connection.execute(_sql(statement), _asked(jurisdiction, person_ids))


def shown(connection: Connection[Row], jurisdiction: str, person_id: UUID) -> list[Row]:
    """Return the descriptions of a person in the columns of statement `shown`, oldest first."""
    return connection.execute(
        _sql("shown"), {"jurisdiction": jurisdiction, "person_id": person_id}
    ).fetchall()


def shown_identifiers(connection: Connection[Row], jurisdiction: str, person_id: UUID) -> list[Row]:
    """Return (description, qualifier, issuer, encrypted value, filler) of a person."""
    return connection.execute(
        _sql("shown_identifiers"), {"jurisdiction": jurisdiction, "person_id": person_id}
    ).fetchall()


def _action(row: Row) -> Action:
    action_id, kind, person_id, other, username, reason, at, review_ids, ended_never, undoes, undone_by = row
    settled, ended = tuple(review_ids), tuple(ended_never)
    return Action(
        action_id, kind, person_id, other, username, reason, at, settled, ended, undoes, undone_by
    )  # fmt: skip


def _asked(jurisdiction: str, person_ids: Iterable[UUID]) -> dict[str, Any]:
    return {"jurisdiction": jurisdiction, "person_ids": arrays.uuids(person_ids)}


def _from(jurisdiction: str, person_id: UUID, descriptions: Sequence[UUID]) -> dict[str, Any]:
    return {
        "jurisdiction": jurisdiction,
        "person_id": person_id,
        "description_ids": arrays.uuids(descriptions),
    }


def _ids(connection: Connection[Row], statement: str, **parameters: Any) -> list[UUID]:
    return [row[0] for row in connection.execute(_sql(statement), parameters)]


def _sql(name: str) -> str:
    return queries("stewardship.sql")[name]
