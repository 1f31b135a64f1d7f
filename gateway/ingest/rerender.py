"""Stored resources made anew after a change of mapping, in batches; and programmes named since restricted.

What was reported stays as it is, and so do `versionId` and `lastUpdated`: nobody reported anything. Each
batch is a transaction of its own under the lock of ingest, so that a run may be broken off and repeated
while files come in. Superseded versions are rendered too: a resource never shows two tables' numbers.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

from psycopg import Connection

from gateway.ingest import versions
from gateway.ingest.dispensers import PART2, restrict
from gateway.ingest.prescribers import stored
from gateway.mapping.dispensation import facts
from gateway.mapping.organization import render_dispenser
from gateway.mapping.person import render_merged_patient, render_patient
from gateway.mapping.practitioner import render_prescriber
from gateway.mapping.tables import Mappings
from gateway.match.assign import newest_first
from gateway.store import arrays, ingest, parties, persons, stewardship
from gateway.store import rendered as store
from gateway.store.database import Row
from gateway.store.ingest import VersionId

_BATCH = 1_000
_NIL = UUID(int=0)


def rerender(connection: Connection[Row], mappings: Mappings, *, batch: int = _BATCH) -> int:
    """Return how many resources were made anew: all whose mapping version is not that of `mappings`.

    `connection` is the owner's, in autocommit.
    """
    arrays.register(connection)
    return (
        _parties(connection, mappings, "dispensers", _dispensers, batch)
        + _parties(connection, mappings, "prescribers", _prescribers, batch)
        + _persons(connection, mappings, batch)
        + _versions(connection, mappings, batch)
    )


def restrict_named(
    connection: Connection[Row], mappings: Mappings, part2: frozenset[str], now: dt.datetime
) -> int:
    """Return how many dispensers became restricted: those that `part2` (NPI or DEA numbers) names.

    Ingest marks a programme when it reports; this marks what one reported before it was named.
    """
    named = [(kind, number) for kind in ("npi", "dea") for number in sorted(part2)]
    if not named:
        return 0
    arrays.register(connection)
    with connection.transaction():
        ingest.lock(connection, mappings.jurisdiction.code)
        ids = sorted(set(parties.dispensers_named(connection, named).values()))
        found = [one for one in parties.dispensers(connection, ids).values() if one.restriction is None]
        for one in found:
            marked = replace(one, restriction=PART2, version=one.version + 1, updated_at=now)
            resource = render_dispenser(marked, mappings)
            parties.put_dispenser(connection, marked, resource, mappings.version, [])
            restrict(connection, mappings, one.dispenser_id)
    return len(found)


def _versions(connection: Connection[Row], mappings: Mappings, batch: int) -> int:
    jurisdiction, done = mappings.jurisdiction.code, 0
    after: VersionId = (_NIL, _NIL, 0)
    while True:
        with connection.transaction():
            ingest.lock(connection, jurisdiction)
            wanted = store.stale_versions(connection, jurisdiction, mappings.version, after, batch)
            if not wanted:
                return done
            made: list[store.Made] = []
            for row in ingest.versions(connection, jurisdiction, wanted):
                d = versions.from_row(row)[0]
                known = facts(d, mappings)
                made.append(
                    (
                        (row[0], row[1], row[2]),
                        known.rxcui,
                        known.mme_per_day,
                        known.mme_table,
                        known.drug_classes,
                        *versions.rendered(d, mappings),
                    )
                )
            store.put_versions(connection, jurisdiction, mappings.version, made)
        done, after = done + len(made), wanted[-1]


def _persons(connection: Connection[Row], mappings: Mappings, batch: int) -> int:
    jurisdiction, done, after = mappings.jurisdiction.code, 0, _NIL
    while True:
        with connection.transaction():
            ingest.lock(connection, jurisdiction)
            wanted = store.stale_persons(connection, jurisdiction, mappings.version, after, batch)
            if not wanted:
                return done
            rows = persons.descriptions(connection, jurisdiction, list(wanted))
            replaces = stewardship.replaced(connection, jurisdiction, list(wanted))
            made = [
                (
                    person_id,
                    render_patient(
                        replace(person, updated_at=wanted[person_id], replaces=replaces.get(person_id, ())),
                        mappings,
                    ),
                )
                for person_id, person in newest_first(rows).items()
            ]
            made += [
                (one.person_id, render_merged_patient(one.as_merged(), mappings))
                for one in stewardship.persons(connection, jurisdiction, list(wanted)).values()
                if one.merged_into is not None
            ]
            store.put_resources(connection, "persons", jurisdiction, mappings.version, made)
        done, after = done + len(made), max(wanted)


_Render = Callable[[Connection[Row], Mappings, list[UUID]], list[tuple[UUID, bytes]]]


def _parties(connection: Connection[Row], mappings: Mappings, kind: str, render: _Render, batch: int) -> int:
    jurisdiction, done, after = mappings.jurisdiction.code, 0, _NIL
    while True:
        with connection.transaction():
            ingest.lock(connection, jurisdiction)
            wanted = store.stale_parties(connection, kind, mappings.version, after, batch)
            if not wanted:
                return done
            made = render(connection, mappings, wanted)
            store.put_resources(connection, kind, jurisdiction, mappings.version, made)
        done, after = done + len(made), wanted[-1]


def _dispensers(connection: Connection[Row], mappings: Mappings, ids: list[UUID]) -> list[tuple[UUID, bytes]]:
    found = parties.dispensers(connection, ids)
    return [(one.dispenser_id, render_dispenser(one, mappings)) for one in found.values()]


def _prescribers(
    connection: Connection[Row], mappings: Mappings, ids: list[UUID]
) -> list[tuple[UUID, bytes]]:
    return [(one.prescriber_id, render_prescriber(one, mappings)) for one in stored(connection, ids)]
