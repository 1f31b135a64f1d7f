"""Revocation and registration hold from the next request, whichever process answers it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import requests

from gateway.core.settings import Settings
from tests.oauth.backend import Backend
from tests.support.processes import LiveGateway, run_gateway

ORIGIN = "https://app.example"


@pytest.fixture(scope="module")
def gateway(module_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveGateway]:
    with run_gateway(module_settings, tmp_path_factory.mktemp("gateway") / "log", workers=2) as running:
        yield running


@pytest.fixture
def backend(gateway: LiveGateway) -> Backend:
    made = Backend(f"{gateway.base}/auth/token")
    metadata = json.dumps(made.metadata(allowed_origins=[ORIGIN]))
    added = gateway.cli("clients", "add", "--json", "-", stdin=metadata)
    assert added.returncode == 0, added.stderr
    return made


def post(gateway: LiveGateway, path: str, form: dict[str, str]) -> requests.Response:
    # A connection each: the kernel hands them to both workers.
    return requests.post(gateway.base + path, data=form, headers={"Connection": "close"}, timeout=30)


def token(gateway: LiveGateway, backend: Backend) -> str:
    return str(post(gateway, "/auth/token", backend.form()).json()["access_token"])


def uses(gateway: LiveGateway, text: str) -> set[int]:
    """Return the statuses of several reads of nothing: 401 where the token is not accepted."""
    url = f"{gateway.fhir}/Patient/01890000-0000-7000-8000-000000000000"
    headers = {"Authorization": f"Bearer {text}", "Origin": ORIGIN, "Connection": "close"}
    answers = [requests.get(url, headers=headers, timeout=30) for _ in range(12)]
    # In browsers too, refused or not.
    assert {answer.headers.get("Access-Control-Allow-Origin") for answer in answers} == {ORIGIN}
    return {answer.status_code for answer in answers}


def test_a_token_that_was_given_back_is_refused_by_every_worker(
    gateway: LiveGateway, backend: Backend
) -> None:
    kept, given_back = token(gateway, backend), token(gateway, backend)
    # Used before, so that both workers remember its signature as good.
    assert 401 not in uses(gateway, given_back)
    bare = {"grant_type": None, "scope": None, "token": given_back}
    assert post(gateway, "/auth/revoke", backend.form(**bare)).status_code == 200
    assert uses(gateway, given_back) == {401}
    for _ in range(4):
        assert post(gateway, "/auth/introspect", backend.form(**bare)).json() == {"active": False}
    assert 401 not in uses(gateway, kept)


def test_a_client_that_is_disabled_is_refused_by_every_worker(gateway: LiveGateway, backend: Backend) -> None:
    text = token(gateway, backend)
    assert 401 not in uses(gateway, text)
    assert gateway.cli("clients", "disable", backend.client_id).returncode == 0
    url = f"{gateway.fhir}/Patient/01890000-0000-7000-8000-000000000000"
    for _ in range(12):
        answer = requests.get(
            url,
            headers={"Authorization": f"Bearer {text}", "Origin": ORIGIN, "Connection": "close"},
            timeout=30,
        )
        assert answer.status_code == 401
        assert "Access-Control-Allow-Origin" not in answer.headers
    assert post(gateway, "/auth/token", backend.form()).status_code == 400
