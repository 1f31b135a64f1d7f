"""What is computed for people whom only a resemblance joins, and for a prescriber who dispenses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.embedded import Urls
from tests.fhir_api import bodies
from tests.fhir_api.conftest import Gateway
from tests.fhir_api.overlays import gateway_with, history
from tests.support.databases import TestDatabase


@pytest.fixture(scope="module")
def gateway(
    servers: Urls, module_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    with gateway_with(servers, module_database, tmp_path_factory.mktemp("apart"), "14", "16", "23") as made:
        yield made


@pytest.mark.parametrize(
    ("given", "number", "dose"), [("Darlene", "999700121", 30), ("Marlene", "999700122", 0)]
)
def test_neither_twin_has_the_other_ones_drug(gateway: Gateway, given: str, number: str, dose: int) -> None:
    answer = history(gateway, "Stamper", given, "1985-06-17", **bodies.ssn(number))
    assert answer.value("mme-peak") == dose
    assert answer.value("overlap-opioid+benzodiazepine") == 0
    assert "opioid+benzodiazepine" not in answer.alerts


def test_who_lives_in_one_shelter_shares_no_overlap(gateway: Gateway) -> None:
    answer = history(gateway, "Meadows", "Ronald", "1971-03-05", **bodies.ssn("999700212"))
    assert len(answer.rx) == 1
    assert answer.value("overlap-opioid+benzodiazepine") == 0
    assert "opioid+benzodiazepine" not in answer.alerts


def test_two_days_of_a_practitioner_who_dispenses(gateway: Gateway) -> None:
    answer = history(gateway, "Caudill", "Leona", "1988-08-08", **bodies.ssn("999700118"))
    assert (answer.value("mme-peak"), answer.value("opioid-days-covered")) == (60, 2)
    assert (answer.value("prescribers"), answer.value("dispensers")) == (1, 1)
