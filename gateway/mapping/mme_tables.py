"""Tables of MME factors, from `mappings/mme`."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from gateway.clinical.mme import Band, MmeTable
from gateway.core.errors import Misconfigured
from gateway.mapping.sources import Sources


def load(sources: Sources, name: str, opioids: frozenset[str] | None = None) -> MmeTable:
    """Return the table that calls itself `name`. Raises Misconfigured; all of them are checked.

    `opioids`, when given, are all that the drug table knows, buprenorphine too: each table says something of
    each of them, and of nothing else.
    """
    found: MmeTable | None = None
    for path in sources.names("mme", ".toml"):
        try:
            table = _table(sources.toml(path), opioids)
        except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            raise Misconfigured(f"Mapping table {path}: {error}") from None
        if table.name == name:
            if found is not None:
                raise Misconfigured(f"Two MME tables are named {name}.")
            found = table
    if found is None:
        raise Misconfigured(f"There is no MME table named {name}.")
    return found


def _table(table: dict[str, Any], opioids: frozenset[str] | None) -> MmeTable:
    factors: dict[str, tuple[Band, ...]] = {
        name: (Band(None, _positive(text)),) for name, text in table["factors"].items()
    }
    for name, bands in table.get("bands", {}).items():
        if name in factors:
            raise ValueError(f"{name} has a factor and bands")
        factors[name] = _bands(name, bands)
    excluded = frozenset(table["excluded"])
    if both := excluded & factors.keys():
        raise ValueError(f"{', '.join(sorted(both))}: excluded, yet with a factor")
    transdermal, per_patch = (
        {name: _positive(text) for name, text in table.get(kind, {}).items()}
        for kind in ("transdermal", "per_patch")
    )
    if twice := transdermal.keys() & per_patch.keys():
        raise ValueError(f"{', '.join(sorted(twice))}: by the patch and by the hour")
    not_listed = frozenset(table["not_listed"])
    if both := not_listed & (factors.keys() | excluded):
        raise ValueError(f"{', '.join(sorted(both))}: not listed, yet listed")
    told = factors.keys() | excluded | not_listed
    known = frozenset(told) if opioids is None else opioids
    if missing := known - told:
        raise ValueError(f"says nothing of {', '.join(sorted(missing))}")
    if others := (told | transdermal.keys() | per_patch.keys()) - known:
        raise ValueError(f"{', '.join(sorted(others))}: no opioid of the drug table")
    return MmeTable(
        name=str(table["name"]),
        citation=str(table["citation"]),
        routes=frozenset(table["routes"]),
        excluded=excluded,
        factors=factors,
        transdermal=transdermal,
        per_patch=per_patch,
    )


def _bands(name: str, bands: list[dict[str, str]]) -> tuple[Band, ...]:
    ends = [_positive(band["up_to"]) if "up_to" in band else None for band in bands]
    upper = [end for end in ends if end is not None]
    if not bands or ends[-1] is not None or len(upper) != len(ends) - 1 or upper != sorted(set(upper)):
        raise ValueError(f"bands of {name} must rise, and only the last has no end")
    return tuple(Band(end, _positive(band["factor"])) for end, band in zip(ends, bands, strict=True))


def _positive(text: object) -> Fraction:
    # Text, never a TOML float: 0.15 as a binary float is not 0.15.
    if not isinstance(text, str):
        raise TypeError("factors are written as text")
    value = Fraction(text)
    if value <= 0:
        raise ValueError("factors are above 0")
    return value
