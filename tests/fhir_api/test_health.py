"""Whether the process lives, whether it can serve, and what is where."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.app import create_app
from gateway.core.errors import Misconfigured
from gateway.core.settings import Settings
from gateway.store.migrate import migrate
from tests.support.databases import TestDatabase


def test_a_ready_gateway_says_so(settings: Settings) -> None:
    app = create_app(settings)
    assert app.test_client().get("/healthz").get_json() == {"status": "ok"}
    answer = app.test_client().get("/readyz")
    assert (answer.status_code, answer.get_json()["status"]) == (200, "ready")
    assert answer.get_json()["cache"] == "ok"
    app.extensions["pdmp"].close()


def test_a_missing_cache_is_degraded_and_still_ready(settings: Settings) -> None:
    for redis_url in (None, "redis://127.0.0.1:1/0"):
        app = create_app(replace(settings, redis_url=redis_url))
        answer = app.test_client().get("/readyz")
        assert (answer.status_code, answer.get_json()["cache"]) == (200, "degraded")
        app.extensions["pdmp"].close()


def test_without_a_database_it_lives_and_is_not_ready(settings: Settings) -> None:
    app = create_app(replace(settings, database_url="postgresql://nobody@127.0.0.1:1/none"))
    http = app.test_client()
    assert http.get("/healthz").status_code == 200
    answer = http.get("/readyz")
    assert (answer.status_code, answer.get_json()["database"]) == (503, "unavailable")
    metadata = http.get("/fhir/metadata")
    assert (metadata.status_code, metadata.get_json()["issue"][0]["code"]) == (503, "transient")


def test_it_becomes_ready_when_the_migrations_are_there(
    settings: Settings, empty_database: TestDatabase
) -> None:
    app = create_app(replace(settings, database_url=empty_database.url))
    http = app.test_client()
    before = http.get("/readyz")
    assert (before.status_code, before.get_json()["migrations"]) == (503, "missing")
    assert http.get("/fhir/metadata").status_code == 503
    migrate(empty_database.owner_url, identifier_base="https://pdmp.example.org")
    assert http.get("/readyz").status_code == 200
    assert http.get("/fhir/metadata").status_code == 200
    app.extensions["pdmp"].close()


def test_without_a_database_setting_it_does_not_start(settings: Settings) -> None:
    with pytest.raises(Misconfigured):
        create_app(replace(settings, database_url=None))


def test_the_front_door_says_what_is_where_to_programs_and_people(settings: Settings) -> None:
    app = create_app(settings)
    http = app.test_client()
    document = http.get("/", headers={"Accept": "application/json"}).get_json()
    assert document["fhir"] == settings.fhir_base
    page = http.get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert page.content_type.startswith("text/html")
    assert settings.fhir_base in page.text
    assert http.get("/index.css").status_code == 200
    app.extensions["pdmp"].close()


def test_the_demonstration_adds_its_own_addresses_and_nothing_else(settings: Settings) -> None:
    settings.home.mkdir(parents=True, exist_ok=True)
    (settings.home / "demo.json").write_text(
        f'{{"gateway":"{settings.base_url}","app":"http://pdmp.localhost:8001",'
        '"ehr":"http://ehr.localhost:8002","accounts":[{"password":"hush"}]}'
    )
    app = create_app(settings)
    text = app.test_client().get("/").text
    assert "http://ehr.localhost:8002" in text
    assert "hush" not in text
    app.extensions["pdmp"].close()
