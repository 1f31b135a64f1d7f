"""The set-based statements of ingest: what stands under record keys, new versions in by COPY.

Everything runs in the caller's transaction. Identifiers come encrypted and hashed already.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.types.json import Jsonb

from gateway.store import arrays
from gateway.store.copying import copy_rows
from gateway.store.database import Row
from gateway.store.sql import queries


def _types(names: str) -> tuple[str, ...]:
    return tuple(names.split())


Key = tuple[UUID, str, dt.date, int, str]
"""Record key: dispenser, prescription number, date filled, fill number, part."""
VersionId = tuple[UUID, UUID, int]
"""(person, dispensation, version)."""


#: Column types of the COPY statements, in their order: binary COPY is told them, and is four times faster.
_RECORD_KEY_TYPES = _types("text uuid text date int2 text uuid uuid int4 bool bytea")
_VERSION_TYPES = _types(
    "text uuid uuid int4 timestamptz bool text timestamptz uuid int4 text uuid uuid uuid text date date date "
    "int2 int2 text text text numeric text int4 text text text text text text text text text text numeric "
    "text text text jsonb bytea bytea numeric text text[] bytea bytea text"
)


def lock(connection: Connection[Row], jurisdiction: str) -> None:
    """Wait until no other file of this jurisdiction is being merged. The lock ends with the transaction."""
    connection.execute(_sql("lock"), {"jurisdiction": jurisdiction})


def refresh_statistics(connection: Connection[Row]) -> None:
    """Have the planner told how large the tables are, where they have outgrown what it knows."""
    connection.execute(_sql("refresh_statistics"))


def holder(
    connection: Connection[Row], jurisdiction: str, source_id: str, control_number: str
) -> tuple[UUID, bytes] | None:
    """Return (id, SHA-256) of the submission that took this control number, or None."""
    row = connection.execute(
        _sql("holder"),
        {"jurisdiction": jurisdiction, "source_id": source_id, "control_number": control_number},
    ).fetchone()
    return None if row is None else (row[0], bytes(row[1]))


def originals(connection: Connection[Row], jurisdiction: str, control_number: str) -> list[UUID]:
    """Return the submissions with that control number, of any sender; two are enough to be ambiguous."""
    rows = connection.execute(
        _sql("original"), {"jurisdiction": jurisdiction, "control_number": control_number}
    ).fetchall()
    return [row[0] for row in rows]


def add_submission(connection: Connection[Row], *, answer: dict[str, Any], **columns: Any) -> None:
    """Keep a submission: its encrypted bytes, its hash and the answer it got."""
    connection.execute(_sql("add_submission"), {**columns, "answer": Jsonb(answer)})


def add_zero_report(connection: Connection[Row], **columns: Any) -> None:
    """Keep that a dispenser reported nothing dispensed in a period."""
    connection.execute(_sql("add_zero_report"), columns)


def submission_versions(connection: Connection[Row], jurisdiction: str, submission_id: UUID) -> list[Row]:
    """Return the versions that a submission brought: ids, and the parts of their record keys."""
    return connection.execute(
        _sql("submission_versions"), {"jurisdiction": jurisdiction, "submission_id": submission_id}
    ).fetchall()


def record_states(connection: Connection[Row], jurisdiction: str, keys: Sequence[Key]) -> list[Row]:
    """Return (place among `keys` from 1, person, dispensation, version, voided, content hashes)."""
    return connection.execute(_sql("record_states"), {"jurisdiction": jurisdiction, **_keys(keys)}).fetchall()


def add_record_keys(connection: Connection[Row], rows: Iterable[Sequence[Any]]) -> None:
    """COPY new record keys."""
    copy_rows(connection, _sql("copy_record_keys"), _RECORD_KEY_TYPES, rows)


def change_record_keys(
    connection: Connection[Row],
    jurisdiction: str,
    rows: Sequence[tuple[Key, UUID, int, bool, bytes]],
) -> None:
    """Point record keys to their new current version: (key, person, version, voided, hashes)."""
    if rows:
        connection.execute(
            _sql("change_record_keys"),
            {
                "jurisdiction": jurisdiction,
                **_keys([row[0] for row in rows]),
                "person_ids": arrays.uuids(row[1] for row in rows),
                "versions": arrays.integers(row[2] for row in rows),
                "voided": arrays.booleans(row[3] for row in rows),
                "content_hashes": arrays.byte_strings(row[4] for row in rows),
            },
        )


def supersede(
    connection: Connection[Row], jurisdiction: str, versions: Sequence[VersionId], now: dt.datetime
) -> None:
    """End the currency of versions."""
    if versions:
        connection.execute(
            _sql("supersede"), {"jurisdiction": jurisdiction, "now": now, **version_ids(versions)}
        )


def add_versions(connection: Connection[Row], rows: Iterable[Sequence[Any]]) -> None:
    """COPY new dispensation versions, columns in the order of statement `copy_versions`."""
    copy_rows(connection, _sql("copy_versions"), _VERSION_TYPES, rows)


def versions(connection: Connection[Row], jurisdiction: str, wanted: Sequence[VersionId]) -> list[Row]:
    """Return stored versions in the columns of statement `versions`."""
    if not wanted:
        return []
    return connection.execute(
        _sql("versions"), {"jurisdiction": jurisdiction, **version_ids(wanted)}
    ).fetchall()


def unrestricted_versions(
    connection: Connection[Row], jurisdiction: str, dispenser_id: UUID
) -> list[VersionId]:
    """Return a dispenser's versions that carry no restriction."""
    return [
        (row[0], row[1], row[2])
        for row in connection.execute(
            _sql("unrestricted_versions"), {"jurisdiction": jurisdiction, "dispenser_id": dispenser_id}
        )
    ]


def restrict_versions(
    connection: Connection[Row],
    jurisdiction: str,
    rows: Sequence[tuple[VersionId, bytes, bytes]],
) -> None:
    """Mark stored versions as restricted, with their resources rendered anew."""
    if rows:
        connection.execute(
            _sql("restrict_versions"),
            {
                "jurisdiction": jurisdiction,
                **version_ids([row[0] for row in rows]),
                "dispense_resources": arrays.byte_strings(row[1] for row in rows),
                "request_resources": arrays.byte_strings(row[2] for row in rows),
            },
        )


def version_ids(wanted: Sequence[VersionId]) -> dict[str, arrays.Array]:
    """Return three arrays of the parts of version ids."""
    return {
        "person_ids": arrays.uuids(one[0] for one in wanted),
        "dispensation_ids": arrays.uuids(one[1] for one in wanted),
        "versions": arrays.integers(one[2] for one in wanted),
    }


def _keys(keys: Sequence[Key]) -> dict[str, arrays.Array]:
    return {
        "dispenser_ids": arrays.uuids(key[0] for key in keys),
        "rx_numbers": arrays.texts(key[1] for key in keys),
        "filled_on": arrays.dates(key[2] for key in keys),
        "fill_numbers": arrays.smalls(key[3] for key in keys),
        "partial_fills": arrays.texts(key[4] for key in keys),
    }


def _sql(name: str) -> str:
    return queries("ingest.sql")[name]
