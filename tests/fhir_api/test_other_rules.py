"""A jurisdiction with rules of its own: supplies begin when filled, early fills are named; file to answer."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gateway.embedded import Urls
from tests.conftest import make_settings
from tests.fhir_api import asap, bodies
from tests.fhir_api.answered import Answer
from tests.fhir_api.conftest import open_gateway
from tests.fhir_api.overlays import history
from tests.mapping.shapes import FOLDER
from tests.support.databases import TestDatabase

PERSON = "PAT**07*999700402****Noble*Iris****3 Cedar Lane**Paris*KY*40361*8595553801*19600316*F*01*01~"
SEGMENTS = [
    PERSON,
    # To 30 October. The next one was made ready 5 days before that and fetched on 1 November.
    *asap.fill("6020001", "20261001", asap.ALPRAZOLAM, 60, asap.CREECH),
    *asap.fill("6020002", "20261026", asap.ALPRAZOLAM, 60, asap.CREECH, sold="20261101"),
    *asap.fill("6020003", "20261104", asap.OXYCODONE, 120, asap.CREECH, sold=""),
]
OWN = '[alerts.early_fill]\ndays = {days}\nsource = "Program rule 7"\n\n[alerts.naive]'


def answered(servers: Urls, database: TestDatabase, folder: Path, starts: str, days: int | None) -> Answer:
    copy = folder / "mappings"
    shutil.copytree(FOLDER, copy)
    table = copy / "jurisdictions" / "ky.toml"
    text = table.read_text(encoding="utf-8")
    assert 'supply_starts = "sold"' in text
    assert "[alerts.naive]" in text
    text = text.replace('supply_starts = "sold"', f'supply_starts = "{starts}"')
    if days is not None:
        text = text.replace("[alerts.naive]", OWN.format(days=days))
    table.write_text(text, encoding="utf-8")
    with open_gateway(make_settings(servers, database, folder / "home", PDMP_MAPPINGS=str(copy))) as made:
        assert asap.report(made.services, "C-1", SEGMENTS)["refused"] == 0
        return history(made, "Noble", "Iris", "1960-03-16", **bodies.ssn("999700402"))


@pytest.fixture(scope="module")
def filled(servers: Urls, module_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> Answer:
    """Supplies begin when filled; a fill is early from five days on."""
    return answered(servers, module_database, tmp_path_factory.mktemp("filled"), "filled", 5)


@pytest.fixture
def sold(servers: Urls, database: TestDatabase, tmp_path: Path) -> Answer:
    """Kentucky's own rules, with the same records."""
    return answered(servers, database, tmp_path, "sold", None)


def left(answer: Answer, rx: str) -> int:
    (one,) = [
        o
        for o in answer.of("Observation")
        if o["code"]["coding"][0]["code"] == "days-supply-left"
        and answer.rows([e["valueReference"] for e in o["extension"]]) == {rx}
    ]
    return int(one["valueQuantity"]["value"])


def test_a_supply_begins_on_the_day_that_the_jurisdiction_says(filled: Answer, sold: Answer) -> None:
    assert left(filled, "6020002") == 5  # 26 October to 24 November
    assert left(sold, "6020002") == 11  # 1 to 30 November


def test_an_early_fill_is_named_by_the_configured_number_of_days(filled: Answer) -> None:
    alert = filled.alerts["early-fill"]
    assert alert["code"]["coding"][0]["code"] == "04"
    assert alert["code"]["text"] == "Filled 5 days early on 2026-10-26"
    assert "Program rule 7" in alert["detail"]
    assert filled.rows(alert["implicated"]) == {"6020001", "6020002"}
    assert "Program rule 7" in filled.facts["early-fills"]["note"][0]["text"]


def test_without_a_configured_number_nothing_is_named(sold: Answer) -> None:
    assert not [code for code in sold.alerts if code.startswith("early")]
    assert sold.value("early-fills") == 0
    assert "no number of days is published or configured" in sold.facts["early-fills"]["note"][0]["text"]


def test_a_row_without_a_day_of_sale_says_so_in_the_row_and_beside_the_dose(sold: Answer) -> None:
    (unsold,) = [d for d in sold.of("MedicationDispense") if d["identifier"][0]["value"] == "6020003"]
    assert "whenHandedOver" not in unsold
    assert unsold["_whenHandedOver"]["extension"][0]["valueCode"] == "unknown"
    notes = [note["text"] for note in sold.facts["mme-today"]["note"]]
    assert f"MedicationDispense/{unsold['id']}: pick-up not reported; counted from the day filled." in notes
    assert sum("pick-up not reported" in note for note in notes) == 1
