"""All rows that say who is who, as text that can be compared."""

from __future__ import annotations

import json
from typing import Any

from tests.ingest.store import Store

#: What a moved row is; the rest of its columns are taken whole.
_TABLES = (
    "description",
    "description_identifier",
    "description_key",
    "dispensation_version",
    "record_key",
    "never_link",
    "link_review",
)


def snapshot(store: Store) -> dict[str, list[Any]]:
    """Return every row of every table of persons.

    Of a person its version, the time of its change and what its resource says of both are left out: they go
    on, so that one version never means two contents.
    """
    taken: dict[str, list[Any]] = {
        table: store.rows(f"select t::text from {table} t order by 1")  # noqa: S608 - our own names
        for table in _TABLES
    }
    persons = store.rows(
        "select person_id, species, mapping_version, merged_into, resource from person order by person_id"
    )
    taken["person"] = [(*row[:4], _without_version(row[4])) for row in persons]
    return taken


def _without_version(resource: bytes) -> dict[str, Any]:
    patient: dict[str, Any] = json.loads(resource)
    for name in ("versionId", "lastUpdated"):
        del patient["meta"][name]
    return patient


def consistent(store: Store) -> None:
    """Assert what holds of every store: rows are where their description is, and resources say so."""
    for table in ("description_identifier", "description_key", "dispensation_version"):
        astray = store.one(
            f"select count(*) from {table} t left join description d"  # noqa: S608 - our own names
            " using (jurisdiction, person_id, description_id) where d.description_id is null"
        )
        assert astray == 0, table
    assert (
        store.one(
            "select count(*) from record_key k left join dispensation_version v"
            " on (v.person_id, v.dispensation_id, v.version) = (k.person_id, k.dispensation_id, k.version)"
            " and v.superseded_at is null where v.version is null"
        )
        == 0
    )
    for person_id, *resources in store.rows(
        "select person_id, dispense_resource, request_resource from dispensation_version"
    ):
        for resource in resources:
            assert json.loads(resource)["subject"]["reference"] == f"Patient/{person_id}"
    for person_id, version, merged_into, resource, own in store.rows(
        "select person_id, version, merged_into, resource,"
        " (select count(*) from description d where d.person_id = p.person_id) from person p"
    ):
        patient = json.loads(resource)
        assert patient["id"] == str(person_id)
        assert patient["meta"]["versionId"] == str(version)
        assert (own == 0) == (merged_into is not None)
        assert patient.get("active", True) == (merged_into is None)
