"""A user's consent as it lies in the database, with its tokens: for what is awkward to reach by a browser."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from gateway.auth.accounts import add_account
from gateway.core.ids import opaque_token, uuid7
from gateway.services import Services
from gateway.store.consents import secret_hash

SCOPE = "launch openid fhirUser offline_access patient/MedicationDispense.rs"


def account(services: Services, role: str = "practitioner", **more: Any) -> UUID:
    """Return the id of a new account; its username is its id's end."""
    numbers = {} if role == "delegate" else {"license": f"KY:{uuid.uuid4().hex[:12].upper()}"}
    made = add_account(
        services.database,
        services.vault,
        username=f"u{uuid.uuid4().hex}",
        role=role,
        given_name="Ada",
        family_name="Who",
        password="correct horse",
        **{**numbers, **more},
    )
    return UUID(made["account_id"])


@dataclass
class Consent:
    """One consent with an access and a refresh token. `change` writes to any table as its owner."""

    services: Services
    admin_url: str
    client_id: str
    account_id: UUID
    scope: str = SCOPE
    supervisor_id: UUID | None = None
    session_bound: bool = False
    consent_id: UUID = field(default_factory=uuid7)
    person_id: UUID = field(default_factory=uuid7)
    encounter_id: UUID = field(default_factory=uuid7)
    token_id: str = field(default_factory=opaque_token)
    refresh_token: str = field(default_factory=opaque_token)

    def __post_init__(self) -> None:
        now = dt.datetime.now(dt.UTC).replace(microsecond=0)
        session = uuid.uuid4().bytes if self.session_bound else None
        values = {
            **{name: getattr(self, name) for name in self.__dataclass_fields__},
            "session": session,
            "token_hash": secret_hash(self.refresh_token),
            "context": Jsonb({"intent": "reconcile"}),
            "now": now,
            "soon": now + dt.timedelta(minutes=15),
            "later": now + dt.timedelta(days=180),
        }
        if session:
            self.change(
                "INSERT INTO browser_session (session_hash, account_id, methods, expires_at)"
                " VALUES (%(session)s, %(account_id)s, '{pwd}', %(later)s)",
                **values,
            )
        self.change(
            "INSERT INTO consent (consent_id, client_id, account_id, supervisor_id, jurisdiction, person_id,"
            " encounter_id, scope, context, session_hash, session_bound, auth_time, expires_at) VALUES"
            " (%(consent_id)s, %(client_id)s, %(account_id)s, %(supervisor_id)s, 'KY', %(person_id)s,"
            " %(encounter_id)s, %(scope)s, %(context)s, %(session)s, %(session_bound)s, %(now)s, %(later)s)",
            **values,
        )
        self.change(
            "INSERT INTO access_token (token_id, client_id, account_id, consent_id, scope, issued_at,"
            " expires_at) VALUES (%(token_id)s, %(client_id)s, %(account_id)s, %(consent_id)s, %(scope)s,"
            " %(now)s, %(soon)s)",
            **values,
        )
        self.change(
            "INSERT INTO refresh_token (token_hash, consent_id, scope, expires_at)"
            " VALUES (%(token_hash)s, %(consent_id)s, %(scope)s, %(later)s)",
            **values,
        )
        settings = self.services.settings
        claims = {
            "iss": settings.issuer,
            "aud": settings.fhir_base,
            "sub": str(self.account_id),
            "client_id": self.client_id,
            "consent": str(self.consent_id),
            "scope": self.scope,
            "jti": self.token_id,
            "iat": int(now.timestamp()),
            "exp": int(values["soon"].timestamp()),
        }
        self.access_token = self.services.keys.sign(claims, algorithm="ES256", typ="at+jwt")

    def change(self, statement: str, **values: Any) -> None:
        with psycopg.connect(self.admin_url, options="-c search_path=pdmp") as admin:
            admin.execute(statement, {"consent_id": self.consent_id, "account_id": self.account_id, **values})
