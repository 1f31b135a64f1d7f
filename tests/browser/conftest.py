from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.stack import Stack, run_stack
from tests.browser.truth import EDGE_FILE, OVERLAYS, THRESHOLDS, overlay, write_edge_file
from tests.support.tools import require


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    require("browser")
    folder = tmp_path_factory.mktemp("stack")
    edge = folder / EDGE_FILE
    write_edge_file(edge)
    files = [*(overlay(name) for name in (*OVERLAYS, THRESHOLDS)), edge]
    with run_stack(folder / "home", files, folder / "demo.log") as running:
        yield running


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    """Return where screenshots go: SCREENSHOTS when set, so that a person can look at them afterwards."""
    return Path(os.environ.get("SCREENSHOTS") or tmp_path)
