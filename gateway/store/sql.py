"""Named SQL: every statement lives in a `.sql` file that a DBA can paste.

A file holds blocks that begin with `-- name: some_name`; comment lines after it describe the statement.
Parameters are psycopg's `%(name)s`. What is sent lacks comments and indentation: psycopg parses a statement
of more than 4,096 characters anew at each execution, which costs more than all else that it does for it.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

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


def _dense(body: str) -> str:
    lines = (line.strip() for line in body.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("--"))
