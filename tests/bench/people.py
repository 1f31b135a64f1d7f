"""Three people whose histories of the last year have exactly 10, 100 and 300 dispensations."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from gateway.synth import asap, formulary, histories, people, world
from gateway.synth.people import Person
from gateway.synth.prescriptions import Fill

SIZES = (10, 100, 300)
_SEED = 909
_DONORS = 5000


def person_of(size: int, today: dt.date) -> Person:
    """Return the person with `size` dispensations: with an SSN, never moved."""
    found = people.person(_SEED, size, today)
    return replace(found, ssn=f"90001{size:04d}", license="", suffix="", later_home=None, moved_on=None)


def file_of(size: int, today: dt.date, mappings: Path) -> str:
    """Return that person's history as one ASAP file: other people's fills, spread over eleven months."""
    person = person_of(size, today)
    records = []
    for number, fill in zip(range(size), _fills(today, mappings), strict=False):
        day = today - dt.timedelta(days=1 + number * 330 // size)
        changed = replace(
            fill,
            rx_number=f"8{size:04d}{number:04d}",
            written=day,
            filled=day,
            sold=day if fill.sold else None,
        )
        records.append((person, changed))
    number = asap.control_number("bench", size, today)
    return asap.render(records, control_number=number, created=today)


def _fills(today: dt.date, mappings: Path) -> Iterator[Fill]:
    state, medicines = world.build(), formulary.load(mappings)
    for donor in range(1000, 1000 + _DONORS):
        person = people.person(_SEED, donor, today)
        # One of each person's, so that drugs, prescribers and dispensers vary as a long history's do.
        yield histories.fills(_SEED, person, today, state, medicines)[-1]
