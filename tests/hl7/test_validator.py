"""HL7's own validator over every golden shape, with the guide's and US Core's profiles, without network.

What it may say is listed in `validator.TOLERATED`, and nothing else: errors first, and warnings too.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.hl7.validator import Validator, untolerated
from tests.mapping.computed import computed
from tests.mapping.shapes import SHAPES

pytestmark = [pytest.mark.java, pytest.mark.slow]

#: Errors of the tolerated kinds: where they are expected, and nowhere else.
EXPECTED_ERRORS = {
    "refill-not-sold.dispense.json",
    "StructureDefinition-drug-class.json",
    "StructureDefinition-mme-per-day.json",
}


@pytest.fixture(scope="module")
def messages(
    validator: Validator,
    fhir_package_cache: Path,
    own_definitions: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> list[dict[str, Any]]:
    resources = tmp_path_factory.mktemp("shapes")
    for name, shape in SHAPES.items():
        for part, body in shape().items():
            (resources / f"{name}.{part}.json").write_bytes(body)
    for name, body in computed().items():
        (resources / f"computed-{name}.json").write_bytes(body)
    for definition in own_definitions.iterdir():
        # Ours are resources as well: they are validated like the others.
        shutil.copy(definition, resources)
    return list(validator.run(resources, fhir_package_cache, own_definitions))


def test_the_validator_says_nothing_but_what_is_tolerated(messages: list[dict[str, Any]]) -> None:
    assert untolerated(messages) == []


def test_tolerated_errors_are_where_they_are_expected(messages: list[dict[str, Any]]) -> None:
    assert {m["file"] for m in messages if m["severity"] == "error"} == EXPECTED_ERRORS
