"""Who is in the store, asked as its owner: the EHR double and the accounts are made to fit it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from uuid import UUID

import psycopg

from gateway.store.sql import load

_MOST_PERSONS = 5000
_MOST_PRESCRIBERS = 50


@dataclass(frozen=True, slots=True)
class Person:
    """The newest description of one person, as a pharmacy reported it. Never in `repr` or a log."""

    person_id: UUID
    given: str
    middle: str
    family: str
    suffix: str
    birth_date: dt.date
    gender: str
    line1: str
    line2: str
    city: str
    state: str
    postal_code: str
    phone: str

    def __repr__(self) -> str:
        return "Person()"


@dataclass(frozen=True, slots=True)
class Prescriber:
    """A prescriber as reported; `people` is how many persons have a dispensation by them."""

    npi: str
    given: str
    family: str
    dea: str | None
    people: int = 0


def persons(url: str, jurisdiction: str) -> list[Person]:
    """Return people (no animals) by name, at most 5000."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            statements()["persons"], {"jurisdiction": jurisdiction, "limit": _MOST_PERSONS}
        ).fetchall()
    return sorted(
        (Person(*row) for row in rows), key=lambda p: (p.family, p.given, p.birth_date, p.person_id)
    )


def prescribers(url: str, jurisdiction: str) -> list[Prescriber]:
    """Return prescribers with an NPI, those of most people first."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            statements()["prescribers"], {"jurisdiction": jurisdiction, "limit": _MOST_PRESCRIBERS}
        ).fetchall()
    return [Prescriber(*row) for row in rows]


def statements() -> dict[str, str]:
    """Return the demonstration's SQL by name."""
    return load("gateway.cli.demo", "demo.sql")
