"""Identifiers in the spellings that senders use; masked and partial ones are none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fhir.identifiers import Named, usable

V2 = "http://terminology.hl7.org/CodeSystem/v2-0203"


def one(**identifier: Any) -> Named | None:
    found = list(usable([identifier]))
    return found[0] if found else None


def typed(code: str, **identifier: Any) -> Named | None:
    return one(type={"coding": [{"system": V2, "code": code}]}, **identifier)


@pytest.mark.parametrize("value", ["123-45-6780", "123456780", "123 45 6780"])
def test_a_social_security_number_is_nine_digits_whatever_its_hyphens(value: str) -> None:
    assert one(system="http://hl7.org/fhir/sid/us-ssn", value=value) == Named("ssn", "123456780")
    assert typed("SS", value=value) == Named("ssn", "123456780")


@pytest.mark.parametrize("value", ["XXX-XX-6780", "***-**-6780", "6780", "", "12345678", "12345678a"])
def test_a_masked_or_partial_number_is_left_out(value: str) -> None:
    assert one(system="http://hl7.org/fhir/sid/us-ssn", value=value) is None


def test_an_absent_value_is_left_out() -> None:
    absent = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}
    assert one(system="http://hl7.org/fhir/sid/us-ssn", _value={"extension": [absent]}) is None


@pytest.mark.parametrize(
    ("identifier", "state"),
    [
        ({"system": "urn:oid:2.16.840.1.113883.4.3.21"}, "KY"),
        ({"system": "urn:oid:2.16.840.1.113883.4.3.1"}, "AL"),
        ({"system": "http://dmv.example.org/licence/ky"}, "KY"),
        ({"system": "urn:state:OH"}, "OH"),
        ({"assigner": {"display": "KY"}}, "KY"),
        (
            {
                "extension": [
                    {
                        "url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-jurisdiction",
                        "valueCodeableConcept": {"coding": [{"code": "TN"}]},
                    }
                ]
            },
            "TN",
        ),
        ({"system": "http://example.org/qq"}, ""),
        ({}, ""),
    ],
)
def test_a_drivers_licence_carries_the_state_that_its_system_or_assigner_names(
    identifier: dict[str, Any], state: str
) -> None:
    assert typed("DL", value="S12-345", **identifier) == Named("driver", "S12-345", state)


def test_a_dea_number_keeps_its_suffix() -> None:
    for system in ("http://terminology.hl7.org/NamingSystem/usdeanumber", "urn:oid:2.16.840.1.113883.4.814"):
        assert one(system=system, value="ab1234563-res7") == Named("dea", "AB1234563-RES7")
    assert one(system="urn:oid:2.16.840.1.113883.4.814", value="AB12") is None


def test_an_npi_is_ten_digits() -> None:
    assert one(system="http://hl7.org/fhir/sid/us-npi", value="1999100856") == Named("npi", "1999100856")
    assert one(system="http://hl7.org/fhir/sid/us-npi", value="199910085") is None


def test_a_licence_to_practise_is_told_from_a_drivers() -> None:
    assert typed("MD", system="http://kbml.example.org/KY", value="12345") == Named("practice", "12345", "KY")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["system", "value", "type", "coding", "code", "extension", "url", "assigner", "display"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_any_json_in_place_of_identifiers_is_passed_by(value: Any) -> None:
    list(usable(value))
