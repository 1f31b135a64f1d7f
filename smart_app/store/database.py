"""A small pool of connections to the app's own schema, migrated at first use."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from smart_app.errors import Unavailable

_SECONDS = 3.0
_ADDRESS = re.compile(r"^(\d{4})_(\w+)\.sql$")

Row = dict[str, Any]


class Database:
    """Runs the named statements. Opens nothing until first used; raises Unavailable when it can't."""

    def __init__(self, url: str | None) -> None:
        self._url = url
        self._sql = _named(files("smart_app.store").joinpath("queries.sql").read_text("utf-8"))
        self._lock = threading.Lock()
        self._pool: ConnectionPool[psycopg.Connection[Row]] | None = None

    def all(self, name: str, values: Mapping[str, Any] | None = None) -> list[Row]:
        """Return the rows of the named statement. Raises Unavailable."""
        with self._connection() as connection:
            return connection.execute(self._sql[name], values).fetchall()

    def one(self, name: str, values: Mapping[str, Any] | None = None) -> Row | None:
        """Return the first row of the named statement, or None. Raises Unavailable."""
        with self._connection() as connection:
            return connection.execute(self._sql[name], values).fetchone()

    def close(self) -> None:
        """Close the pool and its threads."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection[Row]]:
        try:
            with self._ready().connection(timeout=_SECONDS) as connection:
                yield connection
        except (psycopg.Error, PoolTimeout, PoolClosed) as error:
            raise Unavailable(
                "The app's list of EHRs can't be read just now. Try again in a minute.",
                detail=f"database: {type(error).__name__}",
            ) from None

    def _ready(self) -> ConnectionPool[psycopg.Connection[Row]]:
        with self._lock:
            if self._pool is None:
                if not self._url:
                    raise Unavailable(
                        "The app's list of EHRs can't be read just now.",
                        detail="no database: set PDMP_APP_DATABASE_URL or start the embedded servers",
                    )
                self._migrate(self._url)
                self._pool = ConnectionPool(
                    self._url,
                    connection_class=psycopg.Connection[Row],
                    kwargs={"row_factory": dict_row, "autocommit": True, "connect_timeout": 3},
                    min_size=0,
                    max_size=4,
                    timeout=_SECONDS,
                    open=True,
                )
            return self._pool

    def _migrate(self, url: str) -> None:
        """Apply what is new, all in one transaction. Safe to run in many processes at once."""
        with psycopg.connect(url, connect_timeout=3, options="-c lock_timeout=10s") as connection:
            connection.execute(self._sql["lock_migrations"])
            present = connection.execute(self._sql["has_schema"]).fetchone()
            if not present or not present[0]:
                connection.execute(self._sql["create_schema"])
            connection.execute(self._sql["create_migrations"])
            applied = {row[0] for row in connection.execute(self._sql["applied"])}
            for number, name, sql in migrations():
                if number not in applied:
                    connection.execute(sql)
                    connection.execute(self._sql["record_migration"], {"number": number, "name": name})


def migrations() -> list[tuple[int, str, bytes]]:
    """Return the migrations in order: number, name, SQL."""
    found = []
    for file in files("smart_app.store").iterdir():
        if match := _ADDRESS.match(file.name):
            found.append((int(match[1]), match[2], file.read_bytes()))
    return sorted(found)


def _named(text: str) -> dict[str, bytes]:
    parts = re.split(r"^-- name: (\w+)$", text, flags=re.MULTILINE)
    return {name: sql.strip().encode() for name, sql in zip(parts[1::2], parts[2::2], strict=True)}
