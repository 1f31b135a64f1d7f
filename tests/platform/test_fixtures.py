"""The fixtures that other tests stand on keep their promises."""

from __future__ import annotations

import psycopg
import pytest
import redis

from gateway.core.settings import Settings
from tests.support.databases import TestDatabase


def test_database_is_migrated_and_the_gateways_login_may_become_its_role(database: TestDatabase) -> None:
    with psycopg.connect(database.url, options="-c role=pdmp_gateway -c search_path=pdmp") as connection:
        assert connection.execute("SELECT identifier_base FROM installation").fetchone() is not None


def test_databases_of_two_tests_are_two(database: TestDatabase, module_database: TestDatabase) -> None:
    assert database.name != module_database.name


def test_the_app_reads_its_own_schema_and_nothing_else(database: TestDatabase) -> None:
    with psycopg.connect(database.app_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE smart_app.mine (n int)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM pdmp.person")


def test_settings_reach_a_cache(settings: Settings, clean_cache: None) -> None:
    assert settings.redis_url
    with redis.Redis.from_url(settings.redis_url) as cache:
        assert cache.ping()
        assert cache.get("anything") is None
