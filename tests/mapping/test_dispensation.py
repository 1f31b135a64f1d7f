"""What a dispensation becomes, rule by rule."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.records import Dispensation, Ingredient
from gateway.mapping.dispensation import facts, render_dispense, render_request
from tests.mapping.shapes import BASE, compound, dispensation, mappings, uid

PDMP = "http://hl7.org/fhir/us/pdmp/StructureDefinition/"
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


def dispense(d: Dispensation) -> dict[str, Any]:
    resource: dict[str, Any] = json.loads(render_dispense(d, mappings()), parse_float=Decimal)
    return resource


def request(d: Dispensation) -> dict[str, Any]:
    resource: dict[str, Any] = json.loads(render_request(d, mappings()), parse_float=Decimal)
    return resource


def extensions(resource: dict[str, Any], url: str) -> list[dict[str, Any]]:
    return [e for e in resource.get("extension", []) if e["url"] == url]


def guide_mme(d: Dispensation) -> list[Any]:
    return [e["valueDecimal"] for e in extensions(dispense(d), f"{PDMP}pdmp-extension-mme")]


def own_mme(d: Dispensation) -> list[Any]:
    own = extensions(dispense(d), f"{BASE}/fhir/StructureDefinition/mme-per-day")
    return [e["extension"][0]["valueQuantity"]["value"] for e in own]


@pytest.mark.parametrize("text", ["90.00", "90", "0.5", "629.93", "120.000", "12345678.90", "0", "100"])
def test_the_quantity_is_the_number_as_sent(text: str) -> None:
    body = render_dispense(dispensation(quantity=Decimal(text), quantity_text=text), mappings())
    assert f'"quantity":{{"value":{text},"unit":"each"}}'.encode() in body


@pytest.mark.parametrize(
    ("text", "shown"), [(".5", "0.5"), ("30.", "30"), ("007", "7"), ("1E2", "100"), ("+3.0", "3.0")]
)
def test_a_quantity_that_json_cannot_write_as_sent_keeps_its_value(text: str, shown: str) -> None:
    body = render_dispense(dispensation(quantity=Decimal(text), quantity_text=text), mappings())
    assert f'"quantity":{{"value":{shown},"unit"'.encode() in body


@given(st.decimals(min_value=0, max_value=99999999, places=3, allow_nan=False))
def test_any_quantity_comes_back_equal_and_with_as_many_places(value: Decimal) -> None:
    shown = dispense(dispensation(quantity=value, quantity_text=str(value)))["quantity"]["value"]
    assert str(Decimal(shown)) == format(value, "f")


def test_each_has_neither_system_nor_code() -> None:
    assert dispense(dispensation())["quantity"] == {"value": 120, "unit": "each"}


@pytest.mark.parametrize(("code", "unit"), [("02", "mL"), ("03", "g")])
def test_measured_units_are_ucum(code: str, unit: str) -> None:
    quantity = dispense(dispensation(dosage_unit=code))["quantity"]
    assert quantity == {"value": 120, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}


def test_a_unit_that_was_not_reported_is_absent_with_its_reason() -> None:
    quantity = dispense(dispensation(dosage_unit=""))["quantity"]
    assert quantity["_unit"]["extension"] == [{"url": ABSENT, "valueCode": "unknown"}]


def test_an_original_fill_has_no_fill_number() -> None:
    assert extensions(dispense(dispensation()), f"{PDMP}pdmp-extension-rx-fill-number") == []


def test_a_refill_carries_its_number() -> None:
    found = extensions(dispense(dispensation(fill_number=3)), f"{PDMP}pdmp-extension-rx-fill-number")
    assert [e["valuePositiveInt"] for e in found] == [3]


@pytest.mark.parametrize(
    ("fill", "partial", "code", "text"),
    [
        (0, "00", "FFC", None),
        (0, "01", "FFP", "Partial fill 1"),
        (2, "00", "RFC", None),
        (2, "12", "RFP", "Partial fill 12"),
    ],
)
def test_the_type_says_original_or_refill_whole_or_part(
    fill: int, partial: str, code: str, text: str | None
) -> None:
    kind = dispense(dispensation(fill_number=fill, partial_fill=partial))["type"]
    assert kind["coding"][0]["code"] == code
    assert kind.get("text") == text


def test_a_sale_that_was_not_reported_is_completed_with_an_unknown_handing_over() -> None:
    resource = dispense(dispensation(sold_on=None))
    assert resource["status"] == "completed"
    assert resource["whenPrepared"] == "2026-11-02"
    assert "whenHandedOver" not in resource
    assert resource["_whenHandedOver"]["extension"] == [{"url": ABSENT, "valueCode": "unknown"}]


def test_a_sale_before_the_filling_is_no_handing_over() -> None:
    resource = dispense(dispensation(sold_on=dt.date(2026, 11, 1)))
    assert "whenHandedOver" not in resource
    assert resource["_whenHandedOver"]["extension"] == [{"url": ABSENT, "valueCode": "error"}]


def test_a_void_is_entered_in_error() -> None:
    assert dispense(dispensation(voided=True))["status"] == "entered-in-error"
    assert request(dispensation(voided=True))["status"] == "entered-in-error"


def test_only_the_code_that_was_sent_is_user_selected() -> None:
    ndc, rxnorm = dispense(dispensation())["medicationCodeableConcept"]["coding"]
    assert ndc == {"system": "http://hl7.org/fhir/sid/ndc", "code": "10702005601", "userSelected": True}
    assert rxnorm["system"] == "http://www.nlm.nih.gov/research/umls/rxnorm"
    assert "userSelected" not in rxnorm


def test_an_unknown_ndc_is_kept_and_shown_as_unknown() -> None:
    d = dispensation(product_id="99998123401")
    concept = dispense(d)["medicationCodeableConcept"]
    assert concept["coding"][0]["code"] == "99998123401"
    assert concept["text"] == "Unknown drug (NDC 99998123401)"
    known = facts(d, mappings())
    assert (known.mme_per_day, known.drug_classes, known.uncounted) == (None, (), "unknown-drug")


def test_an_unknown_ndc_brings_the_rxnorm_code_that_was_reported() -> None:
    d = dispensation(product_id="99998123401", rxnorm_code="1049683")
    assert [c["code"] for c in dispense(d)["medicationCodeableConcept"]["coding"]] == [
        "99998123401",
        "1049683",
    ]
    assert facts(d, mappings()).rxcui == "1049683"


@pytest.mark.parametrize("render", [dispense, request])
def test_the_prescription_number_has_a_system_of_its_dispenser(render: Any) -> None:
    first = render(dispensation())["identifier"][0]
    assert first["type"]["coding"][0]["code"] == "FILL"
    assert (first["system"], first["value"]) == (f"{BASE}/fhir/sid/rx/{uid(3)}", "5010001")


def test_the_dispensing_points_to_its_prescription() -> None:
    resource = dispense(dispensation())
    (prescription,) = resource["authorizingPrescription"]
    assert prescription["reference"] == f"MedicationRequest/{uid(1)}"
    assert prescription["identifier"] == resource["identifier"][0]


def test_an_electronic_order_number_is_the_placers() -> None:
    codes = [i["type"]["coding"][0]["code"] for i in request(dispensation())["identifier"]]
    assert codes == ["FILL", "PLAC"]


def test_what_was_prescribed_is_in_the_prescription_only() -> None:
    d = dispensation(quantity_prescribed=Decimal("240"), refills_authorized=5)
    assert request(d)["dispenseRequest"] == {
        "numberOfRepeatsAllowed": 5,
        "quantity": {"value": 240, "unit": "each"},
    }
    assert "dispenseRequest" not in request(dispensation(quantity_prescribed=None, refills_authorized=None))


@pytest.mark.parametrize(
    ("numbers", "system"),
    [
        ({}, "http://hl7.org/fhir/sid/us-npi"),
        ({"dispenser_npi": ""}, "http://terminology.hl7.org/CodeSystem/NCPDPProviderIdentificationNumber"),
        (
            {"dispenser_npi": "", "dispenser_ncpdp": ""},
            "http://terminology.hl7.org/NamingSystem/usdeanumber",
        ),
    ],
)
def test_the_performer_is_named_by_reference_and_by_its_best_number(
    numbers: dict[str, str], system: str
) -> None:
    actor = dispense(dispensation(**numbers))["performer"][0]["actor"]
    assert actor["reference"] == f"Organization/{uid(3)}"
    assert actor["identifier"]["system"] == system
    assert actor["display"] == "Falls City Apothecary"


def test_a_patch_is_mcg_an_hour_for_the_guide_and_mg_a_day_for_us() -> None:
    d = dispensation(product_id="00378912298", quantity=Decimal(10), quantity_text="10")
    assert guide_mme(d) == [50]
    assert own_mme(d) == [120]
    assert facts(d, mappings()).mme_per_day == 120


def test_an_oral_opioid_is_mg_a_day_for_both() -> None:
    assert guide_mme(dispensation()) == own_mme(dispensation()) == [60]


@pytest.mark.parametrize(
    "changes",
    [
        {"days_supply": 0},
        {"quantity": Decimal(0), "quantity_text": "0"},
        {"product_id": "00054018913"},
        {"product_id": "00228203110"},
        {"product_id": "99998123401"},
    ],
    ids=["no days", "no quantity", "buprenorphine", "no opioid", "unknown drug"],
)
def test_what_cannot_be_counted_has_no_number_at_all(changes: dict[str, object]) -> None:
    d = dispensation(**changes)
    assert guide_mme(d) == own_mme(d) == []
    known = facts(d, mappings())
    assert known.mme_per_day is None
    assert known.mme_table is None
    assert known.uncounted


def test_a_dose_without_end_has_nine_decimals() -> None:
    d = dispensation(quantity=Decimal(57), quantity_text="57", days_supply=14)
    assert own_mme(d) == [Decimal("61.071428571")]
    assert facts(d, mappings()).mme_per_day == Decimal("61.071428571")


@pytest.mark.parametrize(
    ("quantity", "days", "dose"), [("629.93", 14, "89.99"), ("174.965", 7, "49.99"), ("175", 7, "50")]
)
def test_a_dose_beside_a_threshold_is_shown_to_the_digit(quantity: str, days: int, dose: str) -> None:
    d = dispensation(
        product_id="00054023749",
        quantity=Decimal(quantity),
        quantity_text=quantity,
        days_supply=days,
        dosage_unit="02",
    )
    assert [str(value) for value in own_mme(d)] == [dose]


def test_a_compound_is_named_and_counted_by_its_ingredients() -> None:
    d = compound()
    concept = dispense(d)["medicationCodeableConcept"]
    assert concept["text"] == (
        "Compound of methadone hydrochloride 10 MG/ML Oral Solution, 30 mL; "
        "unknown ingredient (NDC 38779999908), 270 mL"
    )
    assert [c["code"] for c in concept["coding"]] == ["99999KYC001"]
    assert own_mme(d) == [47]


def test_a_compound_of_two_kinds_stands_in_both_lanes() -> None:
    d = compound(
        days_supply=10,
        ingredients=[
            Ingredient(1, "01", "00054023524", Decimal(30), "30", "01"),
            Ingredient(2, "01", "00378245701", Decimal(30), "30", "01"),
        ],
    )
    lanes = extensions(dispense(d), f"{BASE}/fhir/StructureDefinition/drug-class")
    assert [e["valueCode"] for e in lanes] == ["opioid", "sedative"]
    assert facts(d, mappings()).drug_classes == ("opioid", "sedative")
    assert own_mme(d) == [45]


def test_a_part_2_row_is_labelled_in_both_resources() -> None:
    for resource in (dispense(dispensation(restriction="part2")), request(dispensation(restriction="part2"))):
        assert [label["code"] for label in resource["meta"]["security"]] == ["42CFRPart2", "NORDSCLCD", "R"]
    assert "security" not in dispense(dispensation())["meta"]


def test_codes_that_no_map_knows_are_left_out() -> None:
    d = dispensation(origin_code="77", payment_code="", treatment_type="88")
    urls = {e["url"] for e in dispense(d)["extension"]}
    assert not any(url.endswith(("method", "payment", "treatment-code")) for url in urls)


def test_a_product_code_of_another_kind_is_kept_under_its_system() -> None:
    din = dispense(dispensation(product_qualifier="05", product_id="02240867"))["medicationCodeableConcept"]
    assert din["coding"][0]["system"] == "http://hl7.org/fhir/NamingSystem/ca-hc-din"
    hri = dispense(dispensation(product_qualifier="03", product_id="1234"))["medicationCodeableConcept"]
    assert hri["coding"][0]["system"] == f"{BASE}/fhir/sid/product/03"


@given(st.text(max_size=40))
def test_any_directions_are_valid_json_and_fhir_text(sig: str) -> None:
    resource = dispense(dispensation(sig=sig))
    if sig:
        shown = resource["dosageInstruction"][0]["text"]
        assert len(shown) == len(sig)
        assert shown.isprintable()
    else:
        assert "dosageInstruction" not in resource
