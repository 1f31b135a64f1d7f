"""Resources that are wrong in one place each: the validator must refuse every one, or it proves nothing."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.hl7.validator import Validator
from tests.mapping.shapes import SHAPES

pytestmark = [pytest.mark.java, pytest.mark.slow]

FILL_NUMBER = "http://hl7.org/fhir/us/pdmp/StructureDefinition/pdmp-extension-rx-fill-number"
TREATMENT = "http://hl7.org/fhir/us/pdmp/StructureDefinition/pdmp-extension-opioid-treatment-code"
Resource = dict[str, Any]
Change = Callable[[Resource], object]


def put(**values: Any) -> Change:
    return lambda resource: resource.update(values)


def drop(*names: str) -> Change:
    return lambda resource: [resource.pop(name) for name in names]


#: name -> (golden shape, its part, what is broken). One fault each.
BROKEN: dict[str, tuple[str, str, Change]] = {
    "dispense-without-performer": ("tablet", "dispense", drop("performer")),
    "dispense-of-a-strange-status": ("tablet", "dispense", put(status="done")),
    "dispense-without-a-status": ("tablet", "dispense", drop("status")),
    "dispense-without-a-drug": ("tablet", "dispense", drop("medicationCodeableConcept")),
    "dispense-without-a-subject": ("tablet", "dispense", drop("subject")),
    "dispense-without-a-quantity": ("tablet", "dispense", drop("quantity")),
    "dispense-of-an-unnamed-unit": ("tablet", "dispense", put(quantity={"value": 30})),
    "dispense-of-a-quantity-in-words": ("tablet", "dispense", put(quantity={"value": "30", "unit": "each"})),
    "dispense-without-days": ("tablet", "dispense", drop("daysSupply")),
    "dispense-without-a-day-of-filling": ("tablet", "dispense", drop("whenPrepared")),
    "dispense-completed-but-never-handed-over": ("tablet", "dispense", drop("whenHandedOver")),
    "dispense-sold-before-it-was-filled": ("tablet", "dispense", put(whenHandedOver="2026-11-01")),
    "dispense-filled-on-no-day": ("tablet", "dispense", put(whenPrepared="2026-02-30")),
    "dispense-of-an-unknown-extension": (
        "tablet", "dispense", put(extension=[{"url": "https://example.org/none", "valueCode": "x"}]),
    ),
    "dispense-of-the-fill-zero": (
        "tablet", "dispense", put(extension=[{"url": FILL_NUMBER, "valuePositiveInt": 0}]),
    ),
    "dispense-of-two-fill-numbers": (
        "tablet", "dispense", put(extension=[{"url": FILL_NUMBER, "valuePositiveInt": n} for n in (1, 2)]),
    ),
    "dispense-of-an-unheard-of-treatment": (
        "tablet",
        "dispense",
        put(extension=[{"url": TREATMENT, "valueCoding": {"system": "http://example.org", "code": "77"}}]),
    ),
    "dispense-by-a-performer-who-is-nobody": (
        "tablet", "dispense", put(performer=[{"actor": {"display": "Falls City"}}]),
    ),
    "dispense-with-an-element-of-no-type": ("tablet", "dispense", put(dispensedBy="me")),
    "dispense-to-nobody-in-particular": ("tablet", "dispense", put(subject="Ada")),
    "patient-without-a-name": ("person-renamed", "patient", drop("name")),
    "patient-without-a-birth-date": ("person-renamed", "patient", drop("birthDate")),
    "patient-born-in-a-year": ("person-renamed", "patient", put(birthDate="1951")),
    "patient-without-an-identifier": ("person-renamed", "patient", drop("identifier")),
    "patient-without-a-gender": ("person-renamed", "patient", drop("gender")),
    "patient-of-a-gender-unheard-of": ("person-renamed", "patient", put(gender="f")),
    "patient-without-a-given-name": ("person-renamed", "patient", put(name=[{"family": "Turpin"}])),
    "pharmacy-without-a-name": ("pharmacy", "organization", drop("name")),
    "pharmacy-that-may-be-closed": ("pharmacy", "organization", drop("active")),
    "pharmacy-of-a-short-npi": (
        "pharmacy",
        "organization",
        put(identifier=[{"system": "http://hl7.org/fhir/sid/us-npi", "value": "199900001"}]),
    ),
    "prescriber-of-an-npi-that-fails-luhn": (
        "prescriber",
        "practitioner",
        put(identifier=[{"system": "http://hl7.org/fhir/sid/us-npi", "value": "1999500023"}]),
    ),
    "prescriber-without-a-name": ("prescriber", "practitioner", drop("name")),
    "order-without-a-requester": ("tablet", "request", drop("requester")),
    "order-of-no-intent": ("tablet", "request", drop("intent")),
}  # fmt: skip


def test_every_broken_resource_is_refused_and_its_whole_one_is_not(
    validator: Validator, fhir_package_cache: Path, own_definitions: Path, tmp_path: Path
) -> None:
    assert len(BROKEN) >= 25
    for name, (shape, part, change) in BROKEN.items():
        whole = json.loads(SHAPES[shape]()[part])
        broken = copy.deepcopy(whole)
        change(broken)
        (tmp_path / f"{name}.json").write_text(json.dumps(broken), encoding="utf-8")
        (tmp_path / f"whole-{shape}-{part}.json").write_text(json.dumps(whole), encoding="utf-8")
    found = list(validator.run(tmp_path, fhir_package_cache, own_definitions))
    refused = {m["file"].removesuffix(".json") for m in found if m["severity"] in ("error", "fatal")}
    assert refused == set(BROKEN)
