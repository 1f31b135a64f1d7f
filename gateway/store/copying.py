"""COPY in binary: four times less work for the client than text, and no quoting at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from psycopg import Connection

from gateway.store.database import Row


def copy_rows(
    connection: Connection[Row], statement: str, types: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Write rows by a `COPY … FROM STDIN (FORMAT BINARY)` statement; `types` are its columns' types."""
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)
