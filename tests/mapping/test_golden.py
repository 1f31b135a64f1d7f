"""ASAP facts in, FHIR JSON out: the files in tests/golden. `UPDATE_GOLDEN=1` writes them anew for review."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.mapping.shapes import SHAPES

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


@pytest.mark.parametrize("name", SHAPES)
def test_facts_are_rendered_as_the_golden_file_has_them(name: str) -> None:
    # Pretty-printed for the reviewer, with numbers as written: 90.00 must not turn into 90.0.
    rendered = {part: json.loads(body, parse_float=str) for part, body in SHAPES[name]().items()}
    text = json.dumps(rendered, indent=2, ensure_ascii=False) + "\n"
    path = GOLDEN / f"{name}.json"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("name", SHAPES)
def test_rendering_twice_gives_the_same_bytes(name: str) -> None:
    assert SHAPES[name]() == SHAPES[name]()


def test_every_golden_file_belongs_to_a_shape() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(SHAPES)
