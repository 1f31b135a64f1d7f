"""Fixtures that every test may use. Real servers throughout; nothing of the database is pretended.

    servers           session   embedded PostgreSQL and Valkey of this run (`gateway.embedded.Urls`)
    database          test      a migrated database of its own (`TestDatabase`: url, owner_url, …)
    module_database   module    the same, shared by the tests of a module that only read or don't mind
    empty_database    test      one without migrations
    settings          test      `Settings` on `database`: today is 2026-11-20, base URL http://localhost:8000
    module_settings   module    the same on `module_database`
    app, client       test      the Flask application of `settings`, and its test client
    live_gateway      test      the gateway of `settings` under gunicorn on a free port (`LiveGateway`)
    module_gateway    module    the same on `module_settings`
    cli               test      `pdmp` in a process with the environment of `settings`
    clean_cache       test      nothing in this worker's cache
    asap_samples, fhir_package_cache    folders by ASAP_SAMPLES, FHIR_PACKAGE_CACHE; else the test skips

Markers `browser`, `java` and `node` skip a test by name where the tool is missing (tests/support/tools.py).
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import flask.testing
import pytest
import redis

from gateway.core.settings import Settings
from gateway.embedded import Urls
from tests.support import tools
from tests.support.databases import IDENTIFIER_BASE, TestDatabase, fresh_database, run_servers
from tests.support.processes import Cli, LiveGateway, environment, run_gateway

TODAY = "2026-11-20"
_RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex


@pytest.fixture(scope="session")
def servers() -> Iterator[Urls]:
    with run_servers(_RUN[:12]) as urls:
        yield urls


@pytest.fixture
def database(servers: Urls) -> Iterator[TestDatabase]:
    with fresh_database(servers) as made:
        yield made


@pytest.fixture(scope="module")
def module_database(servers: Urls) -> Iterator[TestDatabase]:
    with fresh_database(servers) as made:
        yield made


@pytest.fixture
def empty_database(servers: Urls) -> Iterator[TestDatabase]:
    with fresh_database(servers, migrated=False) as made:
        yield made


@pytest.fixture
def settings(servers: Urls, database: TestDatabase, tmp_path: Path) -> Settings:
    return make_settings(servers, database, tmp_path)


@pytest.fixture(scope="module")
def module_settings(
    servers: Urls, module_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    return make_settings(servers, module_database, tmp_path_factory.mktemp("module"))


@pytest.fixture
def clean_cache(servers: Urls) -> Iterator[None]:
    with redis.Redis.from_url(_cache_url(servers)) as cache:
        cache.flushdb()
        yield


@pytest.fixture
def app(settings: Settings) -> Iterator[flask.Flask]:
    from gateway.app import create_app

    made = create_app(settings)
    yield made
    made.extensions["pdmp"].close()


@pytest.fixture
def client(app: flask.Flask) -> flask.testing.FlaskClient:
    return app.test_client()


@pytest.fixture
def live_gateway(settings: Settings, tmp_path: Path) -> Iterator[LiveGateway]:
    with run_gateway(settings, tmp_path / "gateway.log") as running:
        yield running


@pytest.fixture(scope="module")
def module_gateway(
    module_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveGateway]:
    with run_gateway(module_settings, tmp_path_factory.mktemp("gateway") / "gateway.log") as running:
        yield running


@pytest.fixture
def cli(settings: Settings) -> Cli:
    return Cli(environment(settings))


@pytest.fixture(scope="session")
def asap_samples() -> Path:
    return tools.folder("ASAP_SAMPLES")


@pytest.fixture(scope="session")
def fhir_package_cache() -> Path:
    return tools.folder("FHIR_PACKAGE_CACHE")


def make_settings(servers: Urls, database: TestDatabase, folder: Path, **more: str) -> Settings:
    """Return settings on `database` with their home in `folder`; `more` are further PDMP_ variables."""
    return Settings.from_env(
        {
            "PDMP_HOME": str(folder / "home"),
            "PDMP_DATABASE_URL": database.url,
            "PDMP_MIGRATION_DATABASE_URL": database.owner_url,
            "PDMP_REDIS_URL": _cache_url(servers),
            "PDMP_IDENTIFIER_BASE": IDENTIFIER_BASE,
            "PDMP_TEST_TODAY": TODAY,
            **more,
        }
    )


def _cache_url(servers: Urls) -> str:
    """Return the cache of this worker: one of Valkey's sixteen databases."""
    assert servers.redis_url
    number = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    return servers.redis_url.replace("?db=0", f"?db={int(number) % 16}")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Check the tools that a test's markers name."""
    for tool in tools.TOOLS:
        if item.get_closest_marker(tool):
            tools.require(tool)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Close with `N passed, N failed, N skipped` alone on a line, at the very end of the output."""
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(config, "workerinput"):
        return

    def count(*kinds: str) -> int:
        return sum(len(reporter.stats.get(kind, [])) for kind in kinds)

    passed, failed = count("passed", "xfailed"), count("failed", "error", "xpassed")
    reporter.write_line(f"{passed} passed, {failed} failed, {count('skipped')} skipped")
