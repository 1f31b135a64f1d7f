"""A gateway that has been sent some of the sample files, for the tests of what is computed from them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway.embedded import Urls
from gateway.ingest.run import ingest_file
from tests.conftest import make_settings
from tests.fhir_api import bodies
from tests.fhir_api.answered import Answer
from tests.fhir_api.conftest import Gateway, open_gateway
from tests.support.databases import TestDatabase

FOLDER = Path(__file__).resolve().parents[1] / "data" / "overlays"


@contextmanager
def gateway_with(
    servers: Urls, database: TestDatabase, home: Path, *names: str, **more: str
) -> Iterator[Gateway]:
    """Yield a gateway that was sent the files `names`; `more` are further PDMP_ variables."""
    with open_gateway(make_settings(servers, database, home, **more)) as made:
        for name in names:
            path = next(FOLDER.glob(f"{name}-*.asap"))
            answer = send(made, path.read_bytes(), path.name)
            assert answer["status"] == "accepted", answer
        yield made


def send(gateway: Gateway, body: bytes, name: str) -> dict[str, Any]:
    """Return ingest's answer to a file."""
    s = gateway.services
    return ingest_file(s.database, s.clock, s.vault, s.mappings, s.settings, body, name)


def history(gateway: Gateway, family: str, given: str, born: str, **evidence: Any) -> Answer:
    """Return the history of one person with its figures."""
    patient = bodies.patient(family, given, born, **evidence)
    body = bodies.parameters(patient, computed_facts={"valueBoolean": True})
    answer = gateway.caller().history(body)
    assert answer.status_code == 200, answer.text
    return Answer(answer.data)
