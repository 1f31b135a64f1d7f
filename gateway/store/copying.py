"""COPY in binary: four times less work for the client than text, and no quoting at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from psycopg import Connection
from psycopg.types.string import BytesBinaryDumper

from gateway.store.database import Row

#: Values of these types are given in binary form: psycopg would call a function of Python for each.
_ENCODED = frozenset(("uuid", "text[]"))


def copy_rows(
    connection: Connection[Row], statement: str, types: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Write rows by a `COPY … FROM STDIN (FORMAT BINARY)` statement; `types` are its columns' types.

    Values of uuid and text[] are the bytes of their binary form (`UUID.bytes`, `arrays.text_array`).
    """
    with connection.cursor() as cursor:
        # By its type alone, bytea has a dumper of Python's: this one is written in C.
        cursor.adapters.register_dumper(bytes, BytesBinaryDumper)
        with cursor.copy(statement) as copy:
            copy.set_types(["bytea" if name in _ENCODED else name for name in types])
            for row in rows:
                copy.write_row(row)
