"""HL7's own validator as a compiled program without network, and what it may say.

The program and its Maven file lie under `conformance/hl7`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import tools

SOURCES = Path(__file__).resolve().parents[2] / "conformance" / "hl7"

_PROVINCE = r"(AB|BC|MB|NB|NL|NS|NT|NU|ON|PE|QC|SK|YT)"

#: (severity, pattern) of what it may say; why stands beside each.
TOLERATED = (
    # whenPrepared beside an absent whenHandedOver: the invariant cannot be evaluated (FHIR-44999).
    ("error", r"^Constraint failed: mdd-1: .*BaseDateTimeType"),
    # Snapshots of our extensions are made here; of a definition as a resource it would ask the network.
    ("error", r"^Error generating Snapshot: Unable to resolve package id hl7\.fhir\.r4\.core"),
    # Canada's provinces, as ASAP reports them: the binding to the states of the USA is extensible.
    ("error|warning", rf"^(Code |The value provided \(.|Unknown code .https:..www.usps.com.#){_PROVINCE}\b"),
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


def build(folder: Path) -> Validator:
    """Compile the program into `folder`. Maven is asked for the class path only; a JRE is enough."""
    program, maven = tools.require("java")
    listing, classes = folder / "classpath", folder / "classes"
    goal = ["dependency:build-classpath", f"-Dmdep.outputFile={listing}"]
    _call([maven, "-B", "-q", "-f", str(SOURCES / "pom.xml"), *goal])
    libraries = listing.read_text(encoding="utf-8").strip()
    compiler = next(path for path in libraries.split(os.pathsep) if "/ecj-" in path)
    source = str(SOURCES / "Validate.java")
    _call([program, "-jar", compiler, "-17", "-nowarn", "-cp", libraries, "-d", str(classes), source])
    return Validator(program, f"{classes}{os.pathsep}{libraries}")


def untolerated(messages: Iterable[dict[str, Any]]) -> list[str]:
    """Return what the table above does not allow, each as one line."""
    return [
        f"{m['file']}: {m['severity']} {m['location']}: {m['text']}" for m in messages if not _tolerated(m)
    ]


def _tolerated(message: dict[str, Any]) -> bool:
    return any(
        re.fullmatch(severity, message["severity"]) and re.search(pattern, message["text"], re.DOTALL)
        for severity, pattern in TOLERATED
    )


def _call(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-4000:] + done.stdout[-4000:]
    return done.stdout
