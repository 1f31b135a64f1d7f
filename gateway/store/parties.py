"""The statements about dispensers and prescribers: who has an identifier, and what is written of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from uuid import UUID

from psycopg import Connection

from gateway.core.records import Address, Dispenser, Prescriber
from gateway.store import arrays
from gateway.store.database import Row
from gateway.store.sql import queries

Identifier = tuple[str, str]
"""(kind, value)."""


def dispensers_named(
    connection: Connection[Row], identifiers: Iterable[Identifier]
) -> dict[Identifier, UUID]:
    """Return who has each of these identifiers."""
    rows = connection.execute(_sql("dispensers_named"), _pairs(list(identifiers))).fetchall()
    return {(row[0], row[1]): row[2] for row in rows}


def dispensers(connection: Connection[Row], ids: Sequence[UUID]) -> dict[UUID, Dispenser]:
    """Return dispensers by id."""
    return {
        row[0]: Dispenser(
            dispenser_id=row[0],
            version=row[1],
            updated_at=row[2],
            name=row[3],
            npi=row[4],
            ncpdp=row[5],
            dea=row[6],
            permit=row[7],
            phone=row[8],
            address=Address(row[9], row[10], row[11], row[12], row[13]),
            restriction=row[14],
        )
        for row in connection.execute(_sql("dispensers"), {"ids": arrays.uuids(ids)}).fetchall()
    }


def dispenser_identifiers(connection: Connection[Row], ids: Sequence[UUID]) -> list[tuple[UUID, str, str]]:
    """Return every (dispenser, kind, value) of these dispensers, earlier numbers too."""
    rows = connection.execute(_sql("dispenser_identifiers"), {"ids": arrays.uuids(ids)}).fetchall()
    return [(row[0], row[1], row[2]) for row in rows]


def put_dispenser(
    connection: Connection[Row],
    dispenser: Dispenser,
    resource: bytes,
    mapping_version: str,
    identifiers: Sequence[Identifier],
) -> None:
    """Write a dispenser, new or changed, and identifiers that it has now too."""
    a = dispenser.address
    connection.execute(
        _sql("put_dispenser"),
        {
            "dispenser_id": dispenser.dispenser_id,
            "version": dispenser.version,
            "name": dispenser.name,
            "npi": dispenser.npi,
            "ncpdp": dispenser.ncpdp,
            "dea": dispenser.dea,
            "permit": dispenser.permit,
            "phone": dispenser.phone,
            "line1": a.line1,
            "line2": a.line2,
            "city": a.city,
            "state": a.state,
            "postal_code": a.postal_code,
            "restriction": dispenser.restriction,
            "resource": resource,
            "mapping_version": mapping_version,
            "updated_at": dispenser.updated_at,
        },
    )
    if identifiers:
        connection.execute(
            _sql("put_dispenser_identifiers"),
            {**_pairs(identifiers), "ids": arrays.uuids([dispenser.dispenser_id] * len(identifiers))},
        )


def prescribers_named(
    connection: Connection[Row], identifiers: Iterable[Identifier]
) -> dict[Identifier, tuple[UUID, bool]]:
    """Return (prescriber, shared) of each of these identifiers that is known."""
    rows = connection.execute(_sql("prescribers_named"), _pairs(list(identifiers))).fetchall()
    return {(row[0], row[1]): (row[2], row[3]) for row in rows}


def prescribers(connection: Connection[Row], ids: Sequence[UUID]) -> dict[UUID, Prescriber]:
    """Return prescribers by id, without their identifiers."""
    return {
        row[0]: Prescriber(row[0], row[1], row[2], row[3], row[4], row[5], row[6])
        for row in connection.execute(_sql("prescribers"), {"ids": arrays.uuids(ids)}).fetchall()
    }


def prescriber_identifiers(
    connection: Connection[Row], ids: Sequence[UUID]
) -> list[tuple[UUID, str, str, bool]]:
    """Return every (prescriber, kind, value, shared) of these prescribers."""
    rows = connection.execute(_sql("prescriber_identifiers"), {"ids": arrays.uuids(ids)}).fetchall()
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def put_prescribers(
    connection: Connection[Row],
    rendered: Sequence[tuple[Prescriber, bytes]],
    mapping_version: str,
    now: dt.datetime,
) -> None:
    """Write prescribers, new or changed, with their resources."""
    if rendered:
        people = [one for one, _ in rendered]
        connection.execute(
            _sql("put_prescribers"),
            {
                "ids": arrays.uuids(one.prescriber_id for one in people),
                "versions": arrays.integers(one.version for one in people),
                "last_names": arrays.texts(one.last_name for one in people),
                "first_names": arrays.texts(one.first_name for one in people),
                "middle_names": arrays.texts(one.middle_name for one in people),
                "phones": arrays.texts(one.phone for one in people),
                "resources": arrays.byte_strings(resource for _, resource in rendered),
                "mapping_version": mapping_version,
                "updated_at": now,
            },
        )


def put_prescriber_identifiers(
    connection: Connection[Row], rows: Sequence[tuple[Identifier, UUID, bool]]
) -> None:
    """Write whom identifiers name now: (identifier, prescriber, shared)."""
    if rows:
        connection.execute(
            _sql("put_prescriber_identifiers"),
            {
                **_pairs([row[0] for row in rows]),
                "ids": arrays.uuids(row[1] for row in rows),
                "shared": arrays.booleans(row[2] for row in rows),
            },
        )


def _pairs(identifiers: Sequence[Identifier]) -> dict[str, arrays.Array]:
    return {
        "kinds": arrays.texts(pair[0] for pair in identifiers),
        "values": arrays.texts(pair[1] for pair in identifiers),
    }


def _sql(name: str) -> str:
    return queries("parties.sql")[name]
