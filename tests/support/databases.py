"""A migrated database for each test, copied from a template: some tens of milliseconds each.

Real PostgreSQL, with fsync on as in life. All workers of a run share the servers of one home.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from gateway.cli.migrate import apply_migrations
from gateway.core.settings import Settings
from gateway.embedded import Urls, resolve

IDENTIFIER_BASE = "https://pdmp.example.org"
TEMPLATE = "pdmp_template"
_LOCK = 0x74657374  # "test"
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class TestDatabase:
    """One database: `url` is the gateway's login, `owner_url` migrates, `app_url` is the app's,
    `admin_url` is the superuser's, for tests that look where no role of ours may."""

    __test__ = False

    name: str
    url: str = field(repr=False)
    owner_url: str = field(repr=False)
    app_url: str = field(repr=False)
    admin_url: str = field(repr=False)


@contextmanager
def run_servers(run_id: str) -> Iterator[Urls]:
    """Yield the servers of this run. The first worker starts them and waits for the others at its end."""
    home = Path(tempfile.gettempdir()) / f"pdmp-tests-{os.geteuid()}-{run_id}"
    # 0711 as root, so that the servers' system user reaches its folder.
    home.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, exist_ok=True)
    try:
        with resolve(Settings.from_env({"PDMP_HOME": str(home)})) as urls:
            _make_template(urls)
            yield urls
    finally:
        if not (home / "run" / "servers.json").exists():
            remove_home(home)


def remove_home(home: Path) -> None:
    """Remove a home whose servers have stopped, and what they kept outside of it."""
    from gateway.embedded import place

    # Tests alone may know where that is.
    shutil.rmtree(place.SYSTEM_STATE / place._hash(home), ignore_errors=True)
    shutil.rmtree(home, ignore_errors=True)


@contextmanager
def fresh_database(urls: Urls, *, migrated: bool = True) -> Iterator[TestDatabase]:
    """Yield a database of its own: a copy of the migrated template, or an empty one with its schemas only."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    name = f"t_{worker}_{os.getpid()}_{next(_numbers)}"
    assert urls.admin_database_url
    with psycopg.connect(urls.admin_database_url, autocommit=True) as admin:
        _create(admin, urls, name, TEMPLATE if migrated else None)
        try:
            yield _database(urls, name)
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _make_template(urls: Urls) -> None:
    assert urls.admin_database_url
    with psycopg.connect(urls.admin_database_url, autocommit=True) as admin:
        admin.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        row = admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", (TEMPLATE,)).fetchone()
        if row is None:
            making = f"{TEMPLATE}_making"
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(making)))
            _create(admin, urls, making, None)
            settings = Settings.from_env({"PDMP_IDENTIFIER_BASE": IDENTIFIER_BASE})
            apply_migrations(settings, replace(urls, owner_database_url=_database(urls, making).owner_url))
            admin.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                    sql.Identifier(making), sql.Identifier(TEMPLATE)
                )
            )


def _create(
    admin: psycopg.Connection[tuple[object, ...]], urls: Urls, name: str, template: str | None
) -> None:
    statement = sql.SQL("CREATE DATABASE {} OWNER pdmp_owner TEMPLATE {}")
    admin.execute(statement.format(sql.Identifier(name), sql.Identifier(template or "template0")))
    if template is None:
        with psycopg.connect(_database(urls, name).admin_url, autocommit=True) as inside:
            inside.execute("CREATE SCHEMA pdmp AUTHORIZATION pdmp_owner")
            inside.execute("CREATE SCHEMA smart_app AUTHORIZATION smart_app")


def _database(urls: Urls, name: str) -> TestDatabase:
    assert urls.app_database_url
    assert urls.admin_database_url
    return TestDatabase(
        name,
        url=_named(urls.database_url, name),
        owner_url=_named(urls.owner_database_url, name),
        app_url=_named(urls.app_database_url, name),
        admin_url=_named(urls.admin_database_url, name),
    )


def _named(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
