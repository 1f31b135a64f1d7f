"""Optional tools of the machine: found, or the test that needs one skips by name.

With `REQUIRE_ALL=1` a missing tool is a failure.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

#: tool (and marker) -> programs of which each alternative group needs one.
TOOLS: dict[str, tuple[tuple[str, ...], ...]] = {
    "browser": (("chromium", "chromium-browser", "google-chrome"),),
    "node": (("node", "nodejs"),),
    "java": (("java",), ("mvn",)),
}


def find(tool: str) -> list[str] | None:
    """Return the paths of the programs that make up `tool`, or None when one is missing."""
    found = [next(filter(None, map(shutil.which, names)), None) for names in TOOLS[tool]]
    return [path for path in found if path] if all(found) else None


def require(tool: str) -> list[str]:
    """Return the programs of `tool`; skip the test by name without it, or fail it with REQUIRE_ALL=1."""
    found = find(tool)
    if found is None:
        names = " and ".join(group[0] for group in TOOLS[tool])
        if os.environ.get("REQUIRE_ALL") == "1":
            pytest.fail(f"needs {names}, which this machine lacks (REQUIRE_ALL=1)", pytrace=False)
        pytest.skip(f"needs {names}, which this machine lacks")
    return found


def folder(variable: str) -> Path:
    """Return the folder that an environment variable names; skip the test by name when unset or absent."""
    value = os.environ.get(variable)
    if not value or not Path(value).is_dir():
        pytest.skip(f"needs {variable}, which names no folder here")
    return Path(value)
