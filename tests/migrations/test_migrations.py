"""Migrations: forward only, repeatable, equal to `schema.sql`, fit for one person a shard."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from gateway.core.errors import Misconfigured
from gateway.store import migrate as runner
from gateway.store.migrate import available, identifier_base, is_ready, migrate
from tests.support.databases import TestDatabase

SCHEMA = Path(runner.__file__).parent / "schema.sql"

#: Tables that hold patients' rows must lead their keys with these.
PHI = {"person", "description", "description_identifier", "dispensation_version"}

CATALOG = """
SELECT 'column', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       pg_get_expr(d.adbin, d.adrelid)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE n.nspname = 'pdmp' AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT 'index', tablename, indexname, indexdef, NULL, NULL FROM pg_indexes WHERE schemaname = 'pdmp'
UNION ALL
SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), NULL, NULL
FROM pg_constraint WHERE connamespace = 'pdmp'::regnamespace
UNION ALL
SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), NULL, NULL
FROM pg_trigger WHERE NOT tgisinternal
UNION ALL
SELECT 'grant', table_name, privilege_type, grantee, NULL, NULL
FROM information_schema.role_table_grants WHERE table_schema = 'pdmp'
UNION ALL
SELECT 'column grant', table_name || '.' || column_name, privilege_type, grantee, NULL, NULL
FROM information_schema.column_privileges WHERE table_schema = 'pdmp'
"""


def _catalog(url: str) -> set[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return {tuple(row) for row in connection.execute(CATALOG).fetchall()}


def test_a_fresh_database_by_migrations_equals_schema_sql(
    database: TestDatabase, empty_database: TestDatabase
) -> None:
    with psycopg.connect(empty_database.owner_url, autocommit=True) as connection:
        connection.execute(SCHEMA.read_bytes())
    assert _catalog(database.owner_url) == _catalog(empty_database.owner_url)


def test_migrating_twice_changes_nothing(database: TestDatabase) -> None:
    before = _catalog(database.owner_url)
    assert migrate(database.owner_url, identifier_base="https://elsewhere.example") == []
    assert _catalog(database.owner_url) == before


def test_the_identifier_base_is_fixed_at_the_first_migration(empty_database: TestDatabase) -> None:
    migrate(empty_database.owner_url, identifier_base="https://first.example")
    migrate(empty_database.owner_url, identifier_base="https://second.example")
    with psycopg.connect(empty_database.owner_url) as connection:
        assert identifier_base(connection) == "https://first.example"


def test_two_migrators_at_once_apply_each_migration_once(empty_database: TestDatabase) -> None:
    with ThreadPoolExecutor(2) as pool:
        runs = pool.map(
            lambda _: migrate(empty_database.owner_url, identifier_base="https://first.example"), range(2)
        )
        assert sorted(len(run) for run in runs) == [0, len(available())]


def test_a_changed_migration_stops_the_run(database: TestDatabase) -> None:
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute("UPDATE pdmp.migration SET checksum = 'other' WHERE number = 1")
    with pytest.raises(Misconfigured, match="0001 changed"):
        migrate(database.owner_url, identifier_base="https://first.example")


def test_readiness_tells_a_migrated_database_from_an_empty_one(
    database: TestDatabase, empty_database: TestDatabase
) -> None:
    with psycopg.connect(database.owner_url) as connection:
        assert is_ready(connection)
    with psycopg.connect(empty_database.owner_url) as connection:
        assert not is_ready(connection)


def test_keys_of_patient_tables_lead_with_jurisdiction_and_person(database: TestDatabase) -> None:
    with psycopg.connect(database.owner_url) as connection:
        rows = connection.execute(
            """
            SELECT c.relname, array_agg(a.attname ORDER BY k.position)
            FROM pg_index i
            JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
            CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(attnum, position)
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
            WHERE n.nspname = 'pdmp' AND i.indisunique
            GROUP BY c.relname, i.indexrelid
            """
        ).fetchall()
    keys = [(table, columns) for table, columns in rows if table in PHI]
    assert {table for table, _ in keys} == PHI
    for table, columns in keys:
        assert columns[:2] == ["jurisdiction", "person_id"], table


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE pdmp.audit SET reason = ''",
        "DELETE FROM pdmp.audit",
        "TRUNCATE pdmp.audit",
        "UPDATE pdmp.dispensation_version SET quantity = 1",
        "DELETE FROM pdmp.dispensation_version",
        "DELETE FROM pdmp.submission",
        "UPDATE pdmp.submission SET content = ''",
        "DELETE FROM pdmp.description",
        "DROP TABLE pdmp.audit",
    ],
)
def test_the_gateways_role_cannot_rewrite_history(database: TestDatabase, statement: str) -> None:
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("SET ROLE pdmp_gateway")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


def test_even_the_owner_cannot_change_the_audit(database: TestDatabase) -> None:
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO pdmp.audit (jurisdiction, audit_id, outcome, interaction)"
            " VALUES ('KY', gen_random_uuid(), 'refused', 'test')"
        )
        for statement in (
            "UPDATE pdmp.audit SET reason = 'x'",
            "DELETE FROM pdmp.audit",
            "TRUNCATE pdmp.audit",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_the_app_role_reads_nothing_of_the_gateway(database: TestDatabase) -> None:
    with (
        psycopg.connect(database.app_url, autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("SELECT 1 FROM pdmp.dispensation_version")


def test_a_migration_file_name_is_checked() -> None:
    names = [f"{m.number:04}_{m.phase}_{m.name}" for m in available()]
    assert names == sorted(names)
