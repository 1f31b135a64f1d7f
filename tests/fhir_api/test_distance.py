"""How far the dispensers are from home: from the ZIP codes that pharmacies report to the FHIR answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import version
from math import acos, cos, radians, sin
from typing import Any

import pytest
import zipcodes

from gateway.embedded import Urls
from tests.fhir_api import asap, bodies
from tests.fhir_api.answered import Answer
from tests.fhir_api.conftest import Gateway
from tests.fhir_api.overlays import FOLDER, gateway_with, history, send
from tests.support.databases import TestDatabase

HAZARD = {"line": ["402 Tipple Road"], "city": "Hazard", "state": "KY", "postalCode": "41701"}


@pytest.fixture(scope="module")
def gateway(
    servers: Urls, module_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    with gateway_with(servers, module_database, tmp_path_factory.mktemp("far"), "02", "14") as made:
        yield made


def away(answer: Answer, kind: str) -> list[dict[str, Any]]:
    return [o for o in answer.of("Observation") if o["code"]["coding"][0]["code"] == f"distance-{kind}"]


def miles(one: str, other: str) -> int:
    """By another formula than the code's: the spherical law of cosines."""
    (a,), (b,) = zipcodes.matching(one), zipcodes.matching(other)  # type: ignore[no-untyped-call]
    (north, east), (south, west) = ((radians(float(z["lat"])), radians(float(z["long"]))) for z in (a, b))
    if one == other:
        return 0
    angle = acos(sin(north) * sin(south) + cos(north) * cos(south) * cos(east - west))
    return round(angle * 6371.0088 / 1.609344)


def test_each_dispenser_has_its_distance_from_home_farthest_first(gateway: Gateway) -> None:
    answer = history(gateway, "Pruitt", "Wendell", "1974-12-02", address=[HAZARD])
    places = {f"Organization/{o['id']}": o["address"][0]["postalCode"] for o in answer.of("Organization")}
    found = [(o["focus"][0]["reference"], o["valueQuantity"]["value"]) for o in away(answer, "dispenser")]
    assert len(places) == 6
    assert dict(found) == {key: miles("41701", code) for key, code in places.items()}
    assert [far for _, far in found] == sorted((far for _, far in found), reverse=True)
    assert found[0][1] > 80
    assert found[-1][1] == 0


def test_a_distance_names_table_unit_and_the_rows_of_that_dispenser(gateway: Gateway) -> None:
    answer = history(gateway, "Pruitt", "Wendell", "1974-12-02", address=[HAZARD])
    dispensed = {
        f"MedicationDispense/{d['id']}": d["performer"][0]["actor"]["reference"]
        for d in answer.of("MedicationDispense")
    }
    for one in away(answer, "dispenser"):
        assert one["method"]["text"] == f"zipcodes {version('zipcodes')}"
        assert (one["valueQuantity"]["unit"], one["valueQuantity"]["code"]) == ("miles", "[mi_i]")
        assert "straight line" in one["note"][0]["text"]
        rows = [e["valueReference"]["reference"] for e in one["extension"]]
        assert rows
        assert {dispensed[row] for row in rows} == {one["focus"][0]["reference"]}


def test_of_a_prescriber_it_is_known_only_where_they_dispense_too(gateway: Gateway) -> None:
    assert away(history(gateway, "Pruitt", "Wendell", "1974-12-02", address=[HAZARD]), "prescriber") == []
    home = {**HAZARD, "line": ["1 Lotts Creek"]}
    answer = history(gateway, "Caudill", "Leona", "1988-08-08", address=[home])
    (one,) = away(answer, "prescriber")
    (prescriber,) = answer.of("Practitioner")
    assert one["focus"] == [{"reference": f"Practitioner/{prescriber['id']}"}]
    assert one["valueQuantity"]["value"] == 0


@pytest.mark.parametrize("code", ["00000", "4036"])
def test_without_a_known_home_there_is_no_distance(gateway: Gateway, code: str) -> None:
    number = f"1{len(code)}"
    person = (
        f"PAT**07*9997005{number}****Yoder*Ezra****{number} Quarry Lane**Paris*KY*{code}*85955505{number}"
        f"*196001{number}*M*01*01~"
    )
    segments = [person, *asap.fill(f"59911{number}", "20261110", asap.OXYCODONE, 30, asap.CREECH)]
    assert asap.report(gateway.services, f"D-{number}", segments)["refused"] == 0
    answer = history(gateway, "Yoder", "Ezra", f"1960-01-{number}", **bodies.ssn(f"9997005{number}"))
    assert answer.value("dispensers") == 1
    assert away(answer, "dispenser") == away(answer, "prescriber") == []


def test_a_dispenser_without_a_known_zip_is_not_known_beside_the_others(gateway: Gateway) -> None:
    path = next(FOLDER.glob("02-*.asap"))
    text = path.read_text(encoding="utf-8").replace("Pruitt", "Sexton").replace("999700102", "999700599")
    # Another pharmacy, which reports no ZIP code.
    text = text.replace("*1999000114*1890119*FL9000112*", "*1999500105*1890998*FL9000213*")
    text = text.replace("*Pikeville*KY*41501*", "*Pikeville*KY**").replace("19741202", "19741203")
    text = text.replace("4F07197C-B183-BB5B-1404-20054DEC33A0", "D-9")
    text = re.sub(r"DSP\*(\d\d)?\*50", r"DSP*\1*59", text)
    answer = send(gateway, text.encode(), "unknown-zip.asap")
    assert answer["refused"] == 0, answer
    found = away(history(gateway, "Sexton", "Wendell", "1974-12-03", **bodies.ssn("999700599")), "dispenser")
    assert len(found) == 6
    assert [o["dataAbsentReason"]["coding"][0]["code"] for o in found if "valueQuantity" not in o] == [
        "unknown"
    ]
    assert "not known" in found[-1]["note"][0]["text"]
