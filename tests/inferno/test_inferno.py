"""Inferno's own tests of SMART App Launch 2.2 and of (g)(10)'s authorization, against the gateway.

Groups of `smart_stu2_2`: 1 standalone launch, 2 EHR launch, 3 Backend Services, 4 introspection. Of
`g10_certification`: 9.3 and 9.4 and 9.16 to 9.22. Not 9.14, 9.15 and 9.23 to 9.28: they want US Core's
Condition and Observation, which a monitoring program does not hold.
"""

from __future__ import annotations

import base64
import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.run.exchanges import Exchanges
from conformance.suites.smart.client import Client
from conformance.suites.smart.flow import Flow
from conformance.suites.smart.session import SmartSession
from gateway.core.settings import Settings
from tests.inferno.kit import Inferno, run_inferno
from tests.support import tools
from tests.support.processes import ROOT
from tests.support.smart_program import BACKEND, EHR, FORM, LAUNCH, STANDALONE, Program, run_program

pytestmark = pytest.mark.slow

SMART = "smart_stu2_2"
G10 = "g10_certification"
OPTIONS = {
    "us_core_version": "us_core_6",
    "smart_app_launch_version": "smart_app_launch_2_2",
    "multi_patient_version": "multi_patient_api_stu2",
}
PATIENT = "patient/Patient.rs patient/MedicationDispense.rs patient/MedicationRequest.rs"
V1 = "launch/patient openid fhirUser offline_access patient/*.read"
#: Rows of 9.22 that search types of US Core which are not here: they can't pass.
US_CORE = {f"9.22.5.{number:02}" for number in (*range(3, 12), 13, 14, 17, 18, 19)}
#: How each kind of app is registered, and what Inferno is told of it.
KINDS: dict[str, tuple[str, dict[str, str]]] = {
    "public": ("none", {"auth_type": "public"}),
    "symmetric": ("client_secret_basic", {"auth_type": "symmetric"}),
    "ES384": ("private_key_jwt", {"auth_type": "asymmetric", "encryption_algorithm": "ES384"}),
    "RS384": ("private_key_jwt", {"auth_type": "asymmetric", "encryption_algorithm": "RS384"}),
}


@pytest.fixture(scope="module")
def inferno(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inferno]:
    kit = tools.folder("INFERNO_KIT")
    with run_inferno(kit, tmp_path_factory.mktemp("inferno") / "inferno.log") as running:
        yield running


@pytest.fixture(scope="module")
def program(
    inferno: Inferno, module_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Program]:
    with run_program(module_settings, tmp_path_factory.mktemp("gateway"), workers=2) as running:
        yield running


@pytest.fixture(scope="module")
def ehr(program: Program) -> dict[str, Any]:
    return program.ehr(program.ec) | {"private_jwk": program.ec}


def app(program: Program, inferno: Inferno, kind: str, place: str = SMART) -> dict[str, Any]:
    """Register the app that Inferno plays; its keys are where Inferno serves them."""
    method, _ = KINDS[kind]
    more: dict[str, Any] = {"allowed_origins": [inferno.base]}
    if method == "private_key_jwt":
        # Inferno plays the apps of (g)(10) at other addresses, each with the same keys.
        keys = "g10_certification" if place == "smart" else place
        more["jwks_uri"] = inferno.address(keys, ".well-known/jwks.json")
    made = program.app(method, inferno.address(place, "redirect"), **more)
    return {**made, "base": program.gateway.base}


def auth_info(client: dict[str, Any], kind: str, scopes: str, method: str = "GET") -> dict[str, str]:
    """Return what Inferno is told of an app."""
    told = {
        **KINDS[kind][1],
        "client_id": client["client_id"],
        "requested_scopes": scopes,
        "pkce_support": "enabled",
        "pkce_code_challenge_method": "S256",
        "auth_request_method": method,
        "use_discovery": "true",
        # What discovery tells in other groups; 9.4 begins without it.
        "auth_url": f"{client['base']}/auth/authorize",
        "token_url": f"{client['base']}/auth/token",
    }
    if "client_secret" in client:
        told["client_secret"] = client["client_secret"]
    return told


def config(program: Program, inputs: dict[str, Any], options: dict[str, str] | None = None) -> dict[str, Any]:
    """Return a run's configuration."""
    return {
        "options": options or {},
        "inputs": {"url": program.gateway.fhir, **inputs},
        "fields": {name: value for name, value in FORM.items() if name != "decision"},
        "buttons": {"decision": FORM["decision"]},
    }


def launching(
    program: Program, ehr: dict[str, Any], client: dict[str, Any], folder: Path
) -> dict[str, list[dict[str, str]]]:
    """Return the part of a configuration by which the EHR launches `client` where Inferno waits for it."""
    file = folder / "launch.json"
    told = {
        "base": program.gateway.base,
        "ehr": ehr,
        "app": client["client_id"],
        "launch_url": client["launch_uris"][0],
        "body": LAUNCH,
    }
    file.write_text(json.dumps(told))
    words = [sys.executable, "-m", "tests.inferno.open_launch", str(file)]
    run = f"cd {shlex.quote(str(ROOT))} && {shlex.join(words)}"
    return {"on_wait": [{"match": "app_launch\\n|launch_received", "run": run}]}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("kind", list(KINDS))
def test_apps_launch_standalone_and_from_the_ehr(
    inferno: Inferno, program: Program, ehr: dict[str, Any], tmp_path: Path, kind: str, method: str
) -> None:
    client = app(program, inferno, kind)
    inputs = {
        "standalone_smart_auth_info": auth_info(client, kind, STANDALONE, method),
        "ehr_smart_auth_info": auth_info(client, kind, EHR, method),
    }
    told = config(program, inputs) | launching(program, ehr, client, tmp_path)
    report = inferno.run(SMART, told, tmp_path, "1", "2")
    assert not report.failed, report.output
    assert report.counts["pass"] > 40


@pytest.mark.parametrize("algorithm", ["ES384", "RS384"])
def test_services_get_tokens(inferno: Inferno, program: Program, tmp_path: Path, algorithm: str) -> None:
    client = program.backend(None, jwks_uri=inferno.address(SMART, ".well-known/jwks.json"))
    info = {
        "auth_type": "backend_services",
        "encryption_algorithm": algorithm,
        "client_id": client["client_id"],
        "use_discovery": "true",
        "requested_scopes": BACKEND,
    }
    told = config(program, {"backend_services_smart_auth_info": info})
    report = inferno.run(SMART, told, tmp_path, "3")
    assert not report.failed, report.output
    assert report.counts["pass"] >= 8


@pytest.mark.parametrize("kind", ["public", "symmetric", "ES384"])
def test_tokens_are_told_about(inferno: Inferno, program: Program, tmp_path: Path, kind: str) -> None:
    client = app(program, inferno, kind)
    # Inferno sends the header that a tester types: here a client's own, for what may ask about every token.
    asking = program.app(
        "client_secret_basic", inferno.address(SMART, "redirect"), scope="launch/patient __introspect"
    )
    inputs = {
        "standalone_smart_auth_info": auth_info(client, kind, STANDALONE),
        "custom_authorization_header": f"Authorization: {basic(asking)}",
    }
    report = inferno.run(SMART, config(program, inputs), tmp_path, "4")
    assert not report.failed, report.output
    assert report.counts["pass"] > 10


def test_what_g10_asks_of_authorization(
    inferno: Inferno, program: Program, ehr: dict[str, Any], tmp_path: Path
) -> None:
    symmetric = app(program, inferno, "symmetric", "smart")
    public = app(program, inferno, "public", "smart")
    asymmetric = app(program, inferno, "ES384", "smart")
    inputs = {
        "public_smart_auth_info": auth_info(public, "public", STANDALONE),
        "standalone_smart_auth_info": auth_info(symmetric, "symmetric", STANDALONE),
        "ehr_patient_smart_auth_info": auth_info(symmetric, "symmetric", f"launch openid fhirUser {PATIENT}"),
        "asymmetric_smart_auth_info": auth_info(asymmetric, "ES384", STANDALONE),
        "v1_smart_auth_info": auth_info(symmetric, "symmetric", V1),
        "custom_authorization_header": f"Authorization: {basic(symmetric)}",
        **revoked(program, symmetric),
    }
    told = config(program, inputs, OPTIONS) | launching(program, ehr, symmetric, tmp_path)
    groups = ("9.3", "9.4", "9.16", "9.17", "9.18", "9.19", "9.20", "9.21", "9.22")
    report = inferno.run(G10, told, tmp_path, *groups)
    failed = report.failed
    others = {number: why for number, why in failed.items() if number not in US_CORE}
    assert not others, report.output
    assert set(failed) == US_CORE, "a row that could not pass does: take it out of the list"
    assert report.counts["pass"] > 80


def revoked(program: Program, client: dict[str, Any]) -> dict[str, Any]:
    """Return the inputs of 9.3: tokens of a launch that its user's program has revoked."""
    http = Exchanges(program.gateway.base, allow_http=True)
    session = SmartSession.of(
        http, {"clients": {"symmetric": client}, "values": FORM, "scopes": {"standalone": STANDALONE}}
    )
    own = Client.of("symmetric", {**client, "redirect_uri": client["redirect_uris"][0]})
    flow = Flow(session, own)
    body = flow.body()
    assert session.read(f"Patient/{flow.patient()}", flow.token()).status == 200
    endpoint = session.endpoint("revocation")
    credentials, headers = own.credentials(endpoint)
    assert http.form(endpoint, {"token": body["refresh_token"], **credentials}, headers).status == 200
    info = {
        "auth_type": "symmetric",
        "access_token": body["access_token"],
        "refresh_token": body["refresh_token"],
        "client_id": own.client_id,
        "client_secret": own.secret,
        "token_url": session.endpoint("token"),
    }
    return {
        "smart_auth_info": info,
        "standalone_patient_id": flow.patient(),
        "token_revocation_attestation": "true",
    }


def basic(client: dict[str, Any]) -> str:
    """Return an Authorization header's value of a client with a secret."""
    pair = f"{client['client_id']}:{client['client_secret']}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
