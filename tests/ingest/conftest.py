"""A loader on the test's own database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.core.settings import Settings
from tests.ingest.store import DATA, Store
from tests.support.databases import TestDatabase


@pytest.fixture
def store(settings: Settings, database: TestDatabase) -> Iterator[Store]:
    made = Store(settings, database)
    yield made
    made.close()


@pytest.fixture
def overlays() -> Path:
    return DATA / "overlays"


@pytest.fixture
def bad() -> Path:
    return DATA / "bad"
