"""A jurisdiction that names other tables: doses by CDC 2016, lorazepam equivalents; from file to answer."""

from __future__ import annotations

import json
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway.embedded import Urls
from tests.conftest import make_settings
from tests.fhir_api import asap, bodies
from tests.fhir_api.conftest import open_gateway
from tests.mapping.shapes import FOLDER
from tests.support.databases import TestDatabase

# NDC, quantity for 30 days, MME a day by CDC 2016 and by CDC 2022 (None: no opioid).
DISPENSED = {
    "6010001": ("00093005801", 120, "20", "40"),  # tramadol 50 mg: factor 0.1, not 0.2
    "6010002": ("00054457125", 90, "240", "141"),  # methadone 10 mg: 30 mg a day, band 8, not 4.7
    "6010003": ("00054026425", 60, "32", "40"),  # hydromorphone 4 mg: factor 4, not 5
    "6010004": ("00378912198", 15, "90", "60"),  # fentanyl 25 mcg/h: each patch 7.2, not one at 2.4
    "6010005": ("10702005601", 120, "60", "60"),  # oxycodone 10 mg: the same
    "6010006": ("00228203110", 60, None, None),  # alprazolam 1 mg: LME 2 x 2
}
PERSON = "PAT**07*999700401****Noble*Iris****3 Cedar Lane**Paris*KY*40361*8595553801*19600315*F*01*01~"


@pytest.fixture(scope="module")
def mappings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("tables") / "mappings"
    shutil.copytree(FOLDER, copy)
    table = copy / "jurisdictions" / "ky.toml"
    text = table.read_text(encoding="utf-8")
    named = 'mme_table = "CDC 2022"'
    assert named in text
    table.write_text(
        text.replace(named, 'mme_table = "CDC 2016"\nlme_table = "MDCalc-derived"'), encoding="utf-8"
    )
    return copy


@pytest.fixture(scope="module")
def answer(
    servers: Urls, module_database: TestDatabase, mappings: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, Any]]:
    """The resources of one person's history, figures included."""
    settings = make_settings(
        servers, module_database, tmp_path_factory.mktemp("other"), PDMP_MAPPINGS=str(mappings)
    )
    segments = [PERSON]
    for rx, (ndc, quantity, _, _) in DISPENSED.items():
        segments += asap.fill(rx, "20261104", ndc, quantity, asap.CREECH)
    with open_gateway(settings) as made:
        assert asap.report(made.services, "B-1", segments)["refused"] == 0
        patient = bodies.patient("Noble", "Iris", "1960-03-15", **bodies.ssn("999700401"))
        body = bodies.parameters(patient, computed_facts={"valueBoolean": True})
        got = made.caller().history(body)
    assert got.status_code == 200, got.text
    parts = json.loads(got.data, parse_float=Decimal)["parameter"]
    (data,) = [part for part in parts if part["name"] == "pdmp-history-data"]
    return [entry["resource"] for entry in data["resource"]["entry"]]


def doses(answer: list[dict[str, Any]]) -> dict[str, tuple[str, str] | None]:
    """Return (MME a day, table) by prescription number, as our own extension says it."""
    found: dict[str, tuple[str, str] | None] = {}
    for one in answer:
        if one["resourceType"] == "MedicationDispense":
            said = None
            for extension in one.get("extension", ()):
                if extension["url"].endswith("/fhir/StructureDefinition/mme-per-day"):
                    parts = {part["url"]: part for part in extension["extension"]}
                    said = f"{parts['dose']['valueQuantity']['value']}", parts["table"]["valueString"]
            found[one["identifier"][0]["value"]] = said
    return found


def fact(answer: list[dict[str, Any]], code: str) -> dict[str, Any]:
    (found,) = [
        one
        for one in answer
        if one["resourceType"] == "Observation" and one["code"]["coding"][0]["code"] == code
    ]
    return found


def test_each_dispensation_has_the_dose_of_the_table_that_the_jurisdiction_names(
    answer: list[dict[str, Any]],
) -> None:
    expected = {rx: old and (old, "CDC 2016") for rx, (_, _, old, _) in DISPENSED.items()}
    assert doses(answer) == expected


def test_the_sum_of_the_day_is_that_tables_and_says_so(answer: list[dict[str, Any]]) -> None:
    today = fact(answer, "mme-today")
    assert today["valueQuantity"]["value"] == sum(Decimal(old) for _, _, old, _ in DISPENSED.values() if old)
    assert "CDC 2016" in json.dumps(today, default=str)
    assert "CDC 2022" not in json.dumps(
        [one for one in answer if one["resourceType"] == "Observation"], default=str
    )


def test_alerts_of_the_dose_name_that_table(answer: list[dict[str, Any]]) -> None:
    issues = [one for one in answer if one["resourceType"] == "DetectedIssue"]
    dose = [one for one in issues if "mme" in one["code"]["coding"][1]["code"]]
    assert dose
    assert all("CDC 2016" in json.dumps(one, default=str) for one in dose)


def test_lorazepam_equivalents_are_told_by_the_named_table(answer: list[dict[str, Any]]) -> None:
    today = fact(answer, "lme-today")
    assert today["valueQuantity"]["value"] == 4  # alprazolam 2 mg a day x 2
    assert "MDCalc-derived" in json.dumps(today, default=str)


def test_kentuckys_own_table_gives_the_other_doses() -> None:
    from gateway.clinical.mme import Part, of_product
    from tests.mapping.shapes import mappings as kentucky

    m = kentucky()
    found = {
        rx: of_product(m.mme, Part(m.drugs[ndc], Decimal(quantity), "01"), 30).per_day
        for rx, (ndc, quantity, _, _) in DISPENSED.items()
    }
    assert found == {rx: new and Decimal(new) for rx, (_, _, _, new) in DISPENSED.items()}
