"""Reads a release of RxNorm as NLM publishes it: RXNSAT.RRF, RXNCONSO.RRF, RXNREL.RRF, separated by `|`.

Columns: NLM, "RxNorm Technical Documentation", sections 12.4 to 12.7. Only what RxNorm itself says
(SAB=RXNORM) is used, never another vocabulary's content. A row of RXNREL reads from its second concept to its
first: RXCUI2 RELA RXCUI1.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from gateway.core.errors import Misconfigured

_OURS = "RXNORM"
_PRODUCTS = frozenset({"SCD", "SBD"})
_PARTS = frozenset({"SCDC", "IN", "MIN", "PIN"})
_HIDDEN = frozenset({"O", "Y", "E"})
_RELATIONS = frozenset({"consists_of", "has_ingredient", "tradename_of"})


@dataclass(frozen=True, slots=True)
class Release:
    """What a release says of some products."""

    codes: Mapping[str, str] = field(default_factory=dict)
    """11-digit NDC -> RxCUI."""
    names: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """RxCUI -> (name, TTY)."""
    ingredients: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """RxCUI of a product -> the names of its ingredients, in small letters."""


Opened = Callable[[str], Iterable[bytes]]
"""Opens one of the files by its name."""


def read(opened: Opened, ndcs: Collection[str]) -> Release:
    """Return what the release says of the packages `ndcs`. Raises Misconfigured for files of another kind."""
    codes = _codes(opened("RXNSAT.RRF"), ndcs)
    wanted = set(codes.values())
    names: dict[str, tuple[str, str]] = {}
    parts: dict[str, str] = {}
    for row in _rows(opened("RXNCONSO.RRF"), "RXNCONSO.RRF", 18):
        code, source, kind, name, hidden = row[0], row[11], row[12], row[14], row[16]
        if source != _OURS or hidden in _HIDDEN:
            continue
        if kind in _PRODUCTS and code in wanted:
            names[code] = (name, kind)
        elif kind in _PARTS:
            parts[code] = name.lower()
    return Release(codes, names, _ingredients(opened("RXNREL.RRF"), names, parts))


def _codes(lines: Iterable[bytes], ndcs: Collection[str]) -> dict[str, str]:
    found: dict[str, set[str]] = {}
    for row in _rows(lines, "RXNSAT.RRF", 13):
        if row[8] == "NDC" and row[9] == _OURS and row[11] not in _HIDDEN and row[10] in ndcs:
            found.setdefault(row[10], set()).add(row[0])
    # An NDC of two products is nobody's.
    return {ndc: next(iter(codes)) for ndc, codes in found.items() if len(codes) == 1}


def _ingredients(
    lines: Iterable[bytes], products: Collection[str], parts: Mapping[str, str]
) -> dict[str, frozenset[str]]:
    related: dict[str, dict[str, set[str]]] = {name: {} for name in _RELATIONS}
    for row in _rows(lines, "RXNREL.RRF", 16):
        if row[7] in _RELATIONS and row[10] == _OURS and row[14] not in _HIDDEN:
            related[row[7]].setdefault(row[4], set()).add(row[0])
    result: dict[str, frozenset[str]] = {}
    for product in products:
        # A branded product's own components are branded; its generic's are what it holds.
        generics = related["tradename_of"].get(product, set()) or {product}
        components = {c for generic in generics for c in related["consists_of"].get(generic, ())}
        names = {
            parts[code]
            for component in components
            for code in related["has_ingredient"].get(component, ())
            if code in parts
        }
        if names:
            result[product] = frozenset(names)
    return result


def _rows(lines: Iterable[bytes], name: str, columns: int) -> Iterator[list[str]]:
    for number, line in enumerate(lines, start=1):
        try:
            cells = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n").split("|")
        except UnicodeDecodeError:
            raise Misconfigured(f"{name}, line {number}, is not UTF-8.") from None
        if len(cells) < columns:
            raise Misconfigured(f"{name}, line {number}: {len(cells)} columns, not {columns}.")
        yield cells
