"""Numbered migrations: plain SQL, applied in order, each in its own transaction, under an advisory lock.

A file is `NNNN_pre_name.sql` (safe before the new code is deployed) or `NNNN_post_name.sql` (after it).
What was applied is recorded with a checksum; an applied file that changed stops the run. Only forward.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files

import psycopg

from gateway.core.errors import Misconfigured
from gateway.store.sql import queries

_FILE = re.compile(r"^(\d{4})_(pre|post)_(\w+)\.sql$")
# One number for the whole cluster: "pdmp" in ASCII.
_LOCK = 0x70646D70


@dataclass(frozen=True, slots=True)
class Migration:
    """One migration file."""

    number: int
    phase: str
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """Return the SHA-256 of the text, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def available() -> list[Migration]:
    """Return all migrations in order. Raises Misconfigured on a gap or a bad name."""
    found = []
    for file in files("gateway.store").joinpath("migrations").iterdir():
        if not file.name.endswith(".sql"):
            continue
        match = _FILE.match(file.name)
        if not match:
            raise Misconfigured(f"Migration {file.name} is not named NNNN_pre|post_name.sql.")
        found.append(Migration(int(match[1]), match[2], match[3], file.read_text(encoding="utf-8")))
    found.sort(key=lambda migration: migration.number)
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise Misconfigured("Migrations are not numbered 1, 2, 3 … without gap.")
    return found


def migrate(url: str, *, identifier_base: str, phase: str | None = None) -> list[Migration]:
    """Apply what is missing and return it. `phase` limits the run to `pre` or `post`.

    `identifier_base` is written at the first migration; later ones leave it, whatever they are given.
    Raises Misconfigured when an applied migration differs from its file.
    """
    statements = queries("migrate.sql")
    done = []
    with psycopg.connect(url, autocommit=True, application_name="pdmp-migrate") as connection:
        connection.execute(statements["set_timeouts"])
        connection.execute(statements["lock"], {"lock": _LOCK})
        connection.execute(statements["create_ledger"])
        applied: dict[int, str] = dict(connection.execute(statements["applied"]).fetchall())
        for migration in available():
            if migration.number in applied:
                if applied[migration.number] != migration.checksum:
                    raise Misconfigured(f"Migration {migration.number:04} changed after it was applied.")
                continue
            if phase and migration.phase != phase:
                break
            with connection.transaction():
                connection.execute(migration.text.encode())
                connection.execute(
                    statements["record"],
                    {
                        "number": migration.number,
                        "name": migration.name,
                        "phase": migration.phase,
                        "checksum": migration.checksum,
                    },
                )
            done.append(migration)
        _fix_identifier_base(connection, statements, identifier_base)
    return done


def admit(url: str) -> None:
    """Let the login of `url` become the gateway's role, where one login both migrates and serves.

    Raises Misconfigured when it may neither do that nor grant it to itself.
    """
    statements = queries("migrate.sql")
    with psycopg.connect(url, autocommit=True, application_name="pdmp-migrate") as connection:
        try:
            connection.execute(statements["become_gateway"])
        except psycopg.errors.InsufficientPrivilege:
            pass
        else:
            return
        try:
            connection.execute(statements["join_gateway"])
        except psycopg.errors.InsufficientPrivilege as error:
            raise Misconfigured(
                "This login may not become pdmp_gateway: GRANT pdmp_gateway to it (the README has the SQL)."
            ) from error


def is_ready(connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    """Return whether every `pre` migration of this code is applied in the database."""
    needed = {migration.number for migration in available() if migration.phase == "pre"}
    try:
        rows = connection.execute(queries("migrate.sql")["applied"]).fetchall()
    except (
        psycopg.errors.UndefinedTable,
        psycopg.errors.InsufficientPrivilege,
        psycopg.errors.InvalidSchemaName,
    ):
        return False
    return needed <= {row[0] for row in rows}


def _fix_identifier_base(
    connection: psycopg.Connection[tuple[object, ...]], statements: dict[str, str], asked: str
) -> None:
    connection.execute(statements["fix_identifier_base"], {"identifier_base": asked})


def identifier_base(connection: psycopg.Connection[tuple[object, ...]]) -> str:
    """Return the start of identifier systems, fixed at the first migration. Raises Misconfigured if unset."""
    row = connection.execute(queries("migrate.sql")["identifier_base"]).fetchone()
    if row is None:
        raise Misconfigured("The database is not migrated: run `pdmp migrate`.")
    return str(row[0])
