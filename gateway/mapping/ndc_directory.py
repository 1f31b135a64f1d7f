"""Reads the FDA's NDC directory as it is published: `product.txt` and `package.txt`, separated by tabs.

Columns: FDA, "NDC Product File Definitions" and "NDC Package File Definitions". A product is one strength and
form of one labeler; its packages are what a dispenser reports. Nothing is decided here: see drug_import.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from gateway.core.errors import Misconfigured

_PRODUCT = (
    "PRODUCTID", "PRODUCTTYPENAME", "PROPRIETARYNAME", "NONPROPRIETARYNAME", "DOSAGEFORMNAME", "ROUTENAME",
    "LABELERNAME", "SUBSTANCENAME", "ACTIVE_NUMERATOR_STRENGTH", "ACTIVE_INGRED_UNIT", "DEASCHEDULE",
)  # fmt: skip
_PACKAGE = ("PRODUCTID", "NDCPACKAGECODE")
#: One line in so many may be of another shape.
_TOLERATED = 100
LeftOut = tuple[str, str]
"""What was left out, and why."""
_EXCLUDED = "NDC_EXCLUDE_FLAG"
_PRESCRIPTION = "HUMAN PRESCRIPTION DRUG"
# Labeler, product, package: ten digits in three forms; eleven are 5-4-2, zeros before what is short.
_NDC10 = re.compile(
    r"(?:([0-9]{4})-([0-9]{4})|([0-9]{5})-([0-9]{3}))-([0-9]{2})|([0-9]{5})-([0-9]{4})-([0-9])"
)


@dataclass(frozen=True, slots=True)
class Listed:
    """One prescription product. `strengths` and `units` are in the order of `substances`, as listed."""

    product_id: str
    brand: str
    name: str
    form: str
    routes: tuple[str, ...]
    labeler: str
    substances: tuple[str, ...]
    strengths: tuple[str, ...]
    units: tuple[str, ...]
    schedule: str
    """`CII` to `CV`, or empty."""


def products(lines: Iterable[bytes], left_out: list[LeftOut]) -> Iterator[Listed]:
    """Yield the human prescription products of `product.txt`; lines of another shape go to `left_out`.

    Raises Misconfigured for another file, and at the end when more than one line in a hundred was left out.
    """
    for row in _rows(lines, "product.txt", _PRODUCT, left_out):
        if row["PRODUCTTYPENAME"].upper() == _PRESCRIPTION and row.get(_EXCLUDED, "N") in ("N", ""):
            yield Listed(
                product_id=row["PRODUCTID"],
                brand=row["PROPRIETARYNAME"],
                name=row["NONPROPRIETARYNAME"],
                form=row["DOSAGEFORMNAME"],
                routes=_listed(row["ROUTENAME"]),
                labeler=row["LABELERNAME"],
                substances=_listed(row["SUBSTANCENAME"]),
                strengths=_listed(row["ACTIVE_NUMERATOR_STRENGTH"]),
                units=_listed(row["ACTIVE_INGRED_UNIT"]),
                schedule=row["DEASCHEDULE"].upper(),
            )


def packages(lines: Iterable[bytes], left_out: list[LeftOut]) -> Iterator[tuple[str, str]]:
    """Yield (PRODUCTID, package NDC as listed) of `package.txt`; as `products` for lines of another shape."""
    for row in _rows(lines, "package.txt", _PACKAGE, left_out):
        if row.get(_EXCLUDED, "N") in ("N", ""):
            yield row["PRODUCTID"], row["NDCPACKAGECODE"]


def eleven_digits(ndc: str) -> str:
    """Return a package NDC (4-4-2, 5-3-2 or 5-4-1) as 11 digits. Raises ValueError for another form."""
    match = _NDC10.fullmatch(ndc)
    if match is None:
        raise ValueError("NDC of another form than 4-4-2, 5-3-2 or 5-4-1")
    labeler, product, package = (
        (match[1] or match[3], match[2] or match[4], match[5]) if match[5] else (match[6], match[7], match[8])
    )
    return labeler.zfill(5) + product.zfill(4) + package.zfill(2)


def _rows(
    lines: Iterable[bytes], name: str, columns: tuple[str, ...], left_out: list[LeftOut]
) -> Iterator[Mapping[str, str]]:
    heading: list[str] | None = None
    number, wrong = 0, list[LeftOut]()
    for number, line in enumerate(lines, start=1):
        cells = [cell.strip().strip('"').strip() for cell in _text(line).rstrip("\r\n").split("\t")]
        if heading is None:
            heading = [cell.removeprefix("\ufeff").upper() for cell in cells]
            if missing := set(columns) - set(heading):
                raise Misconfigured(f"{name} lacks {', '.join(sorted(missing))}: no NDC directory.")
        elif cells != [""]:
            if len(cells) != len(heading):
                wrong.append((f"{name}, line {number}", f"{len(cells)} columns, not {len(heading)}"))
                continue
            yield dict(zip(heading, cells, strict=True))
    if heading is None:
        raise Misconfigured(f"{name} is empty.")
    # A stray tab in a name spoils its line; many of them are another file, or half of one.
    if len(wrong) * _TOLERATED > number:
        place, reason = wrong[0]
        raise Misconfigured(f"{place}: {reason}; so in {len(wrong)} of {number} lines.")
    left_out += wrong


def _text(line: bytes) -> str:
    # The directory is Windows-1252 in some years and UTF-8 in others.
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("cp1252", errors="replace")


def _listed(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.split(";")) if cell else ()
