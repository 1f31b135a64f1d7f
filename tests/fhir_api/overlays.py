"""A gateway that has been sent some of the sample files, for the tests of what is computed from them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from gateway.auth.accounts import add_account
from gateway.embedded import Urls
from gateway.ingest.run import ingest_file
from tests.conftest import make_settings
from tests.fhir_api import bodies
from tests.fhir_api.answered import Answer
from tests.fhir_api.conftest import CLINIC, NPI, Gateway
from tests.support.databases import TestDatabase

FOLDER = Path(__file__).resolve().parents[1] / "data" / "overlays"


@contextmanager
def gateway_with(servers: Urls, database: TestDatabase, home: Path, *names: str) -> Iterator[Gateway]:
    """Yield a gateway with one client and one practitioner that was sent the files `names`."""
    from gateway.app import create_app

    app = create_app(make_settings(servers, database, home))
    made = Gateway(app, ec.generate_private_key(ec.SECP384R1()))
    made.register("ehr")
    add_account(
        made.services.database,
        made.services.vault,
        username="creech",
        role="practitioner",
        given_name="Harlan",
        family_name="Creech",
        password="correct horse",
        npi=NPI,
        organizations=(CLINIC,),
    )
    for name in names:
        path = next(FOLDER.glob(f"{name}-*.asap"))
        answer = send(made, path.read_bytes(), path.name)
        assert answer["status"] == "accepted", answer
    yield made
    app.extensions["pdmp"].close()


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
