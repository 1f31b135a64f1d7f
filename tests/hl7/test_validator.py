"""HL7's own validator over every golden shape, with the guide's and US Core's profiles, without network.

What it may say is listed in TOLERATED, and nothing else: errors first, and warnings too.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.mapping.computed import computed
from tests.mapping.shapes import SHAPES, mappings
from tests.support import tools

HERE = Path(__file__).resolve().parent
FILL_NUMBER = "http://hl7.org/fhir/us/pdmp/StructureDefinition/pdmp-extension-rx-fill-number"
pytestmark = [pytest.mark.java, pytest.mark.slow]

#: (severity, pattern) of what it may say; why stands beside each.
TOLERATED = (
    # whenPrepared beside an absent whenHandedOver: the invariant cannot be evaluated (FHIR-44999).
    ("error", r"^Constraint failed: mdd-1: .*BaseDateTimeType"),
    # Snapshots of our extensions are made here; of a definition as a resource it would ask the network.
    ("error", r"^Error generating Snapshot: Unable to resolve package id hl7\.fhir\.r4\.core"),
    # Narrative is best practice only; the reader of these resources is a program.
    ("warning", r"dom-6"),
    # Own identifiers and extensions beside those that a profile slices.
    ("information", r"^This element does not match any known slice"),
    # NDC and the value set of RxNorm codes are not to be had offline; a compound's code is its pharmacy's.
    (
        "warning",
        r"^CodeSystem is unknown and can't be validated: (http://hl7\.org/fhir/sid/ndc|\S+/sid/compound/)",
    ),
    ("warning", r"^ValueSet '\S+/2\.16\.840\.1\.113762\.1\.4\.1010\.4' not found"),
    ("warning", r"^The terminology server null used for the CodeSystem http://unitsofmeasure\.org"),
    # R4 recommends codes of its own for DetectedIssue; the guide's slice asks for PMIX's.
    ("information", r"^None of the codings provided are in the value set 'Detected Issue Category'"),
    # The extensible value set of R4 lists the older, now deprecated code system of this law only.
    (
        "warning",
        r"^The Coding provided \(\S+/v3-ActCode#42CFRPart2\) was not found in the value set",
    ),
)
#: Errors of the table above: where they are expected, and nowhere else.
EXPECTED_ERRORS = {
    "refill-not-sold.dispense.json",
    "StructureDefinition-drug-class.json",
    "StructureDefinition-mme-per-day.json",
}


@dataclass(frozen=True)
class Validator:
    """The compiled program; `run` yields its messages about the resources of a folder."""

    program: str
    classpath: str

    def run(self, resources: Path, *packages: Path) -> Iterator[dict[str, Any]]:
        command = [self.program, "-Xmx2g", "-cp", self.classpath, "Validate", str(resources)]
        for line in _call([*command, *map(str, packages)]).splitlines():
            if line.startswith("{"):
                yield json.loads(line)


@pytest.fixture(scope="module")
def validator(tmp_path_factory: pytest.TempPathFactory) -> Validator:
    program, maven = tools.require("java")
    folder = tmp_path_factory.mktemp("validator")
    listing, classes = folder / "classpath", folder / "classes"
    goal = ["dependency:build-classpath", f"-Dmdep.outputFile={listing}"]
    _call([maven, "-B", "-q", "-f", str(HERE / "pom.xml"), *goal])
    libraries = listing.read_text(encoding="utf-8").strip()
    compiler = next(path for path in libraries.split(os.pathsep) if "/ecj-" in path)
    source = str(HERE / "Validate.java")
    _call([program, "-jar", compiler, "-17", "-nowarn", "-cp", libraries, "-d", str(classes), source])
    return Validator(program, f"{classes}{os.pathsep}{libraries}")


@pytest.fixture(scope="module")
def messages(
    validator: Validator, fhir_package_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("shapes")
    resources, own = folder / "resources", folder / "own"
    resources.mkdir()
    own.mkdir()
    for name, shape in SHAPES.items():
        for part, body in shape().items():
            (resources / f"{name}.{part}.json").write_bytes(body)
    for name, body in computed().items():
        (resources / f"computed-{name}.json").write_bytes(body)
    for definition in mappings().definitions:
        name = f"{definition['resourceType']}-{definition['id']}.json"
        (own / name).write_text(json.dumps(definition), encoding="utf-8")
        # Ours are resources as well: they are validated like the others.
        (resources / name).write_text(json.dumps(definition), encoding="utf-8")
    return list(validator.run(resources, fhir_package_cache, own))


def _call(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-4000:] + done.stdout[-4000:]
    return done.stdout


def _tolerated(message: dict[str, Any]) -> bool:
    return any(
        re.fullmatch(severity, message["severity"]) and re.search(pattern, message["text"], re.DOTALL)
        for severity, pattern in TOLERATED
    )


def test_the_validator_says_nothing_but_what_is_tolerated(messages: list[dict[str, Any]]) -> None:
    said = [
        f"{m['file']}: {m['severity']} {m['location']}: {m['text']}" for m in messages if not _tolerated(m)
    ]
    assert said == []


def test_tolerated_errors_are_where_they_are_expected(messages: list[dict[str, Any]]) -> None:
    assert {m["file"] for m in messages if m["severity"] == "error"} == EXPECTED_ERRORS


def test_the_validator_does_find_faults(
    validator: Validator, fhir_package_cache: Path, tmp_path: Path
) -> None:
    good = json.loads(SHAPES["tablet"]()["dispense"])
    faults = {
        "no-performer": {"performer": []},
        "strange-status": {"status": "done"},
        "fill-zero": {"extension": [{"url": FILL_NUMBER, "valuePositiveInt": 0}]},
        "sold-before": {"whenHandedOver": "2026-11-01"},
        "unknown-extension": {"extension": [{"url": "https://example.org/none", "valueCode": "x"}]},
    }
    for name, change in faults.items():
        (tmp_path / f"{name}.json").write_text(json.dumps({**good, **change}), encoding="utf-8")
    found = validator.run(tmp_path, fhir_package_cache)
    assert {m["file"] for m in found if m["severity"] == "error"} >= {f"{name}.json" for name in faults}
