"""The middle of a ZIP area, from the table that the package `zipcodes` ships (no network, no file of ours).

Its version is named beside every distance. A ZIP that it does not know, or no longer in use without a place,
has no point.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib.metadata import version

import zipcodes

from gateway.clinical.distance import Point

_ZIP = re.compile(r"([0-9]{5})(?:-?[0-9]{4})?")


@cache
def table() -> str:
    """Return the name of the table of centroids, with its version."""
    return f"zipcodes {version('zipcodes')}"


def warm() -> None:
    """Read the table now: the first look-up takes a quarter of a second, which no request should wait for."""
    point("40601")


@lru_cache(maxsize=8192)
def point(postal_code: str) -> Point | None:
    """Return the middle of a ZIP (5 or 9 digits), None when it is not known."""
    match = _ZIP.fullmatch(postal_code.strip())
    if match is None:
        return None
    # The package calls itself typed; this function is not.
    for place in zipcodes.matching(match[1]):  # type: ignore[no-untyped-call]
        latitude, longitude = float(place["lat"]), float(place["long"])
        if latitude or longitude:
            return Point(latitude, longitude)
    return None
