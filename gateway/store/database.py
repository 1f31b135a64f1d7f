"""Connections to PostgreSQL: one kept connection a thread, opened after fork, as the gateway's role.

A pool costs more than the query it hands out (measured); with at most two threads a process a kept
connection is all that is needed. Every connection drops to `pdmp_gateway`, whose rights the migrations
grant: that role can append to the audit and cannot change it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import psycopg
from psycopg import Connection

from gateway.core.errors import Unavailable
from gateway.store import arrays

Row = tuple[Any, ...]

#: `detail` of the Unavailable that `not_connected` makes of a server that answers and lacks our role.
NO_ROLE = "NoRole"
_ROLE = "pdmp_gateway"

_IDLE_CHECK_SECONDS = 1.0


def not_connected(error: psycopg.Error) -> Unavailable:
    """Return what a failed connection means: no server, or one that is not migrated or denies the role."""
    # libpq gives no SQLSTATE for a refused start; whatever its language, the message names the role.
    if _ROLE in str(error):
        return Unavailable(
            f"The database is not migrated, or its login is not a member of {_ROLE}: run `pdmp migrate`.",
            detail=NO_ROLE,
        )
    return Unavailable("The database does not answer.", detail=type(error).__name__)


class Database:
    """Hands each thread its kept connection, in autocommit; see `transaction` for several statements.

    With `generic_plans` a prepared statement is planned once, whatever its parameters: right for a process
    that serves (its statements are made to have one good plan, and planning one anew costs more than
    running it), wrong for one that lists by filters.
    """

    def __init__(self, url: str, *, role: str | None = _ROLE, generic_plans: bool = False) -> None:
        self._url = url
        options = "-c search_path=pdmp -c timezone=UTC -c jit=off"
        if generic_plans:
            options += " -c plan_cache_mode=force_generic_plan"
        self._options = f"-c role={role} {options}" if role else options
        self._local = threading.local()

    @contextmanager
    def connection(self) -> Iterator[Connection[Row]]:
        """Yield this thread's connection in autocommit mode. Raises Unavailable when there is none."""
        try:
            yield self._kept()
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            self.close()
            if isinstance(error, psycopg.errors.QueryCanceled | psycopg.errors.LockNotAvailable):
                raise Unavailable("The database is busy.", detail=type(error).__name__) from error
            raise not_connected(error) from error

    @contextmanager
    def transaction(self) -> Iterator[Connection[Row]]:
        """Yield this thread's connection inside one transaction, committed on leaving."""
        with self.connection() as connection, connection.transaction():
            yield connection

    def close(self) -> None:
        """Close this thread's connection, if there is one."""
        kept = cast("Connection[Row] | None", getattr(self._local, "connection", None))
        if kept is not None:
            self._local.connection = None
            kept.close()

    def _kept(self) -> Connection[Row]:
        kept = cast("Connection[Row] | None", getattr(self._local, "connection", None))
        now = time.monotonic()
        if kept is not None and not kept.closed and self._alive(kept, now):
            self._local.used_at = now
            return kept
        self.close()
        kept = psycopg.connect(
            self._url,
            autocommit=True,
            options=self._options,
            connect_timeout=5,
            application_name="pdmp-gateway",
        )
        kept.prepare_threshold = 2
        arrays.register(kept)
        self._local.connection = kept
        self._local.used_at = now
        return kept

    def _alive(self, kept: Connection[Row], now: float) -> bool:
        # A connection used a moment ago is trusted; an idle one may have lost its server meanwhile.
        if now - self._local.used_at < _IDLE_CHECK_SECONDS:
            return True
        try:
            kept.execute("select 1")
        except psycopg.Error:
            return False
        return True
