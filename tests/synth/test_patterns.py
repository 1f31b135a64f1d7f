"""What a synthetic population shows a clinician, measured by the arithmetic that an answer is made with."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from uuid import UUID, uuid5

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.cli import main
from gateway.clinical.alerts import Category
from gateway.clinical.classes import DrugClass
from gateway.clinical.coverage import coverage
from gateway.clinical.overlap import Pattern
from gateway.clinical.picture import Picture, picture
from gateway.clinical.row import Row
from gateway.clinical.runs import Run
from gateway.clinical.supplies import Fill, fills
from gateway.core.records import Dispensation
from gateway.mapping.rows import row, rules
from gateway.synth import stories
from gateway.synth.stories import AMONG, SHARES, Story
from tests.mapping.shapes import NOW, mappings

TODAY = dt.date(2026, 11, 20)
YEAR = Run(dt.date(2025, 11, 21), TODAY)
_SPACE = UUID("01930000-0000-7000-8000-000000000000")


@dataclass
class Told:
    """One person of a population: the rows, who paid, and what arithmetic says of them."""

    rows: list[Row]
    payments: list[str]

    @property
    def picture(self) -> Picture:
        return picture(self.rows, rules(mappings()), YEAR)

    def has(self, drug_class: DrugClass) -> bool:
        return any(drug_class in one.makeup.classes for one in self.rows)


def population(out: Path, *, patients: int, seed: int, today: dt.date = TODAY) -> list[Told]:
    """Return the people of a population as `pdmp synth` writes it."""
    words = f"synth --json --patients {patients} --seed {seed} --today {today} --out".split()
    result = CliRunner().invoke(main, [*words, str(out)])
    assert result.exit_code == 0, result.output
    assert sum(json.loads(result.output)["stories"].values()) == patients
    found: dict[tuple[str, ...], Told] = defaultdict(lambda: Told([], []))
    for file in sorted(out.iterdir()):
        person, shop, dispensed = Told([], []), "", [""]
        for text in file.read_text(encoding="ascii").replace("\n", "").split("~"):
            e = [*text.split("*"), *[""] * 30]
            if e[0] == "PHA":
                shop = e[1]
            elif e[0] == "PAT":
                # The last element of one's name may be spelled without an address: nobody shares all three.
                person = found[(e[7], e[8], e[18])]
            elif e[0] == "DSP":
                dispensed = e
            elif e[0] == "PRE":
                person.rows.append(_row(dispensed, shop, e[1]))
                person.payments.append(dispensed[16])
    return list(found.values())


def _row(e: list[str], shop: str, prescriber: str) -> Row:
    key = " ".join([shop, e[2], e[5], e[6], e[13]])
    made = Dispensation(
        dispensation_id=uuid5(_SPACE, key),
        version=1,
        person_id=uuid5(_SPACE, "person"),
        dispenser_id=uuid5(_SPACE, shop),
        prescriber_id=uuid5(_SPACE, prescriber),
        recorded_at=NOW,
        rx_number=e[2],
        written_on=_date(e[3]) or dt.date.min,
        filled_on=_date(e[5]) or dt.date.min,
        sold_on=_date(e[17]),
        fill_number=int(e[6]),
        refills_authorized=int(e[4]),
        partial_fill=e[13],
        product_qualifier=e[7],
        product_id=e[8],
        quantity=Decimal(e[9]),
        quantity_text=e[9],
        days_supply=int(e[10]),
        dosage_unit=e[11],
        treatment_type=e[24],
    )
    return row(made, mappings())


def _date(text: str) -> dt.date | None:
    return dt.datetime.strptime(text, "%Y%m%d").date() if text else None  # noqa: DTZ007


def levels(one: Picture) -> list[int]:
    """Return the doses a day of the last year in the order of time, those of a week or longer, rounded."""
    long = [round(run.per_day) for run in one.mme.days if (run.last - run.first).days >= 6]
    return [dose for place, dose in enumerate(long) if not place or long[place - 1] != dose]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> list[Told]:
    """The population of `pdmp demo`, as of a fixed day."""
    return population(tmp_path_factory.mktemp("demo"), patients=40, seed=1)


@pytest.fixture(scope="module")
def pictures(demo: list[Told]) -> list[Picture]:
    return [one.picture for one in demo]


def test_the_demonstration_has_opioids_together_with_benzodiazepines(pictures: list[Picture]) -> None:
    days = [one.overlaps.of(Pattern.OPIOID_BENZODIAZEPINE).days for one in pictures]
    assert len([count for count in days if count >= 30]) >= 4
    assert any(one.overlaps.of(Pattern.OPIOID_BENZODIAZEPINE_CARISOPRODOL).days >= 90 for one in pictures)


def test_the_demonstration_has_an_episode_of_many_prescribers(pictures: list[Picture]) -> None:
    seen = [one for one in pictures if any(a.category is Category.MANY_PROVIDERS for a in one.alerts)]
    assert any(len(one.providers.prescribers) >= 6 and len(one.providers.dispensers) >= 6 for one in seen)


def test_the_demonstration_has_high_doses_of_methadone_or_patches_today(demo: list[Told]) -> None:
    high = [
        one
        for one in demo
        if (one.picture.mme_today.total or 0) >= 90
        and any(
            content.name == "methadone" or content.unit == "mcg/h"
            for taken in one.rows
            for content in taken.makeup.contents
        )
    ]
    assert len(high) >= 2


def test_the_demonstration_has_tapers(demo: list[Told], pictures: list[Picture]) -> None:
    def falls(doses: list[int]) -> bool:
        return len(doses) >= 4 and all(later < earlier for earlier, later in pairwise(doses))

    assert len([one for one in pictures if falls(levels(one))]) >= 2


def test_the_demonstration_has_stimulants_and_buprenorphine_today(pictures: list[Picture]) -> None:
    assert len([one for one in pictures if one.stimulants.on(TODAY)]) >= 2
    treated = [
        one
        for one in pictures
        if any(DrugClass.BUPRENORPHINE in s.row.makeup.classes and s.covers(TODAY) for s in one.supplies)
    ]
    assert treated


def test_the_demonstration_has_chronic_and_acute_opioid_therapy(demo: list[Told]) -> None:
    days = []
    for one in demo:
        opioids = [s for s in one.picture.supplies if DrugClass.OPIOID in s.row.makeup.classes]
        if opioids:
            days.append(coverage(opioids, YEAR).days)
    assert len([count for count in days if count >= 180]) >= 4
    assert len([count for count in days if 0 < count <= 20]) >= 4


def test_the_demonstration_has_people_who_pay_cash_and_fills_in_parts(demo: list[Told]) -> None:
    assert any(len(one.payments) >= 6 and set(one.payments) == {"01"} for one in demo)
    assert any("01" not in one.payments for one in demo)
    split = [sum(_in_halves(fill) for fill in fills(one.picture.supplies)) for one in demo]
    assert len([count for count in split if count >= 4]) >= 2


def _in_halves(fill: Fill) -> bool:
    return [part.row.partial_fill for part in fill.parts] == ["01", "02"]


def test_all_drugs_of_a_population_are_known(demo: list[Told]) -> None:
    assert all(taken.makeup.contents for one in demo for taken in one.rows)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**31 - 1), today=st.dates(dt.date(1995, 1, 1), dt.date(2099, 12, 31)))
def test_any_forty_people_have_every_pattern(tmp_path: Path, seed: int, today: dt.date) -> None:
    told = population(tmp_path / "any", patients=AMONG, seed=seed, today=today)
    year = Run(today - dt.timedelta(days=364), today)
    found = [picture(one.rows, rules(mappings()), year) for one in told]
    assert any(one.overlaps.of(Pattern.OPIOID_BENZODIAZEPINE).days >= 30 for one in found)
    assert any(len(one.providers.prescribers) >= 6 and len(one.providers.dispensers) >= 6 for one in found)
    assert any(max((run.per_day for run in one.mme.days), default=0) >= 90 for one in found)
    assert any(len(set(levels(one))) >= 4 for one in found)
    assert sum(one.has(DrugClass.STIMULANT) for one in told) >= SHARES[Story.STIMULANT]
    assert sum(one.has(DrugClass.BUPRENORPHINE) for one in told) >= SHARES[Story.BUPRENORPHINE]
    assert all(1 <= len(one.rows) <= 40 for one in told)


@given(st.integers(0, 2**31 - 1), st.integers(0, 25_000))
def test_each_forty_people_have_the_documented_shares(seed: int, block: int) -> None:
    told = [stories.of(seed, number) for number in range(block * AMONG, (block + 1) * AMONG)]
    assert {story: told.count(story) for story in Story} == SHARES
    lines = [line.split() for line in (stories.__doc__ or "").splitlines() if line.startswith("    ")]
    assert {words[0] for words in lines} == {str(share) for share in SHARES.values()}
