"""How far it is from home to a dispenser or prescriber, between the middles of their ZIP areas.

Rule: great circle on a sphere with the mean Earth radius (6371.0088 km, IUGG). A straight line between two
ZIP centroids, not a road: within one ZIP it is 0, and whole miles are all that it can tell. ASAP 4.2B reports
no address of a prescriber: one is known where they dispense too. What has no known ZIP has no distance.
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
class Whereabouts:
    """Where somebody lives, and where those are who dispensed to and prescribed for them, by id.

    None: no ZIP area is known. `table` names the centroids.
    """

    home: Point | None
    dispensers: Mapping[str, Point | None]
    prescribers: Mapping[str, Point | None]
    table: str


@dataclass(frozen=True, slots=True)
class Distance:
    """Whole miles to a dispenser or prescriber, by `table` of centroids; None: its ZIP area is not known."""

    place_id: str
    miles: int | None
    table: str


def miles(one: Point, other: Point) -> float:
    """Return the great-circle distance in statute miles."""
    north, south = radians(one.latitude), radians(other.latitude)
    half = sin((south - north) / 2) ** 2
    half += cos(north) * cos(south) * sin(radians(other.longitude - one.longitude) / 2) ** 2
    return 2 * _RADIUS_MILES * asin(min(1.0, sqrt(half)))


def distances(home: Point | None, places: Mapping[str, Point | None], table: str) -> tuple[Distance, ...]:
    """Return the distances from `home`, farthest first, then the places without a point.

    Nothing at all without a home, or when no place has a point.
    """
    if home is None or not any(places.values()):
        return ()
    known = [Distance(key, round(miles(home, point)), table) for key, point in places.items() if point]
    unknown = [Distance(key, None, table) for key, point in places.items() if not point]
    known.sort(key=lambda d: (-(d.miles or 0), d.place_id))
    return (*known, *sorted(unknown, key=lambda d: d.place_id))
