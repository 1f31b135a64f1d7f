"""Invented people: names, birth dates, addresses, identifiers, households and moves.

A person is a function of (seed, number, day) alone. Households are blocks of consecutive numbers that share
a surname, an address and a telephone; identifiers are never shared.
"""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass

from gateway.synth import names, numbers
from gateway.synth.places import STREETS, TOWNS, Town

_WEIGHTS = [town.weight for town in TOWNS]
_HOUSEHOLD = 4  # numbers 4k to 4k+3 may live together


@dataclass(frozen=True, slots=True)
class Home:
    """Where somebody lives, and that telephone."""

    line1: str
    line2: str
    town: Town
    zip: str
    phone: str


@dataclass(frozen=True, slots=True)
class Person:
    """One invented person. `moved_on` is the first day at `later_home`; both are None for most.

    `ssn` or `license` may be empty; then the other, or address and telephone, must tell people apart.
    """

    number: int
    last_name: str
    first_name: str
    middle_name: str
    suffix: str
    gender: str
    birth_date: dt.date
    ssn: str
    license: str
    home: Home
    later_home: Home | None
    moved_on: dt.date | None

    def home_on(self, day: dt.date) -> Home:
        """Return where the person lives on `day`."""
        if self.later_home is not None and self.moved_on is not None and day >= self.moved_on:
            return self.later_home
        return self.home


def person(seed: int, number: int, today: dt.date) -> Person:
    """Return person `number` (from 0) of the population of `seed`, as known on `today`."""
    rng = random.Random(f"person:{seed}:{number}")
    gender = rng.choice("FM")
    last_name = rng.choice(names.LAST)
    home = _home(rng)
    shared = _household(seed, number)
    if shared is not None:
        last_name, home = shared
    age_days = int(rng.triangular(18, 92, 50) * 365.25)
    suffix = rng.choice(("Jr", "Sr", "II", "III")) if gender == "M" and rng.random() < 0.04 else ""
    has = rng.random()
    later, moved_on = None, None
    if rng.random() < 0.08:
        later = _home(rng)
        moved_on = today - dt.timedelta(days=rng.randrange(60, 900))
    return Person(
        number=number,
        last_name=last_name,
        first_name=rng.choice(names.FEMALE if gender == "F" else names.MALE),
        middle_name=rng.choice("ABCDEFGHJKLMNPRSTW") if rng.random() < 0.6 else "",
        suffix=suffix,
        gender=gender,
        birth_date=today - dt.timedelta(days=age_days),
        ssn=numbers.ssn(seed, number) if has < 0.86 else "",
        license=numbers.driving_license(seed, number, last_name) if has > 0.25 else "",
        home=home,
        later_home=later,
        moved_on=moved_on,
    )


def _household(seed: int, number: int) -> tuple[str, Home] | None:
    rng = random.Random(f"household:{seed}:{number // _HOUSEHOLD}")
    together = rng.random() < 0.25
    size = rng.randrange(2, _HOUSEHOLD + 1)
    if not together or number % _HOUSEHOLD >= size:
        return None
    return rng.choice(names.LAST), _home(rng)


def _home(rng: random.Random) -> Home:
    town = rng.choices(TOWNS, _WEIGHTS)[0]
    line2 = f"Apt {rng.randrange(1, 60)}" if rng.random() < 0.15 else ""
    return Home(
        line1=f"{rng.randrange(10, 9800)} {rng.choice(STREETS)}",
        line2=line2,
        town=town,
        zip=rng.choice(town.zips),
        phone=f"{town.area}555{rng.randrange(2000, 10000)}",
    )
