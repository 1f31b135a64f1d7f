"""The validator, compiled once a session."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.hl7.validator import Validator, build
from tests.mapping.shapes import mappings


@pytest.fixture(scope="session")
def validator(tmp_path_factory: pytest.TempPathFactory) -> Validator:
    return build(tmp_path_factory.mktemp("validator"))


@pytest.fixture(scope="session")
def own_definitions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with our own extensions and code systems, as a package to validate against."""
    folder = tmp_path_factory.mktemp("own")
    for definition in mappings().definitions:
        name = f"{definition['resourceType']}-{definition['id']}.json"
        (folder / name).write_text(json.dumps(definition), encoding="utf-8")
    return folder
