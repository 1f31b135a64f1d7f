"""The sample files' daily curves, recomputed to the digit from the records by the rule alone.

The reader here is deliberately not ours: it knows only where an element stands.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from gateway.clinical.mme import Part, of_compound, of_product
from tests.mapping.shapes import mappings

NAMES = (
    "01-opioid-benzo-overlap", "03-methadone-fentanyl", "12-compound", "17-supplies", "18a-sale-not-reported",
    "25-treatment-programme", "26-four-drugs", "27-thresholds", "30-schedule-five-and-partials",
)  # fmt: skip
ON = dt.date(2026, 11, 20)


@pytest.fixture(scope="module")
def overlays() -> Path:
    own = Path(__file__).resolve().parents[1] / "data" / "overlays"
    if own.is_dir():
        return own
    if "ASAP_SAMPLES" not in os.environ:
        pytest.skip("needs ASAP_SAMPLES")
    return Path(os.environ["ASAP_SAMPLES"]) / "overlays"


Curve = dict[dt.date, Fraction]


def curves(path: Path) -> dict[tuple[str, str], Curve]:
    """Return MME by day for each (last name, first name)."""
    result: dict[tuple[str, str], Curve] = defaultdict(lambda: defaultdict(Fraction))
    name, record, ingredients = ("", ""), [""], []

    def close() -> None:
        if record != [""]:
            _add(result[name], record, ingredients)

    for segment in path.read_text(encoding="utf-8").replace("\r", "").replace("\n", "").split("~"):
        e = [*segment.split("*"), *[""] * 30]
        if e[0] in ("PAT", "DSP", "TP"):
            close()
            record, ingredients = [""], []
        if e[0] == "PAT":
            name = (e[7], e[8])
        elif e[0] == "DSP":
            record = e
        elif e[0] == "CDI":
            ingredients.append(Part(mappings().drugs.get(e[3]), Decimal(e[4]), e[5]))
    return result


def _add(curve: Curve, e: list[str], ingredients: list[Part]) -> None:
    days = int(e[10])
    part = Part(mappings().drugs.get(e[8]), Decimal(e[9]), e[11])
    table = mappings().mme
    compound = e[7] == "06"
    dose = of_compound(table, ingredients, days) if compound else of_product(table, part, days)
    if dose.per_day is not None:
        first = dt.datetime.strptime(e[17] or e[5], "%Y%m%d").date()  # noqa: DTZ007
        for day in range(days):
            curve[first + dt.timedelta(day)] += dose.per_day


def expected(truth: dict[str, Any]) -> dict[tuple[str, str], Curve]:
    result: dict[tuple[str, str], Curve] = {}
    for person in truth["patients"]:
        runs = truth["numbers"].get(person["person"], {}).get("daily_mme", [])
        curve = result.setdefault((person["last"], person["first"]), {})
        for run in runs:
            day, last = dt.date.fromisoformat(run["from"]), dt.date.fromisoformat(run["to"])
            while day <= last:
                curve[day] = Fraction(run["mme"])
                day += dt.timedelta(1)
    return result


@pytest.mark.parametrize("name", NAMES)
def test_the_daily_curve_of_a_sample_comes_out_to_the_digit(name: str, overlays: Path) -> None:
    truth = json.loads((overlays / f"{name}.truth.json").read_text(encoding="utf-8"))
    found = {who: dict(curve) for who, curve in curves(overlays / f"{name}.asap").items()}
    if "numbers" in truth:
        for who, curve in expected(truth).items():
            assert found.get(who, {}) == curve
    elif f"mme_on_{ON}" in truth:
        (curve,) = found.values()
        assert curve[ON] == truth[f"mme_on_{ON}"]
    else:
        assert {who[1]: curve[ON] for who, curve in found.items()} == {"Hazel": 47, "Clyde": 45}
