"""The persons of one file: descriptions to their persons, and every changed person rendered anew."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from psycopg import Connection

from gateway.core.records import Description, Dispenser, Person
from gateway.ingest.values import PatientValue, RecordValue
from gateway.mapping.person import render_patient
from gateway.mapping.tables import Mappings
from gateway.match.assign import Assigner, Changes, Reported, newest_first
from gateway.match.normalise import phone_key
from gateway.store import persons as store
from gateway.store import stewardship
from gateway.store.database import Row
from gateway.store.vault import Vault


class People:
    """Resolves one batch after another, inside the file's transaction."""

    def __init__(
        self, connection: Connection[Row], vault: Vault, mappings: Mappings, now: dt.datetime
    ) -> None:
        self._connection = connection
        self._mappings = mappings
        self._jurisdiction = mappings.jurisdiction.code
        self._now = now
        self._assigner = Assigner(connection, vault, self._jurisdiction)

    def resolve(self, records: Sequence[tuple[RecordValue, Dispenser]]) -> dict[PatientValue, Reported]:
        """Return the description of each PAT with its person, stored."""
        reported: dict[PatientValue, Reported] = {}
        for record, dispenser in records:
            # When a report carried a description: the day of the fill, whatever order files come in.
            at = dt.datetime.combine(record.filled_on, dt.time(), dt.UTC)
            known = reported.get(record.patient)
            if known is None:
                reported[record.patient] = _reported(record.patient, dispenser, at)
            elif at > known.reported_at:
                known.reported_at = at
        changes = self._assigner.assign(list(reported.values()))
        self._render(changes)
        return reported

    def _render(self, changes: Changes) -> None:
        rows = []
        for person_id, descriptions in changes.new.items():
            person = Person(person_id, 1, self._now, _newest_first(descriptions))
            resource = render_patient(person, self._mappings)
            species = person.descriptions[0].species
            rows.append(
                (self._jurisdiction, person_id.bytes, species, 1, resource, self._mappings.version, self._now)
            )
        store.add_persons(self._connection, rows)
        touched = sorted((changes.joined | changes.again) - changes.new.keys())
        stored = store.descriptions(self._connection, self._jurisdiction, touched)
        replaces = stewardship.replaced(self._connection, self._jurisdiction, touched)
        changed: list[tuple[UUID, int, bytes]] = []
        for person in newest_first(stored).values():
            # Heard of again under its only description, nothing about it is new.
            if person.person_id in changes.joined or len(person.descriptions) > 1:
                newer = replace(
                    person,
                    version=person.version + 1,
                    updated_at=self._now,
                    replaces=replaces.get(person.person_id, ()),
                )
                changed.append((person.person_id, newer.version, render_patient(newer, self._mappings)))
        store.change_persons(self._connection, self._jurisdiction, self._mappings.version, self._now, changed)


def _reported(patient: PatientValue, dispenser: Dispenser, at: dt.datetime) -> Reported:
    phone = phone_key(patient.description.phone)
    own_phone = bool(phone) and phone == phone_key(dispenser.phone)
    return Reported(patient.description, patient.identifiers, patient.content, own_phone, at)


def _newest_first(reported: Sequence[Reported]) -> list[Description]:
    ordered = sorted(reported, key=lambda one: (one.reported_at, one.description_id), reverse=True)
    return [replace(one.description, reported_at=one.reported_at) for one in ordered]
