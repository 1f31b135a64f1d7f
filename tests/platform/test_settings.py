"""Settings that can't be meant stop the start, in words that hold no secret; a base URL may have a path."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.app import create_app
from gateway.core.errors import Misconfigured
from gateway.core.settings import Settings
from tests.support.processes import Cli


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PDMP_BASE_URL", "http://localhost:8000/"),
        ("PDMP_BASE_URL", "http://pdmp.example.org"),
        ("PDMP_BASE_URL", "https://pdmp.example.org:99999"),
        ("PDMP_BASE_URL", "https://user:hush@pdmp.example.org"),
        ("PDMP_BASE_URL", "https://pdmp.example.org?hush"),
        ("PDMP_IDENTIFIER_BASE", "pdmp.example.org"),
        ("PDMP_TEST_TODAY", "20261120"),
        ("PDMP_TEST_TODAY", "2026-W47-5"),
        ("PDMP_PART2_DISPENSERS", "1999000015,hush"),
        ("PDMP_LOG_LEVEL", "hush"),
        ("PDMP_WORKERS", "hush"),
        ("PDMP_HOMES", "hush"),
    ],
)
def test_a_setting_that_cant_be_meant_stops_the_start(name: str, value: str) -> None:
    with pytest.raises(Misconfigured, match=name) as caught:
        Settings.from_env({name: value})
    assert "hush" not in caught.value.public


def test_test_today_is_refused_unless_the_base_url_is_loopback() -> None:
    for base in ("http://localhost:8000", "http://gateway.localhost", "http://127.0.0.1:1", "http://[::1]:1"):
        assert Settings.from_env({"PDMP_BASE_URL": base, "PDMP_TEST_TODAY": "2026-11-20"}).test_today
    for base in ("https://pdmp.example.org", "https://localhost.example.org", "https://10.0.0.1"):
        with pytest.raises(Misconfigured, match="loopback"):
            Settings.from_env({"PDMP_BASE_URL": base, "PDMP_TEST_TODAY": "2026-11-20"})


def test_a_database_url_that_is_none_is_not_quoted(cli: Cli) -> None:
    for name in ("PDMP_DATABASE_URL", "PDMP_MIGRATION_DATABASE_URL"):
        done = cli("migrate", env={name: "postgresql//pdmp:hush@database/pdmp"})
        assert (done.returncode, done.stderr) == (3, f"Error: {name} is not a PostgreSQL URL.\n")


def test_a_base_url_with_a_path_is_served_below_it(settings: Settings) -> None:
    base = "http://localhost:8000/state/pdmp"
    app = create_app(replace(settings, base_url=base))
    http = app.test_client()
    document = http.get("/state/pdmp/fhir/.well-known/smart-configuration").get_json()
    assert document["token_endpoint"] == f"{base}/auth/token"
    assert http.get("/state/pdmp/.well-known/smart-configuration").get_json() == document
    assert http.get("/state/pdmp/fhir/metadata").get_json()["implementation"]["url"] == f"{base}/fhir"
    # A proxy may have taken the path away already.
    assert http.get("/fhir/.well-known/smart-configuration").get_json() == document
    page = http.get("/state/pdmp/", headers={"Accept": "text/html"}).text
    assert 'href="/state/pdmp/index.css"' in page
    assert http.get("/state/pdmp/index.css").status_code == 200
    assert http.get("/state/pdmpx/healthz").status_code == 404
    app.extensions["pdmp"].close()
