"""The statements about stored resources that another mapping version made. The owner's: others may not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from psycopg import Connection

from gateway.store.database import Row
from gateway.store.ingest import VersionId, version_ids
from gateway.store.sql import queries

Made = tuple[VersionId, str, Decimal | None, str | None, Sequence[str], bytes, bytes]
"""(version, RxCUI, mg a day, by which table, classes, MedicationDispense, MedicationRequest)."""


def stale_versions(
    connection: Connection[Row], jurisdiction: str, mapping_version: str, after: VersionId, count: int
) -> list[VersionId]:
    """Return up to `count` versions of dispensations that are not of this mapping version, in order."""
    rows = connection.execute(
        _sql("stale_versions"),
        {
            "jurisdiction": jurisdiction,
            "mapping_version": mapping_version,
            "person_id": after[0],
            "dispensation_id": after[1],
            "version": after[2],
            "count": count,
        },
    )
    return [(row[0], row[1], row[2]) for row in rows]


def put_versions(
    connection: Connection[Row], jurisdiction: str, mapping_version: str, rows: Sequence[Made]
) -> None:
    """Replace the resources and facts of versions."""
    connection.execute(
        _sql("put_versions"),
        {
            "jurisdiction": jurisdiction,
            "mapping_version": mapping_version,
            **version_ids([row[0] for row in rows]),
            "rxcuis": [row[1] for row in rows],
            "doses": [row[2] for row in rows],
            "tables": [row[3] for row in rows],
            "drug_classes": [" ".join(row[4]) for row in rows],
            "dispense_resources": [row[5] for row in rows],
            "request_resources": [row[6] for row in rows],
        },
    )


def stale_persons(
    connection: Connection[Row], jurisdiction: str, mapping_version: str, after: UUID, count: int
) -> dict[UUID, dt.datetime]:
    """Return up to `count` persons with the time of their last change, in order."""
    rows = connection.execute(
        _sql("stale_persons"),
        {"jurisdiction": jurisdiction, "mapping_version": mapping_version, "after": after, "count": count},
    )
    return {row[0]: row[1] for row in rows}


def stale_parties(
    connection: Connection[Row], kind: str, mapping_version: str, after: UUID, count: int
) -> list[UUID]:
    """Return up to `count` ids of `kind` (dispensers or prescribers), in order."""
    rows = connection.execute(
        _sql(f"stale_{kind}"), {"mapping_version": mapping_version, "after": after, "count": count}
    )
    return [row[0] for row in rows]


def put_resources(
    connection: Connection[Row],
    kind: str,
    jurisdiction: str,
    mapping_version: str,
    rows: Sequence[tuple[UUID, bytes]],
) -> None:
    """Replace the resources of `kind`: persons, dispensers or prescribers."""
    connection.execute(
        _sql(f"put_{kind}"),
        {
            "jurisdiction": jurisdiction,
            "mapping_version": mapping_version,
            "ids": [row[0] for row in rows],
            "resources": [row[1] for row in rows],
        },
    )


def _sql(name: str) -> str:
    return queries("rendered.sql")[name]
