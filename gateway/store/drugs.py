"""The drug table in the database, for reports and readers of SQL: a copy of `mappings/drugs`."""

from __future__ import annotations

from collections.abc import Iterable

import psycopg

from gateway.store.sql import queries


def replace_drugs(url: str, rows: Iterable[tuple[str | None, ...]], *, version: str) -> bool:
    """Return whether the table was written anew: only when `version` is not the one that it holds.

    `rows` are in the order of the table's columns. `url` is the owner's: the gateway only reads it.
    """
    statements = queries("drugs.sql")
    with psycopg.connect(url, application_name="pdmp-migrate") as connection:
        held = connection.execute(statements["drug_table_version"]).fetchone()
        if held is not None and held[0] == version:
            return False
        with connection.cursor() as cursor:
            cursor.execute(statements["empty_drugs"])
            with cursor.copy(statements["copy_drugs"]) as copy:
                for row in rows:
                    copy.write_row(row)
        return True
