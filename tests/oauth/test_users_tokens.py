"""Introspection and revocation of what a user granted: both kinds of token, each way in which they end."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from gateway.auth.registration import disable_client, register_client
from gateway.oauth import style
from gateway.services import Services
from tests.oauth.conftest import Register
from tests.oauth.consents import SCOPE, Consent, account
from tests.oauth.test_client_authentication import APP
from tests.support.databases import TestDatabase

BASE = "http://localhost:8000"
INACTIVE = {"active": False}


@pytest.fixture
def app(services: Services) -> str:
    return str(register_client(services.database, {**APP, "token_endpoint_auth_method": "none"})["client_id"])


@pytest.fixture
def consent(services: Services, module_database: TestDatabase, app: str) -> Consent:
    return Consent(services, module_database.admin_url, app, account(services))


def introspect(http: FlaskClient, consent: Consent, token: str) -> dict[str, Any]:
    answer = http.post("/auth/introspect", data={"client_id": consent.client_id, "token": token})
    assert answer.status_code == 200
    assert answer.json is not None
    return answer.json


def active(http: FlaskClient, consent: Consent) -> tuple[bool, bool]:
    """Return whether the access and the refresh token are."""
    told = [introspect(http, consent, token) for token in (consent.access_token, consent.refresh_token)]
    assert all(one["active"] or one == INACTIVE for one in told)
    return told[0]["active"], told[1]["active"]


def revoke(http: FlaskClient, client_id: str, token: str) -> None:
    assert http.post("/auth/revoke", data={"client_id": client_id, "token": token}).status_code == 200


def test_who_and_what_the_token_response_said_is_said_again(http: FlaskClient, consent: Consent) -> None:
    told = introspect(http, consent, consent.access_token)
    assert told.pop("username").startswith("u")
    assert told.pop("exp") - told.pop("iat") == 900
    assert told == {
        "active": True,
        "scope": SCOPE,
        "client_id": consent.client_id,
        "token_type": "Bearer",
        "iss": BASE,
        "aud": f"{BASE}/fhir",
        "sub": str(consent.account_id),
        "fhirUser": f"{BASE}/fhir/Practitioner/{consent.account_id}",
        "patient": str(consent.person_id),
        "encounter": str(consent.encounter_id),
        "intent": "reconcile",
        "smart_style_url": style.url(BASE),
    }
    refresh = introspect(http, consent, consent.refresh_token)
    assert refresh["token_type"] == "refresh_token"
    assert "aud" not in refresh
    same = ("scope", "client_id", "sub", "iss", "fhirUser", "patient", "encounter", "intent")
    assert {name: refresh[name] for name in same} == {name: told[name] for name in same}


def test_who_signed_in_is_told_only_where_the_user_let_it_be(
    http: FlaskClient, services: Services, consent: Consent
) -> None:
    quiet = Consent(
        services, consent.admin_url, consent.client_id, consent.account_id, scope="patient/Patient.r"
    )
    told = introspect(http, quiet, quiet.access_token)
    assert told["active"]
    assert not told.keys() & {"username", "fhirUser"}


def test_an_access_token_is_given_back_alone(http: FlaskClient, consent: Consent) -> None:
    revoke(http, consent.client_id, consent.access_token)
    assert active(http, consent) == (False, True)


def test_with_a_refresh_token_the_whole_consent_is_given_back(http: FlaskClient, consent: Consent) -> None:
    assert active(http, consent) == (True, True)
    revoke(http, consent.client_id, consent.refresh_token)
    assert active(http, consent) == (False, False)


def test_a_refresh_token_that_was_used_gives_the_consent_back_too(
    http: FlaskClient, consent: Consent
) -> None:
    consent.change("UPDATE refresh_token SET used_at = now() WHERE consent_id = %(consent_id)s")
    assert active(http, consent) == (True, False)
    revoke(http, consent.client_id, consent.refresh_token)
    assert active(http, consent) == (False, False)


def test_another_client_gives_back_and_sees_nothing(
    http: FlaskClient, services: Services, consent: Consent
) -> None:
    other = register_client(services.database, {**APP, "token_endpoint_auth_method": "none"})["client_id"]
    for token in (consent.access_token, consent.refresh_token):
        revoke(http, other, token)
        asked = http.post("/auth/introspect", data={"client_id": other, "token": token})
        assert asked.json == INACTIVE
    assert active(http, consent) == (True, True)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE consent SET revoked_at = now() WHERE consent_id = %(consent_id)s",
        "UPDATE consent SET expires_at = now() WHERE consent_id = %(consent_id)s",
        "UPDATE account SET disabled_at = now() WHERE account_id = %(account_id)s",
    ],
)
def test_both_end_at_once_with_what_they_stand_on(
    http: FlaskClient, consent: Consent, statement: str
) -> None:
    assert active(http, consent) == (True, True)
    consent.change(statement)
    assert active(http, consent) == (False, False)


def test_both_end_at_once_with_the_client(
    http: FlaskClient, services: Services, register: Register, consent: Consent
) -> None:
    all_seeing = register(scope="__introspect")

    def seen() -> list[bool]:
        return [
            http.post("/auth/introspect", data=all_seeing.form(token=token)).json["active"]  # type: ignore[index]
            for token in (consent.access_token, consent.refresh_token)
        ]

    assert seen() == [True, True]
    disable_client(services.database, consent.client_id)
    assert seen() == [False, False]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE browser_session SET ended_at = now() WHERE account_id = %(account_id)s",
        "UPDATE browser_session SET expires_at = now() WHERE account_id = %(account_id)s",
    ],
)
def test_online_access_ends_with_the_session(
    http: FlaskClient, services: Services, consent: Consent, statement: str
) -> None:
    bound = Consent(services, consent.admin_url, consent.client_id, consent.account_id, session_bound=True)
    assert active(http, bound) == (True, True)
    bound.change(statement)
    assert active(http, bound) == (False, False)
    assert active(http, consent) == (True, True)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE delegation SET ended_at = now() WHERE delegate_id = %(account_id)s",
        "UPDATE account SET disabled_at = now() WHERE account_id = %(supervisor_id)s",
    ],
)
def test_a_delegates_tokens_end_with_the_supervision(
    http: FlaskClient, services: Services, consent: Consent, statement: str
) -> None:
    supervisor_id = account(services)
    delegate_id = account(services, "delegate", supervisors=[username(services, supervisor_id)])
    acting = Consent(services, consent.admin_url, consent.client_id, delegate_id, supervisor_id=supervisor_id)
    told = introspect(http, acting, acting.access_token)
    # The delegate is who signed in.
    assert told["sub"] == str(delegate_id)
    acting.change(statement, supervisor_id=supervisor_id)
    assert active(http, acting) == (False, False)


def username(services: Services, account_id: Any) -> str:
    with services.database.connection() as connection:
        row = connection.execute(
            "SELECT username FROM account WHERE account_id = %s", [account_id]
        ).fetchone()
    assert row is not None
    return str(row[0])
