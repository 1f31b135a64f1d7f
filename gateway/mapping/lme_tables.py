"""Tables of lorazepam equivalents, from `mappings/lme`."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from gateway.clinical.lme import LmeTable
from gateway.core.errors import Misconfigured
from gateway.mapping.sources import Sources


def load(sources: Sources, name: str | None, sedatives: frozenset[str] | None = None) -> LmeTable | None:
    """Return the table that calls itself `name`, None for no name. Raises Misconfigured; all are checked.

    `sedatives`, when given, are all that the drug table knows; a factor of anything else is refused.
    """
    found: dict[str, LmeTable] = {}
    for path in sources.names("lme", ".toml"):
        try:
            table = _table(sources.toml(path), sedatives)
        except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            raise Misconfigured(f"Mapping table {path}: {error}") from None
        if found.setdefault(table.name, table) is not table:
            raise Misconfigured(f"Two LME tables are named {table.name}.")
    if name is None:
        return None
    if name not in found:
        raise Misconfigured(f"There is no LME table named {name}.")
    return found[name]


def _table(table: dict[str, Any], sedatives: frozenset[str] | None) -> LmeTable:
    factors: dict[str, Fraction] = {}
    for substance, text in table["factors"].items():
        # Text, never a TOML float; `1/6` has no decimal.
        if not isinstance(text, str):
            raise TypeError("factors are written as text")
        factors[substance] = Fraction(text)
        if factors[substance] <= 0:
            raise ValueError("factors are above 0")
        if sedatives is not None and substance not in sedatives:
            raise ValueError(f"{substance} is no sedative of the drug table")
    return LmeTable(str(table["name"]), str(table["citation"]), frozenset(table["routes"]), factors)
