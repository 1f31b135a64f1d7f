"""What the PDMP computed is shown as it was answered, leads to its rows, and is not computed again."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest

from smart_app import history
from smart_app.formats import exact
from tests.smart_app import answers
from tests.smart_app.conftest import Browser, Stage
from tests.smart_app.test_page import words

OXYCODONE = answers.dispense("r1", "oxycodone 10 MG", ("opioid",), "2026-11-01", 30, 120, mme=60)
ALPRAZOLAM = answers.dispense("r2", "alprazolam 1 MG", ("sedative",), "2026-11-02", 30, 60)


def alert(*rows: str) -> dict[str, Any]:
    return {
        "resourceType": "DetectedIssue",
        "id": "a1",
        "status": "final",
        "code": {
            "coding": [{"system": "x", "code": "05", "display": "MME alert"}],
            "text": "50 MME a day or more on 30 days",
        },
        "implicated": [{"reference": f"MedicationDispense/{row}"} for row in rows],
        "detail": "Rule: At least 50 MME a day (CDC <2022>).",
    }


def figure(code: str, text: str, value: dict[str, Any], *rows: str, notes: tuple[str, ...] = ()) -> Any:
    system = f"{answers.OWN}/CodeSystem/computed-fact"
    supporting = "http://hl7.org/fhir/StructureDefinition/workflow-supportingInfo"
    return {
        "resourceType": "Observation",
        "id": f"o-{code}",
        "status": "final",
        "extension": [
            {"url": supporting, "valueReference": {"reference": f"MedicationDispense/{row}"}} for row in rows
        ],
        "code": {"coding": [{"system": system, "code": code}], "text": text},
        "method": {"text": "CDC 2022"},
        "note": [{"text": note} for note in notes],
        **value,
    }


def quantity(value: float | int, unit: str = "mg/d") -> dict[str, Any]:
    return {"valueQuantity": {"value": value, "unit": unit}}


ABSENT = {"dataAbsentReason": {"coding": [{"code": "unknown"}]}}


def opened(stage: Stage, browser: Browser, *computed: dict[str, Any]) -> str:
    resources = copy.deepcopy([*OXYCODONE, *ALPRAZOLAM, *answers.parties()])
    stage.gateway.answer = answers.history(answers.person(), *resources, *computed)
    return browser.open(stage.hospital).text


def test_the_figures_are_asked_for(stage: Stage, browser: Browser) -> None:
    browser.open(stage.hospital)
    asked = {part["name"]: part for part in stage.gateway.calls[0][1]["parameter"]}
    assert asked["computed-facts"] == {"name": "computed-facts", "valueBoolean": True}


def test_an_alert_says_its_finding_its_rule_and_leads_to_its_rows(stage: Stage, browser: Browser) -> None:
    page = opened(stage, browser, alert("r1"))
    section = page.split('<section class="alerts"')[1].split("</section>")[0]
    assert "50 MME a day or more on 30 days" in words(section)
    assert "At least 50 MME a day (CDC &lt;2022&gt;)" in section
    (row,) = re.findall(r'href="#(row-\d+)">01 Nov 2026<', section)
    assert "oxycodone 10 MG" in page.split(f'id="{row}"')[1].split("</tr>")[0]


def test_an_alert_of_many_rows_keeps_all_of_them(stage: Stage, browser: Browser) -> None:
    rows: list[dict[str, Any]] = []
    for i in range(30):
        rows += answers.dispense(f"x{i}", "drug", ("opioid",), "2026-05-01", 30, 10, mme=5)
    stage.gateway.answer = answers.history(answers.person(), *rows, alert(*(f"x{i}" for i in range(30))))
    section = browser.open(stage.hospital).text.split('<section class="alerts"')[1].split("</section>")[0]
    assert "30 rows" in words(section)
    assert "and 22 more" in words(section)
    assert len(set(re.findall(r'href="#row-(\d+)"', section))) == 30


def test_the_dose_of_today_is_the_answers_and_not_this_apps_sum(stage: Stage, browser: Browser) -> None:
    notes = ("1 of 2 not counted. MedicationDispense/r2: unknown drug.", "Counts fills from 2025-11-20 on.")
    told = figure("mme-today", "Opioid dose active today", quantity(49.99), "r1", "r2", notes=notes)
    text = words(opened(stage, browser, told))
    assert "Opioid dose active today 49.99 MME mg/day CDC 2022 · 1 of 2 not counted" in text
    assert "alprazolam 1 MG, 02 Nov 2026 : unknown drug." in text


def test_a_figure_that_is_not_known_is_not_shown_as_none(stage: Stage, browser: Browser) -> None:
    told = figure("mme-today", "Dose", ABSENT, "r1", notes=("1 of 1 not counted. x",))
    text = words(opened(stage, browser, told))
    assert "Opioid dose active today Unknown 1 of 1 not counted" in text


def test_without_figures_the_app_sums_what_it_can(stage: Stage, browser: Browser) -> None:
    text = words(opened(stage, browser))
    assert "Opioid dose active today 60 MME mg/day" in text
    assert "PDMP alerts" not in text
    assert "Every figure" not in text


def test_peak_overlaps_and_early_fills_stand_beside_the_counts(stage: Stage, browser: Browser) -> None:
    page = opened(
        stage,
        browser,
        figure("mme-peak", "Highest dose", quantity(89.999)),
        figure("overlap-opioid+benzodiazepine", "Opioid + benzodiazepine together", quantity(1, "days")),
        figure("overlap-z-drug", "Z-drug", quantity(0, "days")),
        figure("early-fills", "Early fills", {"valueInteger": 2}),
    )
    line = words(page.split('<ul class="told">')[1].split("</ul>")[0])
    assert "Highest dose in the period 89.99 MME mg/day" in line
    assert "Opioid + benzodiazepine together 1 day " in line
    assert "Early fills 2" in line
    assert "Z-drug" not in line
    assert words(page.split('<details class="figures">')[1]).count("Z-drug") == 1


def test_the_farthest_dispenser_is_named_and_what_is_not_known_is_said(
    stage: Stage, browser: Browser
) -> None:
    title = "From home to a dispenser"
    near, far, unknown = (
        {**figure("distance-dispenser", title, value, row), "id": f"o-{n}"}
        for n, (value, row) in enumerate(
            [(quantity(1, "miles"), "r1"), (quantity(86, "miles"), "r2"), (ABSENT, "r1")]
        )
    )
    line = words(opened(stage, browser, near, far, unknown).split('<ul class="told">')[1].split("</ul>")[0])
    assert "Farthest dispenser from home 86 miles between ZIP areas" in line
    assert "1 of 3 not known" in line
    assert "prescriber from home" not in line
    line = words(opened(stage, browser, near).split('<ul class="told">')[1].split("</ul>")[0])
    assert "Farthest dispenser from home 1 mile between ZIP areas" in line
    assert "not known" not in line


def test_without_a_distance_the_page_says_nothing_of_one(stage: Stage, browser: Browser) -> None:
    assert "from home" not in opened(stage, browser)
    unknown = figure("distance-dispenser", "From home to a dispenser", ABSENT, "r1")
    assert "Farthest" not in opened(stage, browser, unknown)


def test_an_observation_of_somebody_else_is_counted_as_unread() -> None:
    other = {"resourceType": "Observation", "id": "o", "code": {"text": "Body weight"}, **quantity(70, "kg")}
    read = history.read(answers.history(answers.person(), *OXYCODONE, other))
    assert (read.figures, read.unread) == ((), 1)


@pytest.mark.parametrize(
    ("sent", "shown"),
    [("50", "50"), ("49.999999999", "49.99"), ("89.999999999", "89.99"), ("0.001", "under 0.01"), ("0", "0")],
)
def test_exact_figures_are_cut_and_never_rounded_up(sent: str, shown: str) -> None:
    from decimal import Decimal

    assert exact(Decimal(sent)) == shown
