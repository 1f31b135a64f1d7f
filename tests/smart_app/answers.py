"""Answers of `$pdmp-history` as the gateway renders them, built from a few facts a row."""

from __future__ import annotations

import datetime as dt
from typing import Any

PDMP = "http://hl7.org/fhir/us/pdmp/StructureDefinition"
OWN = "https://pdmp.example.org/fhir"
BASE = "http://localhost:18300/fhir"
STATUS = "http://terminology.hl7.org/CodeSystem/PMIXStatusCode"
ABSENT = {
    "extension": [
        {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
    ]
}
PART2 = [
    {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "42CFRPart2"},
    {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "NORDSCLCD"},
    {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"},
]

PRESCRIBERS = {
    "creech": ("Harlan", "Creech", "1999500006", "8595550110"),
    "tackett": ("Imogen", "Tackett", "1999500014", "6065550133"),
    "vance": ("Orville T", "Vance", "1999500022", "5025550171"),
}
PHARMACIES = {
    "nicholasville": ("Nicholasville Road Drug", "Lexington", "1999000031", "8595550102"),
    "levisa": ("Levisa Fork Pharmacy", "Pikeville", "1999000114", "6065550110"),
    "bluegrass-otp": ("Bluegrass Opioid Treatment Program", "Lexington", "1999000262", "8595550190"),
}


def person(ident: str = "person-1", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": ident,
        "meta": {"source": f"{OWN}/sid/source/ky"},
        "identifier": [{"system": f"{OWN}/sid/person", "value": ident}],
        "name": [
            {"use": "official", "family": "FENWICK", "given": ["LORETTA", "M"]},
            {"use": "old", "family": "FENWICK-HOLT", "given": ["LORETTA"]},
        ],
        "gender": "female",
        "birthDate": "1968-04-11",
        "address": [
            {"line": ["2350 Elm St"], "city": "Lexington", "state": "KY", "postalCode": "40503"},
            {
                "use": "old",
                "line": ["18 Tobacco Rd"],
                "city": "Pikeville",
                "state": "KY",
                "postalCode": "41501",
            },
        ],
        **more,
    }


def dispense(
    ident: str,
    drug: str,
    kinds: tuple[str, ...],
    filled: str | None,
    days: int | None,
    quantity: float | int,
    *,
    mme: float | int | None = None,
    sold: str | None = "same",
    unit: str = "each",
    fill: int = 0,
    part: int = 0,
    prescriber: str | None = "creech",
    pharmacy: str | None = "nicholasville",
    payment: str | None = "04",
    part2: bool = False,
    status: str = "completed",
    who: str = "person-1",
    sig: str | None = None,
) -> list[dict[str, Any]]:
    """Return MedicationDispense and MedicationRequest of one row."""
    rx = {
        "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "FILL"}]},
        "system": f"{OWN}/sid/rx/{pharmacy}",
        "value": f"70{ident}",
    }
    extension: list[dict[str, Any]] = []
    if fill:
        extension.append({"url": f"{PDMP}/pdmp-extension-rx-fill-number", "valuePositiveInt": fill})
    if payment:
        coding = {"system": "http://terminology.hl7.org/CodeSystem/PMIXMethodofPayment", "code": payment}
        extension.append({"url": f"{PDMP}/pdmp-extension-method-of-payment", "valueCoding": coding})
    if mme is not None:
        # The guide's figure is never summed: here it is another one on purpose.
        extension.append({"url": f"{PDMP}/pdmp-extension-mme", "valueDecimal": 9999})
        dose = {"value": mme, "unit": "mg/d", "system": "http://unitsofmeasure.org", "code": "mg/d"}
        extension.append(
            {
                "url": f"{OWN}/StructureDefinition/mme-per-day",
                "extension": [
                    {"url": "dose", "valueQuantity": dose},
                    {"url": "table", "valueString": "CDC 2022"},
                ],
            }
        )
    extension += [{"url": f"{OWN}/StructureDefinition/drug-class", "valueCode": kind} for kind in kinds]
    kind = {"coding": [{"code": "FFP" if part else "FFC"}]}
    if part:
        kind["text"] = f"Partial fill {part}"  # type: ignore[assignment]
    medication = {
        "coding": [{"system": "http://hl7.org/fhir/sid/ndc", "code": "00406051201", "userSelected": True}],
        "text": drug,
    }
    resource: dict[str, Any] = {
        "resourceType": "MedicationDispense",
        "id": ident,
        "meta": {"source": f"{OWN}/sid/source/ky", **({"security": PART2} if part2 else {})},
        "extension": extension,
        "identifier": [rx],
        "status": status,
        "type": kind,
        "medicationCodeableConcept": medication,
        "subject": {"reference": f"Patient/{who}"},
        "authorizingPrescription": [{"reference": f"MedicationRequest/{ident}", "identifier": rx}],
        "quantity": {"value": quantity, "unit": unit},
    }
    if pharmacy:
        resource["performer"] = [{"actor": {"reference": f"Organization/{pharmacy}"}}]
    if days is not None:
        resource["daysSupply"] = {"value": days, "unit": "days"}
    if filled:
        resource["whenPrepared"] = filled
    if sold == "same":
        sold = filled
    if sold:
        resource["whenHandedOver"] = sold
    else:
        resource["_whenHandedOver"] = ABSENT
    if sig:
        resource["dosageInstruction"] = [{"text": sig}]
    request: dict[str, Any] = {
        "resourceType": "MedicationRequest",
        "id": ident,
        "status": "unknown",
        "intent": "order",
        "medicationCodeableConcept": medication,
        "subject": {"reference": f"Patient/{who}"},
        "authoredOn": filled,
        "dispenseRequest": {"numberOfRepeatsAllowed": 2},
    }
    if prescriber:
        request["requester"] = {"reference": f"Practitioner/{prescriber}"}
    return [resource, request]


def parties() -> list[dict[str, Any]]:
    npi = "http://hl7.org/fhir/sid/us-npi"
    found: list[dict[str, Any]] = []
    for ident, (given, family, number, phone) in PRESCRIBERS.items():
        found.append(
            {
                "resourceType": "Practitioner",
                "id": ident,
                "identifier": [{"system": npi, "value": number}],
                "name": [{"family": family, "given": given.split()}],
                "telecom": [{"system": "phone", "value": phone}],
            }
        )
    for ident, (name, city, number, phone) in PHARMACIES.items():
        found.append(
            {
                "resourceType": "Organization",
                "id": ident,
                "active": True,
                "identifier": [{"system": npi, "value": number}],
                "name": name,
                "telecom": [{"system": "phone", "value": phone}],
                "address": [{"city": city, "state": "KY"}],
            }
        )
    return found


def history(*resources: dict[str, Any], start: str = "2025-11-20", end: str = "2026-11-20") -> dict[str, Any]:
    """Return the Parameters that carry `resources` in a collection."""
    entries = [{"fullUrl": f"{BASE}/{r['resourceType']}/{r['id']}", "resource": r} for r in resources]
    return {
        "resourceType": "Parameters",
        "parameter": [
            {
                "name": "pdmp-history-data",
                "extension": [
                    {
                        "url": f"{PDMP}/pdmp-activity-period-extension",
                        "valuePeriod": {"start": start, "end": end},
                    }
                ],
                "resource": {"resourceType": "Bundle", "type": "collection", "entry": entries},
            }
        ],
    }


def outcome(status: str, severity: str, code: str, text: str) -> dict[str, Any]:
    issue = {
        "severity": severity,
        "code": code,
        "details": {"coding": [{"system": STATUS, "code": status}]},
        "diagnostics": text,
    }
    resource = {"resourceType": "OperationOutcome", "issue": [issue]}
    return {"resourceType": "Parameters", "parameter": [{"name": "outcome", "resource": resource}]}


NO_DATA = outcome("no-data", "information", "informational", "No dispensation was found.")
AMBIGUOUS = outcome(
    "error",
    "error",
    "multiple-matches",
    "It cannot be told which person is meant. One of these would settle it: address, phone.",
)
DISALLOWED = outcome("disallowed", "error", "forbidden", "The practitioner has no active account.")


def rich() -> dict[str, Any]:
    """Return a year that shows everything the page can show."""
    rows: list[dict[str, Any]] = []
    oxycodone = "oxycodone hydrochloride 10 MG Oral Tablet"
    first = dt.date(2026, 1, 8)
    for month in range(10):
        filled = (first + dt.timedelta(days=30 * month - (2 if month % 3 == 2 else 0))).isoformat()
        rows += dispense(
            f"ox{month:02d}",
            oxycodone,
            ("opioid",),
            filled,
            30,
            120,
            mme=60,
            fill=0,
            sold=None if month == 8 else filled,
            payment="04" if month % 4 else "01",
            sig="1 tablet every 6 hours as needed for pain",
        )
    rows += dispense("ox98", oxycodone, ("opioid",), "2026-10-30", 30, 120, mme=60, sold="2026-11-01")
    rows += dispense(
        "al01", "alprazolam 1 MG Oral Tablet", ("sedative",), "2026-03-02", 30, 60, prescriber="tackett"
    )
    rows += dispense(
        "al02",
        "alprazolam 1 MG Oral Tablet",
        ("sedative",),
        "2026-10-28",
        30,
        60,
        fill=1,
        prescriber="tackett",
        pharmacy="levisa",
        payment="01",
    )
    hydrocodone = "hydrocodone bitartrate 10 MG / acetaminophen 325 MG Oral Tablet"
    for part, (filled, days, quantity) in enumerate((("2026-05-14", 7, 28), ("2026-05-21", 8, 32)), start=1):
        rows += dispense(
            f"hy{part:02d}",
            hydrocodone,
            ("opioid",),
            filled,
            days,
            quantity,
            mme=40,
            part=part,
            prescriber="vance",
            pharmacy="levisa",
        )
    rows += dispense(
        "bu01",
        "buprenorphine 8 MG / naloxone 2 MG Sublingual Film",
        ("buprenorphine",),
        "2026-08-03",
        14,
        28,
        prescriber="vance",
        pharmacy="bluegrass-otp",
        part2=True,
        payment="02",
    )
    rows += dispense(
        "am01",
        "amphetamine aspartate 5 MG / amphetamine sulfate 5 MG Oral Tablet",
        ("stimulant",),
        "2026-02-11",
        30,
        60,
        prescriber="tackett",
        payment=None,
    )
    rows += dispense(
        "co01",
        "codeine phosphate 2 MG/ML / guaifenesin 20 MG/ML Oral Solution",
        ("opioid",),
        "2026-11-10",
        None,
        240,
        unit="mL",
        sold=None,
        prescriber=None,
    )
    rows += dispense("un01", "Unknown drug (NDC 99999999901)", (), "2026-11-12", 10, 20, pharmacy="levisa")
    return history(person(), *rows, *parties())
