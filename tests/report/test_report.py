"""The formal report says everything that the disclosed resources say, on screen and on paper alike."""

from __future__ import annotations

import datetime as dt
import io
import json
import re
from typing import Any

import pypdf
import pytest

from gateway import report
from gateway.core.disclosure import Entry

MADE = dt.datetime(2026, 11, 20, 17, 4, tzinfo=dt.UTC)
ROW = "01930000-0000-7000-8000-00000000000a"
LATER = "01930000-0000-7000-8000-00000000000b"
PART2 = [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "42CFRPart2"}]


def dispense(key: str, day: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "MedicationDispense",
        "id": key,
        "status": "completed",
        "medicationCodeableConcept": {"text": "oxycodone hydrochloride 10 MG Oral Tablet"},
        "performer": [{"actor": {"reference": "Organization/o1", "display": "Falls City"}}],
        "authorizingPrescription": [
            {"reference": f"MedicationRequest/{key}", "identifier": {"value": "RX-77"}}
        ],
        "quantity": {"value": 62.50, "unit": "mL"},
        "daysSupply": {"value": 30, "unit": "days"},
        "whenPrepared": day,
        "extension": [
            {
                "url": "https://pdmp.example.org/fhir/StructureDefinition/mme-per-day",
                "extension": [{"url": "dose", "valueQuantity": {"value": 49.99}}],
            }
        ],
        **more,
    }


RESOURCES: list[dict[str, Any]] = [
    {
        "resourceType": "Patient",
        "id": "p1",
        "name": [
            {"family": "O’Brien & <b>Söhne", "given": ["Siobhán", "#let"]},
            {"family": "Doyle", "given": ["Siobhán"]},
        ],
        "birthDate": "1951-05-23",
        "gender": "female",
        "address": [{"line": ["45 Sycamore St"], "city": "Louisville", "state": "KY", "postalCode": "40214"}],
    },
    dispense(LATER, "2026-11-02", whenHandedOver="2026-11-03", meta={"security": PART2}),
    dispense(ROW, "2026-10-01", status="in-progress", extension=[]),
    {
        "resourceType": "MedicationRequest",
        "id": LATER,
        "authoredOn": "2026-11-01",
        "requester": {"reference": "Practitioner/d1"},
    },
    {
        "resourceType": "Practitioner",
        "id": "d1",
        "name": [{"family": "Whitaker", "given": ["Silas"]}],
        "telecom": [{"system": "phone", "value": "5025554002"}],
    },
    {
        "resourceType": "Organization",
        "id": "o1",
        "name": "Falls City Apothecary",
        "telecom": [{"system": "phone", "value": "5025550100"}],
    },
    {
        "resourceType": "DetectedIssue",
        "id": "i1",
        "code": {
            "coding": [
                {
                    "system": "https://pdmp.example.org/fhir/CodeSystem/alert-rule",
                    "display": "At least 90 MME",
                }
            ],
            "text": "90 MME a day or more on 3 days",
        },
        "implicated": [{"reference": f"MedicationDispense/{ROW}"}],
        "detail": f"MedicationDispense/{LATER} could not be counted; MedicationDispense/{ROW[:-1]}f.",
    },
    {
        "resourceType": "Observation",
        "id": "f1",
        "code": {"text": "Opioid dose active today"},
        "valueQuantity": {"value": 49.99, "unit": "mg/d"},
        "method": {"text": "CDC 2022"},
        "note": [{"text": f"1 of 2 not counted. MedicationDispense/{ROW}: unknown drug."}],
    },
    {
        "resourceType": "Observation",
        "id": "f2",
        "code": {"text": "From home to a dispenser"},
        "dataAbsentReason": {"coding": [{"display": "Unknown"}]},
    },
]


def made(resources: list[dict[str, Any]]) -> report.Report:
    return report.read(
        [Entry(each["resourceType"], each["id"], json.dumps(each).encode()) for each in resources],
        program="Prescription drug monitoring program, Kentucky",
        requester=report.Requester("Coyle, Margaret (NPI 1999100856)", delegate="Poe, Dana"),
        sources=(
            report.Source("Kentucky", "complete", dt.date(2026, 11, 19)),
            report.Source("Ohio", "did not answer in time"),
        ),
        first=dt.date(2025, 11, 20),
        last=dt.date(2026, 11, 20),
        made_at=MADE,
    )


def words_of_pdf(document: bytes) -> str:
    pages = pypdf.PdfReader(io.BytesIO(document)).pages
    return re.sub(r"\s+", " ", " ".join(page.extract_text() for page in pages))


SAID = [
    "Siobhán",
    "Doyle",
    "1951-05-23",
    "45 Sycamore St, Louisville, KY 40214",
    "Coyle, Margaret (NPI 1999100856)",
    "Poe, Dana",
    "2025-11-20 to 2026-11-20",
    "Kentucky: complete; data current to 2026-11-19",
    "Ohio: did not answer in time",
    "90 MME a day or more on 3 days",
    "row 1 could not be counted; a row not shown",
    "49.99 mg/d",
    "CDC 2022",
    "row 2: unknown drug",
    "From home to a dispenser",
    "2026-11-03",
    "62.5 mL",
    "Whitaker, Silas, 5025554002",
    "Falls City Apothecary, 5025550100",
    "RX-77",
    "42 CFR Part 2",
]


@pytest.mark.parametrize("said", SAID)
def test_page_and_paper_both_say(said: str) -> None:
    document = made(RESOURCES)
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", report.to_html(document, stylesheet="s.css")))
    assert said.replace(": ", ":").replace(" ", "") in page.replace(": ", ":").replace(" ", "")
    paper = words_of_pdf(report.to_pdf(document))
    assert said.replace(" ", "") in paper.replace(" ", "")


def test_names_are_text_never_markup() -> None:
    document = made(RESOURCES)
    assert "<b>Söhne" not in report.to_html(document, stylesheet="s.css")
    assert "<b>Söhne" in words_of_pdf(report.to_pdf(document))
    assert "#let" in words_of_pdf(report.to_pdf(document))


def test_the_paper_is_tagged_titled_and_names_patient_requester_and_page_on_each() -> None:
    many = [
        *RESOURCES,
        *(dispense(f"01930000-0000-7000-8000-0000000{n:05}", "2026-09-01") for n in range(150)),
    ]
    reader = pypdf.PdfReader(io.BytesIO(report.to_pdf(made(many))))
    root = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en-US"
    assert "/StructTreeRoot" in root
    assert b"<pdfuaid:part>1" in root["/Metadata"].get_data()
    assert len(reader.pages) > 3
    for number, page in enumerate(reader.pages, start=1):
        text = re.sub(r"\s+", "", page.extract_text())
        assert "born1951-05-23" in text
        assert "PoeDanaforCoyle" in text.replace(",", "")
        assert f"Page{number}of{len(reader.pages)}" in text


def test_the_same_history_makes_the_same_document() -> None:
    assert report.to_pdf(made(RESOURCES)) == report.to_pdf(made(RESOURCES))


def test_a_history_without_rows_is_never_an_empty_page() -> None:
    empty = made(RESOURCES[:1])
    assert "no proof that none took place" in re.sub(r"\s+", " ", report.to_html(empty, stylesheet="s.css"))
    assert "no proof that none took place" in words_of_pdf(report.to_pdf(empty))
    assert "42 CFR Part 2" not in report.to_html(empty, stylesheet="s.css")
    nobody = made([])
    assert "No person of this name" in report.to_html(nobody, stylesheet="s.css")
    assert "No person of this name" in words_of_pdf(report.to_pdf(nobody))
