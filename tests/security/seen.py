"""How a patient's data is asked for, and how nothing is told of another: of Marcus Bell, in no context."""

from __future__ import annotations

import json
from typing import Any

import requests

from tests.fhir_api import bodies
from tests.security.house import House

PRIVATE = ("Bell", "Marcus", "1971-08-05", "999-70-0201", "999700201", "Mill Street")


def nothing_of_theirs(answer: requests.Response) -> None:
    assert answer.status_code in (400, 401, 403, 404, 405), answer.text
    assert answer.headers["Content-Type"].startswith("application/fhir+json")
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert not any(word in answer.text for word in PRIVATE)


def history(house: House, token: str, patient: dict[str, Any], **inputs: Any) -> requests.Response:
    return requests.post(
        f"{house.fhir}/Patient/$pdmp-history",
        data=json.dumps(bodies.parameters(patient, **inputs)),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"},
        timeout=30,
    )
