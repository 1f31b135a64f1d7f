"""External PostgreSQL with one login for everything: the owner of a database, prepared by nobody."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from gateway.core.settings import Settings
from gateway.embedded import resolve
from tests.support.databases import remove_home
from tests.support.processes import Cli

_EHR = {
    "iss": "https://ehr.example.org/fhir",
    "client_id": "pdmp-app",
    "token_endpoint_auth_method": "private_key_jwt",
    "scope": "launch openid fhirUser",
    "frame_ancestors": [],
    "gateway_client_id": "gw-1",
}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Yield the superuser's URL of a server of this module's own: these tests change roles."""
    outer = Path(tempfile.mkdtemp(prefix="pdmp-external-"))
    outer.chmod(0o711 if os.geteuid() == 0 else 0o700)
    try:
        with resolve(Settings.from_env({"PDMP_HOME": str(outer / "home")}), cache=False) as urls:
            assert urls.admin_database_url
            with psycopg.connect(urls.admin_database_url, autocommit=True) as admin:
                for statement in ("DROP DATABASE pdmp", "DROP ROLE smart_app", "DROP ROLE pdmp_gateway"):
                    admin.execute(statement.encode())
                admin.execute("CREATE ROLE weak LOGIN PASSWORD 'w'")
                admin.execute("CREATE ROLE able LOGIN CREATEROLE PASSWORD 'a'")
                admin.execute("CREATE DATABASE weak OWNER weak")
                admin.execute("CREATE DATABASE able OWNER able")
            yield urls.admin_database_url
    finally:
        remove_home(outer / "home")
        shutil.rmtree(outer)


@pytest.fixture
def able(server: str, tmp_path: Path) -> Cli:
    return _cli(server, "able", "a", tmp_path)


def test_an_owner_that_may_make_roles_needs_no_preparation(able: Cli) -> None:
    early = able("accounts", "list")
    assert early.returncode == 3
    assert "pdmp migrate" in early.stderr
    assert able("migrate").returncode == 0
    listed = able("accounts", "list", "--json")
    assert (listed.returncode, listed.stdout) == (0, ""), listed.stderr
    added = able("ehrs", "add", "--json", "-", stdin=json.dumps(_EHR))
    assert added.returncode == 0, added.stderr
    assert able("ehrs", "list", "--json").stdout.startswith('{"iss": "https://ehr.example.org/fhir"')


def test_a_login_that_may_not_make_roles_is_told_what_is_missing(server: str, tmp_path: Path) -> None:
    weak = _cli(server, "weak", "w", tmp_path)
    done = weak("migrate")
    assert done.returncode == 3
    assert "README" in done.stderr
    assert "Traceback" not in done.stderr
    assert weak("ehrs", "list").returncode == 3


def _cli(server: str, user: str, password: str, folder: Path) -> Cli:
    parts = urlsplit(server)
    url = urlunsplit(parts._replace(netloc=f"{user}:{password}@", path=f"/{user}"))
    env = {name: value for name, value in os.environ.items() if not name.startswith("PDMP_")}
    return Cli({**env, "PDMP_HOME": str(folder / "home"), "PDMP_DATABASE_URL": url})
