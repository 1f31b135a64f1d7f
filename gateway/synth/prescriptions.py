"""Writes prescriptions and what is dispensed on them, for one person with a random generator of its own.

Schedule II is written anew each time (21 CFR 1306.12); other drugs are refilled under one prescription
number, at one dispenser, at most five times (1306.22). A fill in parts (1306.13) keeps number and dispenser.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from gateway.synth.formulary import Drug, Formulary, Therapy
from gateway.synth.people import Person
from gateway.synth.places import TOWNS, Town
from gateway.synth.world import Pharmacy, Prescriber, World

MONTHS = 36
CASH = "01"
"""DSP16: private pay."""


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


@dataclass(frozen=True, slots=True)
class Course:
    """One medicine as one person takes it. `pharmacy` None: where the person usually goes.

    `halves`: each fill is handed out in two parts, as the patient wished (21 CFR 1306.13(b)).
    """

    therapy: Therapy
    drug: Drug
    per_day: int
    days: int
    prescriber: Prescriber
    payment: str = ""
    pharmacy: Pharmacy | None = None
    halves: bool = False


def first_day(today: dt.date) -> dt.date:
    """Return the first day of the history that ends on `today`: the start of the month 35 months before."""
    month = today.year * 12 + today.month - 1 - (MONTHS - 1)
    return dt.date(month // 12, month % 12 + 1, 1)


class Writer:
    """Draws one person's courses and writes their fills, none after `today`."""

    def __init__(self, seed: int, person: Person, today: dt.date, world: World, formulary: Formulary) -> None:
        self.rng = random.Random(f"history:{seed}:{person.number}")
        self.today = today
        self.start = first_day(today)
        self.formulary = formulary
        self.world = world
        self._seed = seed
        self._person = person
        self._written = 0
        old = (today - person.birth_date).days > 65 * 365
        self._payment = "03" if old else self.rng.choices(("04", "02", CASH, "99"), (46, 36, 15, 3))[0]

    def ago(self, least: int, most: int) -> dt.date:
        """Return a day from `least` to `most` days before today, none before the history begins."""
        return max(self.today - dt.timedelta(days=self.rng.randrange(least, most + 1)), self.start)

    def town(self, day: dt.date) -> Town:
        """Return where the person lives on `day`."""
        return self._person.home_on(day).town

    def course(self, therapies: Sequence[Therapy], day: dt.date) -> Course:
        """Return a course of one of `therapies`, prescribed in or near the town of `day`."""
        therapy = self.rng.choice(therapies)
        drug = self.rng.choice(self.formulary.drugs[therapy.name])
        per_day, days = self.rng.choice(therapy.per_day), self.rng.choice(therapy.days)
        town = self.town(day) if self.rng.random() < 0.88 else self.rng.choice(TOWNS[:12])
        return Course(therapy, drug, per_day, days, self.prescriber(town, therapy.kinds))

    def prescriber(self, town: Town, kinds: Sequence[str]) -> Prescriber:
        """Return somebody in `town` whose practice is one of `kinds`."""
        return self.rng.choice([one for one in self.world.prescribers[town.name] if one.kind in kinds])

    def steady(
        self, course: Course, day: dt.date, *, fills: int, slack: tuple[int, int] = (-2, 5)
    ) -> Iterator[Fill]:
        """Yield `fills` fills from `day` on, prescription after prescription, fewer where today comes first.

        `slack` (low, high) is by how many days a fill comes early or late, `high` excluded.
        """
        while fills > 0 and day <= self.today:
            refills = min(course.therapy.refills, fills - 1) if course.drug.refillable else 0
            for fill in self.prescription(course, day, refills, slack):
                yield fill
                day = self._next(fill, slack)
                if fill.partial != "02":
                    fills -= 1

    def prescription(
        self, course: Course, day: dt.date, refills: int, slack: tuple[int, int] = (-2, 5)
    ) -> Iterator[Fill]:
        """Yield the fills of one prescription, the first on `day`, until today."""
        rng = self.rng
        self._written += 1
        pharmacy = course.pharmacy or self._pharmacy(day)
        origin = rng.choices(("05", "01", "02", "04"), (84, 9, 4, 3))[0]
        reference = f"{rng.getrandbits(32):08X}" if origin == "05" else ""
        quantity = course.days * course.per_day or course.days // 3
        drawn = Fill(
            rx_number=f"7{self._seed % 1000:03d}{self._person.number:06d}{self._written:02d}",
            written=day - dt.timedelta(days=rng.choice((0, 0, 0, 1, 2, 5))),
            filled=day,
            sold=None,
            fill_number=0,
            refills=refills,
            partial="00",
            drug=course.drug,
            quantity=quantity,
            prescribed=quantity,
            days_supply=course.days,
            sig=_directions(course.drug, course.per_day),
            payment=course.payment,
            origin=origin,
            reference=reference,
            order=f"{rng.getrandbits(48):012X}" if reference else "",
            treatment=course.therapy.treatment,
            pharmacy=pharmacy,
            pharmacist=pharmacy.pharmacists[0],
            prescriber=course.prescriber,
        )
        for number in range(refills + 1):
            for wait, amount, supply, partial in self._parts(course, quantity):
                filled = day + dt.timedelta(days=wait)
                if filled > self.today:
                    return
                fill = replace(
                    drawn,
                    filled=filled,
                    sold=self._sold(filled),
                    fill_number=number,
                    partial=partial,
                    quantity=amount,
                    days_supply=supply,
                    payment=course.payment or (CASH if rng.random() < 0.04 else self._payment),
                    pharmacist=rng.choice(pharmacy.pharmacists),
                )
                yield fill
            day = self._next(fill, slack)

    def _parts(self, course: Course, quantity: int) -> list[tuple[int, int, int, str]]:
        """Return (days waited, quantity, days of supply, DSP13) of each part of one fill."""
        days, per_day = course.days, course.per_day
        if course.halves and per_day:
            half = days // 2
            wait = half - self.rng.randrange(2)
            return [(0, per_day * half, half, "01"), (wait, quantity - per_day * half, days - half, "02")]
        if not course.drug.refillable and days >= 20 and per_day and self.rng.random() < 0.015:
            # The dispenser lacks stock: part now, the rest within 72 hours (21 CFR 1306.13(a)).
            return [(0, per_day * 10, 10, "01"), (2, quantity - per_day * 10, days - 10, "02")]
        return [(0, quantity, days, "00")]

    def _next(self, fill: Fill, slack: tuple[int, int]) -> dt.date:
        # Who never comes early waits until what was handed over has been used up.
        begun = (fill.sold or fill.filled) if slack[0] >= 0 else fill.filled
        return begun + dt.timedelta(days=max(fill.days_supply + self.rng.randrange(*slack), 1))

    def _sold(self, filled: dt.date) -> dt.date | None:
        chance = self.rng.random()
        if chance < 0.08:
            return None
        sold = filled + dt.timedelta(days=self.rng.randrange(1, 5) if chance < 0.22 else 0)
        return sold if sold <= self.today else None

    def _pharmacy(self, day: dt.date) -> Pharmacy:
        near = self.world.pharmacies[self.town(day).name]
        usual = near[self._person.number % len(near)]
        return usual if self.rng.random() < 0.9 else self.rng.choice(near)


def _directions(drug: Drug, per_day: int) -> str:
    if not per_day:
        return "APPLY 1 PATCH EVERY 72 HOURS"
    times = {1: "ONCE A DAY", 2: "TWICE A DAY"}.get(per_day, f"{per_day} TIMES A DAY")
    verb = "PLACE" if drug.word == "FILM" else "TAKE"
    return f"{verb} 1 {drug.word} {times}"
