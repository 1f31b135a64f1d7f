"""The statements about persons and their descriptions: candidates, known ones, new ones in by COPY."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection

from gateway.store import arrays
from gateway.store.copying import copy_rows
from gateway.store.database import Row
from gateway.store.sql import queries

_DESCRIPTION_TYPES = (
    *("text", "uuid", "uuid"),
    *("text",) * 8,
    "date",
    *("text",) * 12,
    *("timestamptz", "timestamptz"),
)
_IDENTIFIER_TYPES = ("text", "uuid", "uuid", "int2", "text", "text", "bytea", "bytea", "bool")
_PERSON_TYPES = ("text", "uuid", "text", "int4", "bytea", "text", "timestamptz")


def known_descriptions(
    connection: Connection[Row], jurisdiction: str, fingerprints: Sequence[bytes]
) -> dict[bytes, tuple[UUID, UUID, dt.datetime]]:
    """Return (person, description, last reported) by fingerprint, of those that were sent before."""
    rows = connection.execute(
        _sql("known_descriptions"),
        {"jurisdiction": jurisdiction, "fingerprints": arrays.byte_strings(fingerprints)},
    ).fetchall()
    return {bytes(row[0]): (row[1], row[2], row[3]) for row in rows}


def of_postal_code(
    connection: Connection[Row], jurisdiction: str, *, name_key: str, birth_date: dt.date, postal_code: str
) -> list[UUID]:
    """Return up to two persons of this name, birth date and five-digit ZIP code."""
    values = {
        "jurisdiction": jurisdiction,
        "name_key": name_key,
        "birth_date": birth_date,
        "postal_code": postal_code,
    }
    return [row[0] for row in connection.execute(_sql("of_postal_code"), values)]


def candidates(
    connection: Connection[Row], jurisdiction: str, asked: Iterable[tuple[str, dt.date]]
) -> list[Row]:
    """Return what can be compared about everybody with one of these (name key, birth date) pairs."""
    pairs = list(asked)
    return connection.execute(
        _sql("candidates"),
        {
            "jurisdiction": jurisdiction,
            "name_keys": arrays.texts(pair[0] for pair in pairs),
            "birth_dates": arrays.dates(pair[1] for pair in pairs),
        },
    ).fetchall()


def descriptions(connection: Connection[Row], jurisdiction: str, person_ids: Sequence[UUID]) -> list[Row]:
    """Return every description of some persons, with the persons' versions."""
    if not person_ids:
        return []
    return connection.execute(
        _sql("descriptions"), {"jurisdiction": jurisdiction, "person_ids": arrays.uuids(person_ids)}
    ).fetchall()


def add_descriptions(
    connection: Connection[Row],
    rows: Iterable[Sequence[Any]],
    keys: Iterable[Sequence[Any]],
    identifiers: Iterable[Sequence[Any]],
) -> None:
    """COPY new descriptions, their fingerprints and their (encrypted) identifiers."""
    copy_rows(connection, _sql("copy_descriptions"), _DESCRIPTION_TYPES, rows)
    copy_rows(connection, _sql("copy_description_keys"), ("text", "bytea", "uuid", "uuid"), keys)
    copy_rows(connection, _sql("copy_description_identifiers"), _IDENTIFIER_TYPES, identifiers)


def report_again(
    connection: Connection[Row], jurisdiction: str, again: Sequence[tuple[UUID, UUID, dt.datetime]]
) -> None:
    """Move on when descriptions were last reported: (person, description, time)."""
    if again:
        connection.execute(
            _sql("report_again"),
            {
                "jurisdiction": jurisdiction,
                "person_ids": arrays.uuids(one[0] for one in again),
                "description_ids": arrays.uuids(one[1] for one in again),
                "reported_at": arrays.instants(one[2] for one in again),
            },
        )


def add_persons(connection: Connection[Row], rows: Iterable[Sequence[Any]]) -> None:
    """COPY new persons with their rendered resource."""
    copy_rows(connection, _sql("copy_persons"), _PERSON_TYPES, rows)


def change_persons(
    connection: Connection[Row],
    jurisdiction: str,
    mapping_version: str,
    now: dt.datetime,
    changed: Sequence[tuple[UUID, int, bytes]],
) -> None:
    """Store persons rendered anew: (person, version, resource)."""
    if changed:
        connection.execute(
            _sql("change_persons"),
            {
                "jurisdiction": jurisdiction,
                "mapping_version": mapping_version,
                "updated_at": now,
                "person_ids": arrays.uuids(one[0] for one in changed),
                "versions": arrays.integers(one[1] for one in changed),
                "resources": arrays.byte_strings(one[2] for one in changed),
            },
        )


def _sql(name: str) -> str:
    return queries("persons.sql")[name]
