"""One answer of $pdmp-history, taken apart for the tests of what is computed."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from fhir.resources.R4B.parameters import Parameters


class Answer:
    """One history, by kind of resource; drugs' rows by prescription number."""

    def __init__(self, body: bytes) -> None:
        Parameters.model_validate_json(body)
        parameters = json.loads(body, parse_float=Decimal)
        (data,) = [p for p in parameters["parameter"] if p["name"] == "pdmp-history-data"]
        self.entries = data["resource"]["entry"]
        self.rx = {
            f"MedicationDispense/{r['id']}": r["identifier"][0]["value"]
            for r in self.of("MedicationDispense")
        }

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [e["resource"] for e in self.entries if e["resource"]["resourceType"] == kind]

    @property
    def alerts(self) -> dict[str, dict[str, Any]]:
        """By the code of the rule."""
        return {a["code"]["coding"][1]["code"]: a for a in self.of("DetectedIssue")}

    @property
    def facts(self) -> dict[str, dict[str, Any]]:
        return {o["code"]["coding"][0]["code"]: o for o in self.of("Observation")}

    def value(self, code: str) -> Any:
        fact = self.facts[code]
        return fact["valueInteger"] if "valueInteger" in fact else fact["valueQuantity"]["value"]

    def rows(self, references: list[dict[str, str]]) -> set[str]:
        return {self.rx[one["reference"]] for one in references}
