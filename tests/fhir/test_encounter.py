"""An EHR's Encounter becomes ours, or is refused without a word of what it says."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from fhir.resources.R4B.encounter import Encounter
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import BadRequest
from gateway.fhir import encounter

SENT: dict[str, Any] = {
    "resourceType": "Encounter",
    "id": "enc-7",
    "meta": {"versionId": "3", "lastUpdated": "2026-11-20T10:00:00Z", "tag": [{"code": "ward"}]},
    "text": {"status": "generated", "div": "<div xmlns='http://www.w3.org/1999/xhtml'>Jones</div>"},
    "status": "in-progress",
    "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
    "subject": {"reference": "Patient/their-7"},
    "participant": [{"individual": {"reference": "Practitioner/their-1", "display": "Dr Who"}}],
    "location": [{"location": {"reference": "Location/their-2/_history/1"}}],
    "serviceProvider": {"reference": "https://ehr.example/fhir/Organization/1"},
    "period": {"start": "2026-11-20T09:00:00-05:00"},
}


def test_id_and_subject_become_ours_and_nothing_points_into_our_house_to_nothing() -> None:
    encounter_id, person_id = uuid4(), uuid4()
    body = encounter.ours(encounter.checked(SENT), encounter_id=encounter_id, person_id=person_id)
    made = json.loads(body)
    Encounter.model_validate(made)
    assert made["id"] == str(encounter_id)
    assert made["subject"] == {"reference": f"Patient/{person_id}"}
    assert made["participant"] == [{"individual": {"display": "Dr Who", "type": "Practitioner"}}]
    assert made["location"] == [{"location": {"type": "Location"}}]
    assert made["serviceProvider"] == SENT["serviceProvider"]
    assert made["period"] == SENT["period"]
    assert made["meta"] == {"tag": [{"code": "ward"}]}
    assert "text" not in made


@pytest.mark.parametrize(
    "change",
    [
        {"resourceType": "Patient"},
        {"status": "Jones"},
        {"status": None},
        {"status": []},
        {"length": {"value": 10**30}},
        {"class": None},
        {"class": {"code": 3}},
        {"period": {"start": "Jones"}},
        {"period": "Jones"},
        {"Jones": 1},
        {"class": {"Jones": 1}},
        {"contained": [{"resourceType": "Patient"}]},
        {"partOf": {"reference": "#Jones"}},
        {"partOf": {"reference": "../Jones"}},
        {"meta": []},
        {"reasonCode": [{"text": "Jones" * 20_000}]},
    ],
)
def test_what_is_no_encounter_is_refused_without_quoting_it(change: dict[str, Any]) -> None:
    with pytest.raises(BadRequest) as refused:
        encounter.checked({**SENT, **change})
    assert "Jones" not in refused.value.public


def test_status_and_class_are_required() -> None:
    for name in ("status", "class"):
        with pytest.raises(BadRequest):
            encounter.checked({key: value for key, value in SENT.items() if key != name})


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from([*SENT, "length", "identifier", "contained", "_status", "hospitalization"]), _JSON)
def test_whatever_stands_in_an_element_is_taken_or_refused(name: str, value: Any) -> None:
    try:
        kept = encounter.checked({**SENT, name: value})
    except BadRequest:
        return
    Encounter.model_validate_json(encounter.ours(kept, encounter_id=uuid4(), person_id=uuid4()))
