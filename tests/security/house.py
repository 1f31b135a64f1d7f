"""The house that is attacked: a gateway under gunicorn with two workers, and what its owner may do to it.

Clients and accounts are registered as the command line does it, in this process, because a process for each
would take the suite's time. Ends of life are moved in the database by its owner: no test waits.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import requests

from gateway.auth.accounts import add_account
from gateway.auth.registration import register_client
from gateway.core.settings import Settings
from gateway.services import Services
from tests.oauth.backend import Backend
from tests.oauth.conftest import close, open_services
from tests.support.processes import LiveGateway
from tests.support.smart_browser import App, Browser
from tests.support.smart_program import CLINIC, LAUNCH, PATIENT, USER, run_program

CALLBACK = "https://app.example/redirect"
#: What an app asks for to see a patient's dispensations, for long.
SCOPE = "launch/patient openid fhirUser offline_access patient/MedicationDispense.rs patient/Patient.rs"
#: The same by an EHR's launch.
LAUNCHED = "launch openid fhirUser offline_access patient/MedicationDispense.rs patient/Patient.rs"
#: Who somebody is, and no patient.
WHO = "openid fhirUser offline_access"
_REGISTERED = (
    "launch launch/patient openid fhirUser offline_access online_access"
    " patient/*.rs patient/*.read user/*.rs user/*.read"
)
PASSWORD = "correct horse battery 12"


@dataclass
class House:
    """A running gateway, its services as an operator has them, and its database as its owner."""

    gateway: LiveGateway
    services: Services = field(repr=False)
    someone_else: str
    """The id of a patient who is in no context of the tests."""

    @property
    def base(self) -> str:
        return self.gateway.base

    @property
    def fhir(self) -> str:
        return self.gateway.fhir

    @property
    def address(self) -> str:
        """Return where the gateway listens, whatever its base URL says."""
        return f"http://{self.gateway.settings.bind}"

    def browser(self) -> Browser:
        """Return a browser that nobody has signed in with."""
        return Browser(self.base)

    def app(self, method: str = "none", **more: Any) -> App:
        """Return a newly registered app; `more` replaces members of its registration."""
        made = register_client(
            self.services.database,
            {
                "client_name": "An app",
                "token_endpoint_auth_method": method,
                "grant_types": ["authorization_code", "refresh_token"],
                "redirect_uris": [CALLBACK],
                "launch_uris": ["https://app.example/launch"],
                "scope": _REGISTERED,
                "organizations": [CLINIC],
                **more,
            },
        )
        redirect_uri = made["redirect_uris"][0]
        return App(self.base, made["client_id"], redirect_uri, secret=made.get("client_secret"))

    def backend(self, **more: Any) -> Backend:
        """Return a newly registered Backend Services client."""
        made = Backend(f"{self.base}/auth/token")
        register_client(self.services.database, made.metadata(**{"organizations": [CLINIC], **more}))
        return made

    def ehr(self) -> Backend:
        """Return a newly registered EHR that may open launches."""
        return self.backend(scope="__launch", trusted_ehr=True)

    def account(self, role: str = "practitioner", **more: Any) -> dict[str, str]:
        """Return username and password of a new account."""
        username = f"u{uuid.uuid4().hex}"
        numbers = {} if role == "delegate" else {"license": f"KY:{uuid.uuid4().hex[:12].upper()}"}
        made = {"given_name": "Ada", "family_name": "Who", "organizations": [CLINIC], **numbers, **more}
        services = self.services
        add_account(
            services.database, services.vault, username=username, role=role, password=PASSWORD, **made
        )
        return {"username": username, "password": PASSWORD}

    def code(self, app: App, scope: str = SCOPE, *, browser: Browser | None = None, **more: Any) -> str:
        """Return a code that a user has granted, through all the pages."""
        asked = {"user": USER, "patient": PATIENT, **more}
        answer = (browser or self.browser()).authorize(app, scope, **asked)
        assert "error" not in answer, answer
        return answer["code"]

    def tokens(self, app: App, scope: str = SCOPE, **more: Any) -> dict[str, Any]:
        """Return the token response of a new grant."""
        return app.exchange(self.code(app, scope, **more))

    def launch(self, ehr: Backend, app: App, **changes: Any) -> str:
        """Return the handle of a new launch of the app."""
        answer = self.open_launch(ehr, app, **changes)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["launch"])

    def open_launch(self, ehr: Backend, app: App, **changes: Any) -> requests.Response:
        """Return the answer to the request for a launch of the app."""
        token = requests.post(f"{self.base}/auth/token", data=ehr.form(scope="__launch"), timeout=30).json()
        return requests.post(
            f"{self.base}/auth/launch",
            json={**LAUNCH, "client_id": app.client_id, **changes},
            headers={"Authorization": f"Bearer {token['access_token']}"},
            timeout=30,
        )

    def get(self, path: str, token: str | None, **headers: str) -> requests.Response:
        """Return the answer to a read or search below the FHIR base."""
        if token is not None:
            headers = {"Authorization": f"Bearer {token}", **headers}
        return requests.get(f"{self.address}/fhir/{path}", headers=headers, timeout=30)

    def dispenses(self, tokens: dict[str, Any]) -> requests.Response:
        """Return the answer to the search that each of these tokens is for."""
        return self.get(f"MedicationDispense?patient={tokens['patient']}", tokens["access_token"])

    def introspected(self, app: App, token: str) -> dict[str, Any]:
        """Return what the token's own client is told about it."""
        client = {} if app.secret else {"client_id": app.client_id}
        answer = requests.post(
            f"{self.base}/auth/introspect",
            data={"token": token, **client},
            auth=(app.client_id, app.secret) if app.secret else None,
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def as_owner(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """Run one statement as the database's owner and return its rows, if it has any."""
        url = self.services.settings.migration_database_url
        assert url
        with psycopg.connect(url, options="-c search_path=pdmp", autocommit=True) as owner:
            found = owner.execute(statement.encode(), values)
            return found.fetchall() if found.description else []

    def audited(self, client_id: str) -> list[tuple[str, str]]:
        """Return outcome and reason of what was audited about a client, oldest first."""
        statement = "SELECT outcome, reason FROM audit WHERE client_id = %(client_id)s ORDER BY at, audit_id"
        return [(row[0], row[1]) for row in self.as_owner(statement, client_id=client_id)]

    def consents(self, app: App) -> list[tuple[UUID, str]]:
        """Return id and why it was revoked of the app's consents, oldest first."""
        found = self.as_owner(
            "SELECT consent_id, revoked_because FROM consent"
            " WHERE client_id = %(client_id)s ORDER BY created_at",
            client_id=app.client_id,
        )
        return [(row[0], row[1]) for row in found]

    def log(self) -> str:
        """Return all that the gateway has written to its log."""
        return self.gateway.log.read_text()


@contextmanager
def run_house(settings: Settings, folder: Path, **how: Any) -> Iterator[House]:
    """Yield a house with a user, patients and two workers. `how`: see `run_gateway`."""
    with run_program(settings, folder, **{"workers": 2, **how}) as program:
        services = open_services(program.gateway.settings)
        try:
            yield House(program.gateway, services, "" if how.get("behind") else program.someone_else())
        finally:
            close(services)


def refused(answer: requests.Response, error: str, status: int = 400) -> None:
    """Assert that a token request was refused, in the RFC's form and with nothing else in the answer."""
    told = answer.json()
    assert (answer.status_code, told["error"]) == (status, error), answer.text
    assert told.keys() == {"error", "error_description"}
    assert answer.headers["Cache-Control"] == "no-store"
