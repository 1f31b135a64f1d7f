"""Reading an answer: the guide's own examples, odd references, exact numbers, unclear outcomes."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_app import history, persons
from tests.smart_app import answers


def parsed(parameters: dict[str, Any]) -> history.History:
    return history.read(json.loads(json.dumps(parameters), parse_float=Decimal))


def only(*resources: dict[str, Any]) -> history.Row:
    (row,) = parsed(answers.history(answers.person(), *resources, *answers.parties())).rows
    return row


def example(cache: Path, name: str) -> history.History:
    path = cache / "hl7.fhir.us.pdmp#1.0.0" / "package" / f"{name}.json"
    data = json.loads(path.read_text(), parse_float=Decimal)
    if data["resourceType"] == "Bundle":
        part = {"name": "pdmp-history-data", "resource": data}
        data = {"resourceType": "Parameters", "parameter": [part]}
    return history.read(data)


@pytest.mark.parametrize(
    ("name", "outcome", "rows"),
    [
        ("1", "history", 1),
        ("2-minimal-history", "history", 1),
        ("3-patient-not-found", "no-data", 0),
        ("4-link-response", "link-only", 0),
        ("5-pre-stage-response", "error", 0),
        ("6-non-fatal-warning", "link-only", 0),
        ("7-fatal-error", "error", 0),
    ],
)
def test_the_guides_examples_are_read(fhir_package_cache: Path, name: str, outcome: str, rows: int) -> None:
    read = example(fhir_package_cache, f"Parameters-pdmp-history-output-parameters-{name}")
    assert (read.outcome, len(read.rows)) == (outcome, rows)


def test_urn_references_and_records_that_were_not_merged_are_read(fhir_package_cache: Path) -> None:
    read = example(fhir_package_cache, "Bundle-pdmp-bundle-history-result-2")
    assert [(row.person, row.dispenser and row.dispenser.name) for row in read.rows] == [
        ("patient-res-2", "Another Pharmacy"),
        ("patient-res-1", "Our Pharmacy"),
    ]
    assert [p.name for p in read.persons] == ["August Samuels", "August Thomas Samuels"]
    assert [alert.text for alert in read.alerts] == ["Doctor/pharmacy shopping alert"]
    assert read.unread == 0


def test_numbers_stay_exact() -> None:
    text = json.dumps(
        answers.history(answers.person(), *answers.dispense("r", "x", ("opioid",), "2026-01-01", 7, 0, mme=1))
    )
    text = text.replace('"value": 0,', '"value": 60.10,').replace('"value": 1,', '"value": 22.05,')
    (row,) = history.read(json.loads(text, parse_float=Decimal)).rows
    assert str(row.quantity) == "60.10"
    assert row.mme is not None
    assert str(row.mme.value) == "22.05"


def test_only_the_gateways_own_figure_is_read_and_only_in_mg_a_day() -> None:
    resources = answers.dispense("r", "fentanyl patch", ("opioid",), "2026-01-01", 30, 10)
    guide = {"url": f"{answers.PDMP}/pdmp-extension-mme", "valueDecimal": 25}
    resources[0]["extension"].append(guide)
    assert only(*resources).mme is None
    own = answers.dispense("r", "fentanyl patch", ("opioid",), "2026-01-01", 30, 10, mme=60)
    assert only(*own).mme == history.Dose(Decimal(60), "mg/d", "CDC 2022")
    for extension in own[0]["extension"]:
        for part in extension.get("extension", []):
            part.get("valueQuantity", {}).update(code="ug/h")
    assert only(*own).mme is None


@pytest.mark.parametrize(
    ("sold", "start"), [("2026-01-05", dt.date(2026, 1, 5)), (None, dt.date(2026, 1, 1))]
)
def test_a_supply_begins_when_handed_over_else_when_filled(sold: str | None, start: dt.date) -> None:
    row = only(*answers.dispense("r", "x", ("opioid",), "2026-01-01", 30, 10, sold=sold))
    assert row.start == start
    assert row.end == start + dt.timedelta(days=29)


@pytest.mark.parametrize("days", [None, 0, -3, 100_000])
def test_days_that_say_nothing_give_no_end(days: int | None) -> None:
    assert only(*answers.dispense("r", "x", ("opioid",), "2026-01-01", days, 10)).end is None


def test_the_same_prescriber_by_other_references_is_one() -> None:
    one = answers.dispense("r1", "x", ("opioid",), "2026-01-01", 30, 10)
    two = answers.dispense("r2", "x", ("opioid",), "2026-02-01", 30, 10)
    two[1]["requester"]["reference"] = f"{answers.BASE}/Practitioner/creech"
    rows = parsed(answers.history(*one, *two, *answers.parties())).rows
    assert len({row.prescriber.key for row in rows if row.prescriber}) == 1


def test_a_compound_of_two_classes_stands_in_both() -> None:
    row = only(*answers.dispense("r", "x", ("sedative", "opioid"), "2026-01-01", 30, 10))
    assert row.classes == ("opioid", "sedative")


def test_entries_of_an_unknown_kind_are_counted_not_hidden() -> None:
    odd = {"resourceType": "Basic", "id": "b"}
    row = answers.dispense("r", "x", ("opioid",), "2026-01-01", 30, 10)
    assert parsed(answers.history(odd, *row)).unread == 1


def test_an_error_beside_no_data_is_an_error() -> None:
    both = answers.outcome("no-data", "information", "informational", "none")
    issues = both["parameter"][0]["resource"]["issue"]
    issues.append({"severity": "error", "code": "exception"})
    assert parsed(both).outcome == "error"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "resource",
                    "resourceType",
                    "name",
                    "entry",
                    "parameter",
                    "extension",
                    "performer",
                    "actor",
                    "quantity",
                    "issue",
                    "coding",
                    "identifier",
                    "reference",
                    "telecom",
                    "meta",
                    "security",
                    "url",
                    "valueCode",
                    "code",
                    "id",
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=30,
)


@given(
    st.dictionaries(st.sampled_from(["medicationCodeableConcept", "subject", "type", "meta"]), _JSON), _JSON
)
def test_any_json_is_read_without_a_crash(members: dict[str, Any], junk: Any) -> None:
    dispense = {
        "resourceType": "MedicationDispense",
        "performer": junk,
        "authorizingPrescription": junk,
        "quantity": junk,
        "identifier": junk,
        "extension": [
            {"url": f"{answers.OWN}/StructureDefinition/mme-per-day", "extension": junk},
            {"url": f"{answers.OWN}/StructureDefinition/drug-class", "valueCode": junk},
        ],
        **members,
    }
    bundle = {"resourceType": "Bundle", "entry": [{"resource": dispense}, junk, {"resource": junk}]}
    read = history.read(
        {
            "parameter": [
                {"name": "pdmp-history-data", "resource": bundle},
                {"name": "outcome", "resource": junk},
            ]
        }
    )
    assert len(read.rows) >= 1


@given(_JSON)
def test_an_answer_that_is_no_history_is_never_one(junk: Any) -> None:
    read = history.read({"parameter": junk})
    assert read.rows == ()
    assert read.outcome not in ("history", "no-data")


def person(**members: Any) -> persons.Person:
    return persons.person(answers.person(**members))


def test_any_of_the_matched_names_may_agree() -> None:
    chart = person(name=[{"family": "Fénwick Holt", "given": ["L"]}])
    assert persons.compare(chart, person()).family is True
    assert persons.compare(person(name=[{"family": "Wick"}]), person()).family is False


def test_what_is_not_known_neither_agrees_nor_differs() -> None:
    matched = person(birthDate=None, gender="unknown", name=[])
    comparison = persons.compare(person(), matched)
    assert (comparison.birth_date, comparison.family, comparison.sex) == (None, None, None)
    assert not comparison.alarming
