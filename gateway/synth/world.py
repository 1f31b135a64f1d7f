"""The part of Kentucky that no seed changes: its dispensers and prescribers, so that populations share them.

Ranges of numbers are our own (NPI 1996 to 1998, DEA digits 80 to 82, NCPDP 1880), away from other test data.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from gateway.synth import names, numbers
from gateway.synth.places import STREETS, TOWNS, Town

_PHARMACY_NAMES = (
    "{town} Drug",
    "{town} Family Pharmacy",
    "Corner Apothecary of {town}",
    "{town} Medicine Shop",
    "Cumberland Care Pharmacy {town}",
    "Riverside Drugs {town}",
    "Commonwealth Pharmacy {town}",
    "{town} Clinic Pharmacy",
)


@dataclass(frozen=True, slots=True)
class Pharmacy:
    """A dispenser: `phone` is its own, `pharmacists` are (NPI, licence) pairs."""

    npi: str
    ncpdp: str
    dea: str
    name: str
    line1: str
    town: Town
    zip: str
    phone: str
    permit: str
    pharmacists: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Prescriber:
    """A prescriber. `suffix` belongs to a hospital's DEA number (PRE03); `kind` is the practice."""

    npi: str
    dea: str
    suffix: str
    license: str
    last_name: str
    first_name: str
    phone: str
    kind: str


@dataclass(frozen=True, slots=True)
class World:
    """Dispensers and prescribers by the name of their town."""

    pharmacies: dict[str, tuple[Pharmacy, ...]]
    prescribers: dict[str, tuple[Prescriber, ...]]


#: Kinds of practice in each town, in order; larger towns go round again.
_PRACTICES = (
    "general",
    "general",
    "nurse",
    "dental",
    "emergency",
    "psychiatry",
    "pain",
    "recovery",
    "resident",
)


def build() -> World:
    """Return the world: 2 to 8 dispensers and 9 to 27 prescribers in each town."""
    rng = random.Random("kentucky")
    pharmacies: dict[str, tuple[Pharmacy, ...]] = {}
    prescribers: dict[str, tuple[Prescriber, ...]] = {}
    serial = 0
    doctor = 0
    for place, town in enumerate(TOWNS):
        shops = []
        for shop in range(min(2 + town.weight // 50, len(_PHARMACY_NAMES))):
            serial += 1
            shops.append(_pharmacy(rng, town, _PHARMACY_NAMES[shop].format(town=town.name), serial))
        pharmacies[town.name] = tuple(shops)
        hospital = numbers.dea("A", town.name, 820_000 + place)
        people = []
        for _ in range(min(1 + town.weight // 60, 3)):
            for kind in _PRACTICES:
                doctor += 1
                people.append(_prescriber(rng, town, kind, hospital, doctor))
        prescribers[town.name] = tuple(people)
    return World(pharmacies, prescribers)


def _pharmacy(rng: random.Random, town: Town, name: str, serial: int) -> Pharmacy:
    staff = tuple(
        (numbers.npi(199_600_000 + serial * 4 + member), f"KYR{serial:03d}{member:02d}")
        for member in range(2)
    )
    return Pharmacy(
        npi=numbers.npi(199_700_000 + serial),
        ncpdp=numbers.ncpdp(188_000 + serial),
        dea=numbers.dea("F", name, 800_000 + serial),
        name=name,
        line1=f"{rng.randrange(100, 4900)} {rng.choice(STREETS)}",
        town=town,
        zip=rng.choice(town.zips),
        phone=f"{town.area}5550{serial % 1000:03d}",
        permit=f"KYP{serial + 500:05d}",
        pharmacists=staff,
    )


def _prescriber(rng: random.Random, town: Town, kind: str, hospital: str, serial: int) -> Prescriber:
    last = rng.choice(names.LAST)
    first = rng.choice(names.FEMALE + names.MALE)
    # Residents write under their hospital's number with a suffix of their own; nurse practitioners hold a
    # mid-level number, which begins with M.
    resident = kind == "resident"
    number = numbers.dea("M" if kind == "nurse" else rng.choice("BF"), last, 810_000 + serial)
    return Prescriber(
        npi=numbers.npi(199_800_000 + serial),
        dea=hospital if resident else number,
        suffix=f"{100 + serial % 900}" if resident else "",
        license=f"KY{60_000 + serial}",
        last_name=last,
        first_name=first,
        phone=f"{town.area}5551{serial % 1000:03d}",
        kind=kind,
    )
