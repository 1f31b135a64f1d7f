"""`pdmp ehrs add|list`: what a registration must be, and where it lies."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result
from psycopg import sql

from smart_app.cli import ehrs as group
from tests.support.databases import TestDatabase
from tests.support.processes import Cli

GOOD = {
    "iss": "https://ehr.example.org/fhir",
    "client_id": "pdmp-app",
    "token_endpoint_auth_method": "private_key_jwt",
    "scope": "launch openid fhirUser patient/Patient.rs user/Practitioner.rs",
    "frame_ancestors": ["https://ehr.example.org", "https://*.clinic.example.org:8443"],
    "gateway_client_id": "gw-1",
}


@pytest.fixture
def ehrs(database: TestDatabase, tmp_path: Path) -> Any:
    """Return `pdmp ehrs` as a function: words, standard input and settings in, the result out."""
    none: dict[str, str | None] = {name: None for name in os.environ if name.startswith("PDMP_")}
    environment = none | {"PDMP_HOME": str(tmp_path), "PDMP_APP_DATABASE_URL": database.app_url}

    def run(*words: str, stdin: object = None, **env: str) -> Result:
        text = stdin if isinstance(stdin, str) else json.dumps(stdin)
        return CliRunner().invoke(group, words, input=text, env={**environment, **env})

    return run


def test_an_ehr_is_added_changed_and_listed(ehrs: Any) -> None:
    assert ehrs("add", "-", stdin=GOOD).stdout.startswith("Added https://ehr.example.org/fhir")
    changed = ehrs("add", "--json", "-", stdin=GOOD | {"gateway_client_id": "gw-2"})
    assert json.loads(changed.stdout) == GOOD | {
        "gateway_client_id": "gw-2",
        "launch_uri": "http://pdmp.localhost:8001/launch",
        "redirect_uri": "http://pdmp.localhost:8001/callback",
        "jwks_uri": "http://pdmp.localhost:8001/.well-known/jwks.json",
    }
    lines = [json.loads(line) for line in ehrs("list", "--json").stdout.splitlines()]
    assert lines == [GOOD | {"gateway_client_id": "gw-2"}]
    assert "gw-2" in ehrs("list").stdout


def test_the_verb_is_found_by_pdmp(cli: Cli, database: TestDatabase) -> None:
    listed = cli("ehrs", "list", env={"PDMP_APP_DATABASE_URL": database.app_url})
    assert (listed.returncode, listed.stdout) == (0, "No EHR is registered.\n")


def test_a_secret_is_kept_encrypted_and_never_shown(ehrs: Any, database: TestDatabase) -> None:
    with_secret = GOOD | {"token_endpoint_auth_method": "client_secret_basic", "client_secret": "hush-hush"}
    added = ehrs("add", "--json", "-", stdin=with_secret)
    assert added.exit_code == 0
    assert "hush" not in added.stdout + ehrs("list", "--json").stdout + ehrs("list").stdout
    with psycopg.connect(database.app_url) as connection:
        row = connection.execute("SELECT client_secret FROM smart_app.ehr").fetchone()
    assert row is not None
    assert row[0]
    assert b"hush" not in row[0]


def test_the_apps_login_reads_its_own_schema_and_nothing_else(ehrs: Any, database: TestDatabase) -> None:
    assert ehrs("list").exit_code == 0
    with psycopg.connect(database.app_url, autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM smart_app.migration").fetchone() == (1,)
        for table in ("person", "dispensation", "client"):
            with pytest.raises(psycopg.Error):
                connection.execute(sql.SQL("SELECT 1 FROM pdmp.{}").format(sql.Identifier(table)))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"iss": None}, "iss"),
        ({"iss": "http://ehr.example.org/fhir"}, "https"),
        ({"iss": "https://10.1.2.3/fhir"}, "not public"),
        ({"iss": "https://ehr.example.org/fhir?x=1"}, "query"),
        ({"iss": "https://u:p@ehr.example.org/fhir"}, "plain https"),
        ({"token_endpoint_auth_method": "none"}, "token_endpoint_auth_method"),
        ({"token_endpoint_auth_method": "client_secret_post"}, "client_secret is needed"),
        ({"client_secret": "x"}, "no place"),
        ({"scope": "openid fhirUser"}, "launch"),
        ({"scope": "launch patient/Patient.rs"}, "openid and fhirUser"),
        ({"scope": "launch launch/patient openid fhirUser"}, "launch/patient"),
        ({"frame_ancestors": ["http://ehr.example.org"]}, "https"),
        ({"frame_ancestors": ["https://ehr.example.org; script-src *"]}, "origins"),
        ({"frame_ancestors": ["https://ehr.example.org/path"]}, "origins"),
        ({"frame_ancestors": ["*"]}, "origins"),
        ({"frame_ancestors": ["https://*.org"]}, "below a domain"),
        ({"frame_ancestors": 7}, "list of origins"),
        ({"gateway_client_id": "has space"}, "gateway_client_id"),
        ({"redirect_uri": "x"}, "Unknown member: redirect_uri"),
    ],
)
def test_what_is_no_registration_is_refused_with_its_reason(
    ehrs: Any, change: dict[str, Any], word: str
) -> None:
    refused = ehrs("add", "--json", "-", stdin=GOOD | change)
    assert refused.exit_code == 2
    assert word in refused.stderr
    assert refused.stdout == ""
    assert ehrs("list", "--json").stdout == ""


def test_a_private_ehr_may_be_registered_when_it_is_allowed(ehrs: Any) -> None:
    private = GOOD | {"iss": "https://10.1.2.3/fhir"}
    assert ehrs("add", "-", stdin=private, PDMP_APP_OUTBOUND_ALLOW="10.0.0.0/8").exit_code == 0


def test_no_json_no_database_and_no_known_setting_end_clearly(ehrs: Any) -> None:
    assert ehrs("add", "-", stdin="{").exit_code == 2
    down = ehrs("list", PDMP_APP_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert down.exit_code == 3
    assert "Traceback" not in down.stderr
    unknown = ehrs("list", PDMP_APP_BASE_ULR="x")
    assert unknown.exit_code == 2
    assert "PDMP_APP_BASE_ULR" in unknown.stderr
