"""A gateway with what pharmacies reported, and users who let apps act for them.

Consents and their tokens are written as the code flow writes them; the flow itself has its own tests.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pytest

from gateway.auth.accounts import add_account
from gateway.auth.registration import register_client
from tests.fhir_api import asap, bodies
from tests.fhir_api.bodies import parameters
from tests.fhir_api.conftest import CLINIC, NPI, SCOPE, Caller, Gateway, gateway, reported
from tests.oauth.consents import Consent
from tests.support.databases import TestDatabase

__all__ = ["CLINIC", "NPI", "SCOPE", "gateway", "reported"]

EVERYTHING = "launch/patient openid fhirUser patient/*.rs"
SUPERVISOR_NPI = "1999200003"


@dataclass
class User(Caller):
    """An app that acts for a user: a caller with the consent that its token belongs to."""

    consent: Consent

    def search(self, query: str = "", **headers: str) -> dict[str, Any]:
        """Return the answer to a search, which must be one."""
        answer = self.get(f"/fhir/MedicationDispense?{query}", **headers)
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.get_json()
        return document

    def status(self, path: str) -> int:
        return self.get(f"/fhir/{path}").status_code


@dataclass
class House:
    """The gateway, whom it knows, and the way to write what the code flow would have written."""

    gateway: Gateway
    database: TestDatabase
    creech: UUID
    people: dict[str, UUID]

    def app(self, organizations: tuple[str, ...] = (), **more: Any) -> str:
        """Return the id of a new public client."""
        metadata: dict[str, Any] = {
            "client_name": "An app",
            "redirect_uris": ["https://app.example/redirect"],
            "grant_types": ["authorization_code"],
            "token_endpoint_auth_method": "none",
            "scope": "launch/patient openid fhirUser patient/*.rs user/*.rs",
            **({"organizations": list(organizations)} if organizations else {}),
            **more,
        }
        return str(register_client(self.gateway.services.database, metadata)["client_id"])

    def user(self, scope: str = EVERYTHING, *, person: str | None = "fenwick", **more: Any) -> User:
        """Return an app with a token of these scopes, by a consent of its own; `more` are its columns."""
        values = {"client_id": self.app(), "account_id": self.creech, **more}
        consent = Consent(
            self.gateway.services,
            self.database.admin_url,
            scope=scope,
            person_id=self.people[person] if person else None,  # type: ignore[arg-type]
            **values,
        )
        return User(self.gateway.http, consent.access_token, consent)

    def account(self, role: str, **more: Any) -> UUID:
        services = self.gateway.services
        made = add_account(
            services.database,
            services.vault,
            username=f"u{uuid.uuid4().hex}",
            role=role,
            given_name="Ada",
            family_name="Baker",
            password="correct horse",
            **more,
        )
        return UUID(made["account_id"])

    def query(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database.admin_url, options="-c search_path=pdmp") as admin:
            return admin.execute(statement, values).fetchall()

    def audited(self, user: User) -> dict[str, Any]:
        """Return the newest audit row under a user's consent."""
        rows = self.query(
            "SELECT to_jsonb(audit) FROM audit WHERE consent_id = %(consent)s ORDER BY at DESC LIMIT 1",
            consent=user.consent.consent_id,
        )
        found: dict[str, Any] = rows[0][0] if rows else {}
        return found


@pytest.fixture(scope="module")
def house(reported: Gateway, module_database: TestDatabase) -> House:
    more = [
        asap._FENWICK,
        *_fill("5020001", "20260610", fill_number=1),
        *_fill("5020002", "20260611", fill_number=2, partial="01"),
        *_fill("5020003", "20260612", fill_number=0, partial="01"),
    ]
    answer = asap.report(reported.services, "A-3", more)
    assert answer["status"] == "accepted", answer
    backend = reported.caller()
    people = {}
    for name, body in (
        ("fenwick", bodies.fenwick()),
        ("bell", bodies.bell(**bodies.ssn("999700201"))),
    ):
        document = backend.history(parameters(body)).get_json()
        people[name] = UUID(document["parameter"][0]["resource"]["entry"][0]["resource"]["id"])
    with psycopg.connect(module_database.admin_url, options="-c search_path=pdmp") as admin:
        row = admin.execute("SELECT account_id FROM account WHERE username = 'creech'").fetchone()
    assert row
    return House(reported, module_database, row[0], people)


def _fill(rx: str, filled: str, *, fill_number: int, partial: str = "00") -> tuple[str, str]:
    fill, prescriber = asap.fill(rx, filled, asap.OXYCODONE, 30, asap.CREECH)
    fields = fill.split("*")
    fields[4], fields[6], fields[13] = "5", str(fill_number), partial
    return "*".join(fields), prescriber
