"""What one invented person was dispensed: plain courses, steady treatments, refills, rare partial fills.

Between 1 and 40 dispensations in the 36 months that end on the given day. Schedule II is written anew each
time; other drugs are refilled under one prescription number, at one dispenser, at most five times.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.synth.formulary import Drug, Formulary, Therapy
from gateway.synth.people import Person
from gateway.synth.places import TOWNS
from gateway.synth.world import Pharmacy, Prescriber, World

MONTHS = 36
MOST = 40


@dataclass(frozen=True, slots=True)
class Fill:
    """One dispensation. `sold` is None when no sale was reported by `today`; `partial` is DSP13."""

    rx_number: str
    written: dt.date
    filled: dt.date
    sold: dt.date | None
    fill_number: int
    refills: int
    partial: str
    drug: Drug
    quantity: int
    prescribed: int
    days_supply: int
    sig: str
    payment: str
    origin: str
    reference: str
    order: str
    treatment: str
    pharmacy: Pharmacy
    pharmacist: tuple[str, str]
    prescriber: Prescriber


def first_day(today: dt.date) -> dt.date:
    """Return the first day of the history that ends on `today`: the start of the month 35 months before."""
    month = today.year * 12 + today.month - 1 - (MONTHS - 1)
    return dt.date(month // 12, month % 12 + 1, 1)


def fills(seed: int, person: Person, today: dt.date, world: World, formulary: Formulary) -> list[Fill]:
    """Return everything dispensed to `person` up to `today`: 1 to 40 fills in the order of their dates."""
    teller = _Teller(seed, person, today, world, formulary)
    found: list[Fill] = []
    while not found:
        for therapy in teller.therapies():
            found.extend(teller.treat(therapy))
    found.sort(key=lambda fill: (fill.filled, fill.rx_number, fill.partial))
    return found[-MOST:]


class _Teller:
    """Tells one person's story with a random generator of its own."""

    def __init__(self, seed: int, person: Person, today: dt.date, world: World, formulary: Formulary) -> None:
        self._rng = random.Random(f"history:{seed}:{person.number}")
        self._seed = seed
        self._person = person
        self._today = today
        self._start = first_day(today)
        self._world = world
        self._formulary = formulary
        self._written = 0
        old = (today - person.birth_date).days > 65 * 365
        self._payment = "03" if old else self._rng.choices(("04", "02", "01", "99"), (46, 36, 15, 3))[0]

    def therapies(self) -> list[Therapy]:
        number = self._rng.choices((1, 2, 3), (62, 28, 10))[0]
        chosen = self._rng.choices(self._formulary.therapies, self._formulary.weights, k=number)
        return list({therapy.name: therapy for therapy in chosen}.values())

    def treat(self, therapy: Therapy) -> Iterator[Fill]:
        """Yield the fills of one therapy: prescription after prescription until it ends or today comes."""
        rng = self._rng
        drug = rng.choice(self._formulary.drugs[therapy.name])
        per_day = rng.choice(therapy.per_day)
        days = rng.choice(therapy.days)
        span = (self._today - self._start).days
        day = self._start + dt.timedelta(days=rng.randrange(span + 1))
        if therapy.months is None:
            left = rng.choice((1, 1, 1, 2))
        else:
            left = max(1, rng.randrange(therapy.months[0], therapy.months[1] + 1) * 30 // days)
        left = min(left, MOST)
        prescriber = self._prescriber(therapy, day)
        while left > 0 and day <= self._today:
            refills = min(therapy.refills, left - 1) if drug.refillable else 0
            for fill in self._prescription(therapy, drug, prescriber, per_day, days, day, refills):
                yield fill
                day = fill.filled + dt.timedelta(days=max(fill.days_supply + rng.randrange(-2, 5), 1))
                if fill.partial != "02":
                    left -= 1

    def _prescription(
        self,
        therapy: Therapy,
        drug: Drug,
        prescriber: Prescriber,
        per_day: int,
        days: int,
        day: dt.date,
        refills: int,
    ) -> Iterator[Fill]:
        rng = self._rng
        self._written += 1
        rx_number = f"7{self._seed % 1000:03d}{self._person.number:06d}{self._written:02d}"
        pharmacy = self._pharmacy(day)
        written = day - dt.timedelta(days=rng.choice((0, 0, 0, 1, 2, 5)))
        origin = rng.choices(("05", "01", "02", "04"), (84, 9, 4, 3))[0]
        reference = f"{rng.getrandbits(32):08X}" if origin == "05" else ""
        order = f"{rng.getrandbits(48):012X}" if reference else ""
        quantity = days * per_day or days // 3
        for number in range(refills + 1):
            if day > self._today:
                return
            parts = [(quantity, days, "00")]
            if not drug.refillable and days >= 20 and per_day and rng.random() < 0.015:
                # The dispenser lacks stock: part now, the rest within 72 hours (21 CFR 1306.13).
                parts = [(per_day * 10, 10, "01"), (quantity - per_day * 10, days - 10, "02")]
            for amount, supply, partial in parts:
                filled = day + dt.timedelta(days=2 if partial == "02" else 0)
                if filled > self._today:
                    return
                yield Fill(
                    rx_number=rx_number,
                    written=written,
                    filled=filled,
                    sold=self._sold(filled),
                    fill_number=number,
                    refills=refills,
                    partial=partial,
                    drug=drug,
                    quantity=amount,
                    prescribed=quantity,
                    days_supply=supply,
                    sig=_directions(drug, per_day),
                    payment="01" if rng.random() < 0.04 else self._payment,
                    origin=origin,
                    reference=reference,
                    order=order,
                    treatment=therapy.treatment,
                    pharmacy=pharmacy,
                    pharmacist=rng.choice(pharmacy.pharmacists),
                    prescriber=prescriber,
                )
            day = filled + dt.timedelta(days=max(supply + rng.randrange(-2, 5), 1))

    def _sold(self, filled: dt.date) -> dt.date | None:
        chance = self._rng.random()
        if chance < 0.08:
            return None
        sold = filled + dt.timedelta(days=self._rng.randrange(1, 5) if chance < 0.22 else 0)
        return sold if sold <= self._today else None

    def _pharmacy(self, day: dt.date) -> Pharmacy:
        near = self._world.pharmacies[self._person.home_on(day).town.name]
        usual = near[self._person.number % len(near)]
        return usual if self._rng.random() < 0.9 else self._rng.choice(near)

    def _prescriber(self, therapy: Therapy, day: dt.date) -> Prescriber:
        town = self._person.home_on(day).town if self._rng.random() < 0.88 else self._rng.choice(TOWNS[:12])
        near = [one for one in self._world.prescribers[town.name] if one.kind in therapy.kinds]
        return self._rng.choice(near)


def _directions(drug: Drug, per_day: int) -> str:
    if not per_day:
        return "APPLY 1 PATCH EVERY 72 HOURS"
    times = {1: "ONCE A DAY", 2: "TWICE A DAY"}.get(per_day, f"{per_day} TIMES A DAY")
    verb = "PLACE" if drug.word == "FILM" else "TAKE"
    return f"{verb} 1 {drug.word} {times}"
