"""Named SQL: every statement lives in a `.sql` file that a DBA can paste.

A file holds blocks that begin with `-- name: some_name`; comment lines after it describe the statement.
Parameters are psycopg's `%(name)s`. What is sent lacks comments and indentation, and a statement of the hot
path has its places numbered once (`numbered`): psycopg parses a long statement anew at each execution, which
costs more than all else that it does for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

_PLACE = re.compile(r"%\((\w+)\)s")
_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


@cache
def load(package: str, filename: str) -> dict[str, str]:
    """Return statement texts by name from `filename` inside `package`. Raises ValueError on a repeat."""
    text = files(package).joinpath(filename).read_text(encoding="utf-8")
    parts = _NAME.split(text)
    statements: dict[str, str] = {}
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        if name in statements:
            raise ValueError(f"{package}/{filename}: statement {name} is defined twice")
        statements[name] = _dense(body)
    return statements


def queries(filename: str) -> dict[str, str]:
    """Return the statements of one file of `gateway.store`."""
    return load("gateway.store", filename)


@dataclass(frozen=True, slots=True)
class Numbered:
    """A statement with `$1` to `$n` for a `psycopg.RawCursor`, and the names of its places."""

    text: str
    names: tuple[str, ...]

    def values(self, parameters: Mapping[str, Any]) -> list[Any]:
        """Return the parameters in the order of their places. Raises KeyError for a missing one."""
        return [parameters[name] for name in self.names]


@cache
def numbered(filename: str, name: str) -> Numbered:
    """Return one statement of `gateway.store` with its places numbered."""
    places: dict[str, int] = {}

    def place(match: re.Match[str]) -> str:
        return f"${places.setdefault(match[1], len(places) + 1)}"

    text = _PLACE.sub(place, queries(filename)[name]).replace("%%", "%")
    return Numbered(text, tuple(places))


def _dense(body: str) -> str:
    lines = (line.strip() for line in body.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("--"))
