"""The people of a sample file, as rows of arithmetic: a splitter that knows where an element stands.

Deliberately not ingest's: the golden figures must not depend on how we read files.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest

from gateway.clinical.picture import Rules
from gateway.clinical.row import Row
from gateway.clinical.supplies import Starts, Supply, supplies
from gateway.core.records import Dispensation, Ingredient
from gateway.mapping.rows import row
from tests.mapping.shapes import NOW, mappings

TODAY = dt.date(2026, 11, 20)
PROGRAMMES = {"RS9002116"}
_SPACE = UUID("01930000-0000-7000-8000-000000000000")


def rules() -> Rules:
    """Kentucky's."""
    m = mappings()
    return Rules(Starts(m.jurisdiction.supply_starts), m.mme.name, m.jurisdiction.alerts, m.lme)


def overlays() -> Path:
    """The folder of the overlays; the test skips without one."""
    own = Path(__file__).resolve().parents[1] / "data" / "overlays"
    if own.is_dir():
        return own
    if "ASAP_SAMPLES" not in os.environ:
        pytest.skip("needs ASAP_SAMPLES")
    return Path(os.environ["ASAP_SAMPLES"]) / "overlays"


def truth(name: str) -> dict[str, Any]:
    path = next(overlays().glob(f"{name}-*.truth.json"))
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


@cache
def people(name: str) -> dict[str, tuple[Row, ...]]:
    """Return the rows of each person of overlay `name`, by first name; an animal by its own."""
    path = next(overlays().glob(f"{name}-*.asap"))
    found: dict[str, list[Dispensation]] = {}
    person, dispenser = "", ["", ""]
    text = path.read_text(encoding="utf-8").replace("\r", "").replace("\n", "")
    for segment in text.split("~"):
        e = [*segment.split("*"), *[""] * 30]
        if e[0] == "PHA":
            dispenser = [e[2] or e[1], e[3]]
        elif e[0] == "PAT":
            person = e[23] if e[20] == "02" and e[23] else e[22] if e[20] == "02" else e[8]
        elif e[0] == "DSP":
            found.setdefault(person, []).append(_dispensation(e, dispenser))
        elif e[0] == "PRE":
            found[person][-1] = replace(found[person][-1], prescriber_id=_id(f"prescriber {e[1]}"))
        elif e[0] == "CDI":
            found[person][-1].ingredients.append(Ingredient(int(e[1]), e[2], e[3], Decimal(e[4]), e[4], e[5]))
    return {who: tuple(row(d, mappings()) for d in listed) for who, listed in found.items()}


def history(name: str, who: str) -> tuple[Supply, ...]:
    """Return one person's supplies by Kentucky's rule."""
    return supplies(people(name)[who], Starts.SOLD)


def first_names(name: str) -> dict[str, str]:
    """Return the first name of each `person` of the truth."""
    return {p["person"]: p["first"] for p in truth(name)["patients"]}


def label(one: Row) -> str:
    """Return how the truth files name a dispensation among those of its prescription."""
    if one.partial_fill not in ("00", ""):
        return f"{one.rx_number}/{one.partial_fill}"
    return f"{one.rx_number} fill {one.fill_number}" if one.fill_number else one.rx_number


def _dispensation(e: list[str], dispenser: list[str]) -> Dispensation:
    return Dispensation(
        dispensation_id=_id(" ".join([dispenser[0], e[2], e[5], e[6], e[13]])),
        version=1,
        person_id=_id("person"),
        dispenser_id=_id(f"dispenser {dispenser[0]}"),
        prescriber_id=_id("prescriber"),
        recorded_at=NOW,
        rx_number=e[2],
        written_on=_date(e[3]) or dt.date.min,
        filled_on=_date(e[5]) or dt.date.min,
        sold_on=_date(e[17]),
        fill_number=int(e[6]),
        refills_authorized=int(e[4] or 0),
        partial_fill=e[13],
        product_qualifier=e[7],
        product_id=e[8],
        quantity=Decimal(e[9]),
        quantity_text=e[9],
        days_supply=int(e[10]),
        dosage_unit=e[11],
        sig=e[23],
        treatment_type=e[24],
        restriction="part2" if dispenser[1] in PROGRAMMES else None,
    )


def _id(text: str) -> UUID:
    return uuid5(_SPACE, text)


def _date(text: str) -> dt.date | None:
    return dt.date(int(text[:4]), int(text[4:6]), int(text[6:])) if text else None
