"""Every resource that really reported files become, and whole answers about them, before HL7's validator.

Kentucky's sample, every overlay and a synthetic population are ingested as the command does it; each stored
resource is validated, and each history of a person that the answers were asked for over HTTP.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway.core.settings import Settings
from tests.fhir_api import bodies
from tests.fhir_api.conftest import Gateway, gateway
from tests.hl7.validator import Validator, untolerated
from tests.support.databases import TestDatabase
from tests.support.processes import Cli, environment

__all__ = ["gateway"]  # the fixture, on this module's database

pytestmark = [pytest.mark.java, pytest.mark.slow]

OVERLAYS = Path(__file__).resolve().parents[1] / "data" / "overlays"
#: Tables and columns of stored resources.
STORED = (
    ("dispensation_version", "dispense_resource"),
    ("dispensation_version", "request_resource"),
    ("person", "resource"),
    ("dispenser", "resource"),
    ("prescriber", "resource"),
)


@pytest.fixture(scope="module")
def reported(module_settings: Settings, asap_samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    cli = Cli(environment(module_settings))
    synthetic = tmp_path_factory.mktemp("synthetic")
    made = cli("synth", "--patients", "25", "--seed", "11", "--out", str(synthetic))
    assert made.returncode == 0, made.stderr
    files = [asap_samples / "kentucky-small.asap", OVERLAYS, synthetic]
    done = cli("ingest", "--json", *map(str, files))
    # Some overlays hold what is refused on purpose; the synthetic files hold nothing of the kind.
    assert done.returncode in (0, 1, 2), done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert sum(answer["refused"] for answer in answers[-5:]) == 0
    return cli


@pytest.fixture(scope="module")
def stored(reported: Cli, module_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stored")
    with psycopg.connect(module_database.admin_url) as admin:
        for table, column in STORED:
            rows = admin.execute(f"SELECT {column} FROM pdmp.{table}").fetchall()  # noqa: S608 - ours
            for number, (body,) in enumerate(rows):
                (folder / f"{table}.{column}.{number}.json").write_bytes(body)
    return folder


def test_every_stored_resource_passes(
    validator: Validator, fhir_package_cache: Path, own_definitions: Path, stored: Path
) -> None:
    kinds = Counter(file.name.partition(".")[0] for file in stored.iterdir())
    assert kinds["dispensation_version"] > 1500
    assert min(kinds[table] for table, _ in STORED) > 20
    assert untolerated(validator.run(stored, fhir_package_cache, own_definitions)) == []


@pytest.mark.usefixtures("reported")
def test_every_answer_about_them_passes(
    gateway: Gateway,
    module_database: TestDatabase,
    validator: Validator,
    fhir_package_cache: Path,
    own_definitions: Path,
    tmp_path: Path,
) -> None:
    histories = 0
    caller = gateway.caller()
    for number, patient in enumerate(_patients(module_database)):
        answer = caller.history(bodies.parameters(patient, computed_facts={"valueBoolean": True}))
        assert answer.status_code == 200
        document: dict[str, Any] = answer.get_json()
        histories += document["parameter"][0]["name"] == "pdmp-history-data"
        (tmp_path / f"answer-{number}.json").write_bytes(answer.data)
    assert histories > 15
    assert untolerated(validator.run(tmp_path, fhir_package_cache, own_definitions)) == []


def _patients(database: TestDatabase) -> list[dict[str, Any]]:
    """Return every sixth person as an EHR would send them: from what was last reported."""
    with psycopg.connect(database.admin_url) as admin:
        rows = admin.execute("SELECT resource FROM pdmp.person ORDER BY person_id").fetchall()
    people = [json.loads(body) for (body,) in rows[::6]]
    keep = ("resourceType", "id", "identifier", "name", "birthDate", "gender", "address", "telecom")
    return [{key: person[key] for key in keep if key in person} for person in people]
