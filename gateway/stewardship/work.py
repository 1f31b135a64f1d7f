"""What every action of a steward is made of: rows that follow a description, and persons rendered anew.

A person is what its descriptions say. A description moves with its identifiers, its fingerprint (so that the
same report finds it where it went), every version of every dispensation that carries it, and the record keys
of those that are current; their resources name the new person in the same transaction.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from psycopg import Connection

from gateway.core.errors import Conflict, NotFound
from gateway.core.records import MergedPerson, Person
from gateway.ingest import versions
from gateway.mapping.person import render_merged_patient, render_patient
from gateway.mapping.tables import Mappings
from gateway.match.assign import newest_first
from gateway.store import ingest, persons
from gateway.store import stewardship as store
from gateway.store.database import Row
from gateway.store.stewardship import StoredPerson


@dataclass(frozen=True, slots=True)
class Work:
    """One action at work, inside its transaction and under the lock of ingest."""

    connection: Connection[Row]
    mappings: Mappings
    action_id: UUID
    now: dt.datetime

    @property
    def jurisdiction(self) -> str:
        """Return whose persons these are."""
        return self.mappings.jurisdiction.code

    def standing(self, *person_ids: UUID) -> list[StoredPerson]:
        """Return persons, none of whom is merged away. Raises NotFound and Conflict, which name nobody."""
        found = store.persons(self.connection, self.jurisdiction, person_ids)
        if len(found) < len(set(person_ids)):
            raise NotFound("There is no person with that id.")
        if any(one.merged_into for one in found.values()):
            raise Conflict("That person was merged into another: act on the one that stands for it.")
        return [found[person_id] for person_id in person_ids]

    def keep_before(self, person_ids: Iterable[UUID]) -> None:
        """Keep persons as they are now."""
        store.keep_before(self.connection, self.jurisdiction, self.action_id, person_ids)

    def move(self, person_id: UUID, to_person_id: UUID, descriptions: Sequence[UUID]) -> int:
        """Move descriptions with all that follows them. Returns how many dispensations moved."""
        wanted = store.versions_of(self.connection, self.jurisdiction, person_id, descriptions)
        made = []
        for row in ingest.versions(self.connection, self.jurisdiction, wanted):
            moved = replace(versions.from_row(row)[0], person_id=to_person_id)
            made.append(((row[0], row[1], row[2]), *versions.rendered(moved, self.mappings)))
        store.move(self.connection, self.jurisdiction, person_id, to_person_id, descriptions, made)
        store.add_moves(
            self.connection, self.jurisdiction, self.action_id, person_id, to_person_id, descriptions
        )
        return len({one[1] for one in wanted})

    def add(self, person_id: UUID, species: str) -> None:
        """Make room for a person that comes of a split; `write` gives it its first version."""
        store.add_person(
            self.connection,
            jurisdiction=self.jurisdiction,
            person_id=person_id,
            species=species,
            mapping_version=self.mappings.version,
            updated_at=self.now,
        )

    def write(self, person_id: UUID, merged_into: UUID | None = None) -> None:
        """Write a person anew, in its next version. Those that are merged into it must be written before."""
        [stored] = store.persons(self.connection, self.jurisdiction, [person_id]).values()
        version = stored.version + 1
        if merged_into is not None:
            merged = MergedPerson(person_id, version, self.now, stored.species, merged_into)
            resource = render_merged_patient(merged, self.mappings)
        else:
            resource = render_patient(replace(self._described(person_id), version=version), self.mappings)
        store.change_person(
            self.connection,
            jurisdiction=self.jurisdiction,
            person_id=person_id,
            version=version,
            resource=resource,
            mapping_version=self.mappings.version,
            updated_at=self.now,
            merged_into=merged_into,
        )

    def _described(self, person_id: UUID) -> Person:
        rows = persons.descriptions(self.connection, self.jurisdiction, [person_id])
        [person] = newest_first(rows).values()
        replaces = store.replaced(self.connection, self.jurisdiction, [person_id]).get(person_id, ())
        return replace(person, updated_at=self.now, replaces=replaces)
