"""The files under `mappings/`, read once at start. Every byte that was read enters the mapping version."""

from __future__ import annotations

import csv
import hashlib
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.core.errors import Misconfigured


class Sources:
    """A folder of tables that remembers what was read from it.

    `instead` are texts by name that stand for files not written yet.
    """

    def __init__(self, folder: Path, *, instead: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._instead = dict(instead or {})
        self._digest = hashlib.sha256()

    def toml(self, name: str) -> dict[str, Any]:
        """Return a TOML table. Raises Misconfigured."""
        try:
            return tomllib.loads(self._read(name))
        except tomllib.TOMLDecodeError as error:
            raise Misconfigured(f"Mapping table {name} is not TOML: {error}") from None

    def json(self, name: str, *, identifier_base: str) -> dict[str, Any]:
        """Return a FHIR resource, `{identifier_base}` filled in. Raises Misconfigured."""
        text = self._read(name).replace("{identifier_base}", identifier_base)
        try:
            resource = json.loads(text)
        except ValueError as error:
            raise Misconfigured(f"Mapping table {name} is not JSON: {error}") from None
        if not isinstance(resource, dict) or "resourceType" not in resource:
            raise Misconfigured(f"Mapping table {name} is no FHIR resource.")
        return resource

    def csv(self, name: str, columns: frozenset[str]) -> list[dict[str, str]]:
        """Return the rows of a CSV that has at least `columns`. Raises Misconfigured."""
        reader = csv.DictReader(self._read(name).splitlines())
        if missing := columns - frozenset(reader.fieldnames or ()):
            raise Misconfigured(f"Mapping table {name} lacks {', '.join(sorted(missing))}.")
        rows = list(reader)
        if any(None in row or None in row.values() for row in rows):
            raise Misconfigured(f"Mapping table {name} has a row of another length than its heading.")
        return rows

    def names(self, folder: str, suffix: str) -> list[str]:
        """Return the tables of `folder` with that suffix, by name."""
        there = {f"{folder}/{path.name}" for path in (self._folder / folder).glob(f"*{suffix}")}
        planned = {name for name in self._instead if name.startswith(f"{folder}/") and name.endswith(suffix)}
        return sorted(there | planned)

    def version(self, *salt: str) -> str:
        """Return 16 hexadecimal digits that stand for everything read so far, and for `salt`."""
        digest = self._digest.copy()
        for part in salt:
            digest.update(b"\0" + part.encode())
        return digest.hexdigest()[:16]

    def _read(self, name: str) -> str:
        try:
            planned = self._instead.get(name)
            content = (self._folder / name).read_bytes() if planned is None else planned.encode()
            text = content.decode("utf-8")
        except OSError:
            raise Misconfigured(f"Mapping table {name} cannot be read in {self._folder}.") from None
        except UnicodeDecodeError:
            raise Misconfigured(f"Mapping table {name} is not UTF-8.") from None
        self._digest.update(name.encode() + b"\0" + content + b"\0")
        return text
