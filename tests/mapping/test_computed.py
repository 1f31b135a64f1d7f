"""Alerts and figures as they are written: R4 by the models, US Core by its definitions, and to the letter."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from gateway.mapping.tables import Mappings
from tests.mapping.computed import computed
from tests.mapping.shapes import BASE, FOLDER
from tests.mapping.test_profiles import _cardinality

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "computed" / "history.json"


def test_alerts_and_figures_are_rendered_as_the_golden_file_has_them() -> None:
    rendered = {name: json.loads(body, parse_float=str) for name, body in computed().items()}
    text = json.dumps(rendered, indent=1, ensure_ascii=False) + "\n"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(text, encoding="utf-8")
    assert GOLDEN.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("name", computed())
def test_the_r4_model_takes_what_is_computed(name: str) -> None:
    resource = json.loads(computed()[name])
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    assert resource["meta"]["source"] == f"{BASE}/fhir/sid/source/ky"


def test_every_figure_meets_the_us_core_profile_that_it_names(fhir_package_cache: Path) -> None:
    profile = "StructureDefinition-us-core-simple-observation.json"
    (path,) = fhir_package_cache.glob(f"hl7.fhir.us.core#6.1.0/package/{profile}")
    definition: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    for name, body in computed().items():
        resource = json.loads(body)
        if resource["resourceType"] == "Observation":
            assert resource["meta"]["profile"] == [definition["url"]]
            assert list(_cardinality(definition, resource)) == [], name


def test_every_code_of_a_figure_is_in_our_code_system_and_each_is_used() -> None:
    used = set()
    for body in computed().values():
        for coding in json.loads(body)["code"]["coding"]:
            if coding["system"] == f"{BASE}/fhir/CodeSystem/computed-fact":
                used.add(coding["code"])
    m = Mappings.load(FOLDER, jurisdiction="KY", identifier_base=BASE)
    assert used == set(m.facts)
