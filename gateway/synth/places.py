"""Kentucky towns with their own ZIP codes and area codes; weights are thousands of inhabitants, rounded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Town:
    """A town: `zips` are street ZIP codes of it, `area` its telephone area code, `weight` its size."""

    name: str
    zips: tuple[str, ...]
    area: str
    weight: int


TOWNS: tuple[Town, ...] = (
    Town("Louisville", ("40202", "40205", "40206", "40214", "40216", "40218"), "502", 620),
    Town("Lexington", ("40502", "40503", "40505", "40508", "40511", "40517"), "859", 320),
    Town("Bowling Green", ("42101", "42103", "42104"), "270", 72),
    Town("Owensboro", ("42301", "42303"), "270", 60),
    Town("Covington", ("41011", "41014", "41015"), "859", 41),
    Town("Richmond", ("40475",), "859", 35),
    Town("Georgetown", ("40324",), "502", 37),
    Town("Florence", ("41042",), "859", 32),
    Town("Elizabethtown", ("42701",), "270", 31),
    Town("Hopkinsville", ("42240",), "270", 31),
    Town("Nicholasville", ("40356",), "859", 31),
    Town("Frankfort", ("40601",), "502", 28),
    Town("Henderson", ("42420",), "270", 28),
    Town("Paducah", ("42001", "42003"), "270", 27),
    Town("Radcliff", ("40160",), "270", 23),
    Town("Ashland", ("41101", "41102"), "606", 21),
    Town("Madisonville", ("42431",), "270", 19),
    Town("Winchester", ("40391",), "859", 19),
    Town("Murray", ("42071",), "270", 18),
    Town("Shelbyville", ("40065",), "502", 17),
    Town("Danville", ("40422",), "859", 17),
    Town("Glasgow", ("42141",), "270", 15),
    Town("Bardstown", ("40004",), "502", 14),
    Town("Somerset", ("42501", "42503"), "606", 12),
    Town("Campbellsville", ("42718",), "270", 11),
    Town("Mayfield", ("42066",), "270", 10),
    Town("Paris", ("40361",), "859", 10),
    Town("Middlesboro", ("40965",), "606", 9),
    Town("Maysville", ("41056",), "606", 9),
    Town("London", ("40741", "40744"), "606", 8),
    Town("Corbin", ("40701",), "606", 8),
    Town("Morehead", ("40351",), "606", 7),
    Town("Pikeville", ("41501",), "606", 7),
    Town("Hazard", ("41701",), "606", 5),
    Town("Prestonsburg", ("41653",), "606", 4),
    Town("Harlan", ("40831",), "606", 2),
)

STREETS: tuple[str, ...] = (
    "Main Street", "Broadway", "High Street", "Maple Avenue", "Walnut Street", "College Street",
    "Limestone Street", "Second Street", "Cedar Lane", "Dogwood Drive", "Bluegrass Avenue",
    "Cardinal Drive", "Goldenrod Court", "Church Street", "Mill Road", "Old Ferry Road", "Sycamore Street",
    "Poplar Street", "Laurel Lane", "Ridge Road", "Hickory Hill Road", "Tobacco Road", "Depot Street",
    "Jefferson Street", "Clay Avenue", "Boone Trail", "Harrodsburg Road", "Spring Street", "Elkhorn Drive",
    "Barren Fork Road", "Thoroughbred Way", "Paddock Lane",
)  # fmt: skip
