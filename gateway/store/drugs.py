"""The drug table in the database, for reports and readers of SQL: a copy of `mappings/drugs`."""

from __future__ import annotations

from collections.abc import Iterable

import psycopg

from gateway.store.sql import queries


def drug_table_version(connection: psycopg.Connection[tuple[object, ...]]) -> str | None:
    """Return the mapping version that the table holds, or None when it is empty."""
    row = connection.execute(queries("drugs.sql")["drug_table_version"]).fetchone()
    return None if row is None else str(row[0])


def replace_drugs(url: str, rows: Iterable[tuple[str | None, ...]], *, version: str) -> bool:
    """Return whether the table was written anew: only when `version` is not the one that it holds.

    `rows` are in the order of the table's columns. `url` is the owner's: the gateway only reads it.
    """
    statements = queries("drugs.sql")
    with psycopg.connect(url, application_name="pdmp-migrate") as connection:
        if drug_table_version(connection) == version:
            return False
        with connection.cursor() as cursor:
            cursor.execute(statements["empty_drugs"])
            with cursor.copy(statements["copy_drugs"]) as copy:
                for row in rows:
                    copy.write_row(row)
        return True
