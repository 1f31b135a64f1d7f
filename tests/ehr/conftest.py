from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.ehr_double import Hospital, SmartClient


@pytest.fixture
def hospital(tmp_path: Path) -> Hospital:
    return Hospital(tmp_path)


@pytest.fixture
def smart(hospital: Hospital) -> SmartClient:
    return SmartClient(hospital)
