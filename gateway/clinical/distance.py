"""How far it is from home to a dispenser or prescriber, between the middles of their ZIP areas.

Rule: great circle on a sphere with the mean Earth radius (6371.0088 km, IUGG). A straight line between two
ZIP centroids, not a road: within one ZIP it is 0, and whole miles are all that it can tell. Prescribers'
addresses are not reported in ASAP 4.2B; what has no known ZIP has no distance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt

_RADIUS_MILES = 6371.0088 / 1.609344


@dataclass(frozen=True, slots=True)
class Point:
    """Degrees north and east."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Distance:
    """Whole miles to a dispenser or prescriber, by `table` of centroids."""

    place_id: str
    miles: int
    table: str


def miles(one: Point, other: Point) -> float:
    """Return the great-circle distance in statute miles."""
    north, south = radians(one.latitude), radians(other.latitude)
    half = sin((south - north) / 2) ** 2
    half += cos(north) * cos(south) * sin(radians(other.longitude - one.longitude) / 2) ** 2
    return 2 * _RADIUS_MILES * asin(min(1.0, sqrt(half)))


def distances(home: Point | None, places: Mapping[str, Point | None], table: str) -> tuple[Distance, ...]:
    """Return the distances from `home`, farthest first; places without a point are left out."""
    if home is None:
        return ()
    known = [Distance(key, round(miles(home, point)), table) for key, point in places.items() if point]
    return tuple(sorted(known, key=lambda d: (-d.miles, d.place_id)))
