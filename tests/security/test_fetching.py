"""Attacks by which the gateway would call an address: on loopback as in a demonstration, and behind https."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import requests

from gateway.auth.registration import register_client
from gateway.embedded import Urls
from tests.cds.ehr import Ehr, hook
from tests.conftest import make_settings
from tests.oauth.backend import Backend
from tests.oauth.conftest import close, open_services
from tests.security.house import House, refused
from tests.security.key_server import Attacker, attackers_server
from tests.support.databases import fresh_database
from tests.support.processes import run_gateway

PROXY = "https://pdmp.example.org"
PATH = "/cds-services/pdmp-patient-view"


@pytest.fixture(scope="module")
def public(servers: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A gateway as in production: its base URL is https and no loopback; a proxy stands in front of it."""
    folder = tmp_path_factory.mktemp("public")
    with fresh_database(servers) as database:
        settings = replace(
            make_settings(servers, database, folder),
            cds_app_launch_url="https://app.example/launch",
            # A day of its own is for tests on loopback only.
            test_today=None,
        )
        with run_gateway(settings, folder / "gateway.log", behind=PROXY) as gateway:
            services = open_services(gateway.settings)
            yield House(gateway, services, "")
            close(services)


@pytest.fixture
def attacker() -> Iterator[Attacker]:
    with attackers_server() as made:
        yield made


def by_url(house: House, url: str) -> Backend:
    """Return a client whose keys are at `url`, as if it had been registered before the rules were made."""
    made = Backend(f"{house.base}/auth/token")
    register_client(house.services.database, made.metadata(jwks=None, jwks_uri="https://keys.example/jwks"))
    house.as_owner(
        "UPDATE client SET jwks_uri = %(url)s WHERE client_id = %(id)s",
        url=url,
        id=made.client_id,
    )
    return made


def token(house: House, backend: Backend, **header: object) -> requests.Response:
    form = backend.form(assertion=backend.assertion(header=header))
    return requests.post(f"{house.address}/auth/token", data=form, timeout=60)


def by_value(house: House) -> Backend:
    made = Backend(f"{house.base}/auth/token")
    register_client(house.services.database, made.metadata())
    return made


def test_a_jku_is_never_fetched(house: House, public: House, attacker: Attacker) -> None:
    for one in (house, public):
        backend = by_value(one)
        forger = Backend(backend.token_url, client_id=backend.client_id)
        attacker.answers["/jwks.json"] = forger.jwks()
        for url in (
            attacker.url(),
            attacker.url(host="localhost"),
            attacker.url(scheme="https"),
            "http://169.254.169.254/latest/meta-data",
            "file:///etc/passwd",
            f"{one.base}/.well-known/jwks.json",
            "",
            7,
        ):
            refused(token(one, forger, jku=url), "invalid_client")
            refused(token(one, backend, jku=url), "invalid_client")
        assert token(one, backend).status_code == 200
    assert attacker.asked == []


def test_a_key_sets_url_on_loopback_is_for_demonstrations_only(
    house: House, public: House, attacker: Attacker
) -> None:
    for one, reached in ((house, True), (public, False)):
        for host in ("127.0.0.1", "localhost", "keys.localhost"):
            attacker.asked.clear()
            backend = by_url(one, attacker.url(host=host))
            attacker.answers["/jwks.json"] = backend.jwks()
            answer = token(one, backend)
            if reached:
                assert answer.status_code == 200
            else:
                refused(answer, "invalid_client")
            assert (attacker.asked == ["/jwks.json"]) == reached
        # A client with its keys at hand goes on as ever.
        assert token(one, by_value(one)).status_code == 200


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1:{port}/jwks.json",
        "https://localhost:{port}/jwks.json",
        "https://127.1:{port}/jwks.json",
        "https://2130706433:{port}/jwks.json",
        "https://0x7f.0.0.1:{port}/jwks.json",
        "https://0177.0.0.1:{port}/jwks.json",
        "https://0.0.0.0:{port}/jwks.json",
        "https://[::1]:{port}/jwks.json",
        "https://[::ffff:127.0.0.1]:{port}/jwks.json",
        "https://[64:ff9b::7f00:1]:{port}/jwks.json",
        "https://[fd00::1]:{port}/jwks.json",
        "https://10.0.0.1/jwks.json",
        "https://172.16.0.1/jwks.json",
        "https://192.168.0.1/jwks.json",
        "https://100.64.0.1/jwks.json",
        "https://169.254.169.254/latest/meta-data",
        "http://169.254.169.254/latest/meta-data",
        "http://keys.example/jwks.json",
        "https://user:password@keys.example/jwks.json",
        "https://keys.example\\@127.0.0.1:{port}/jwks.json",
        "https://keys.example#@127.0.0.1:{port}/jwks.json",
        "ftp://keys.example/jwks.json",
        "file:///etc/passwd",
        "gopher://127.0.0.1:{port}/x",
        "//127.0.0.1:{port}/jwks.json",
        "https://",
        "",
    ],
)
def test_private_addresses_are_called_from_nowhere(public: House, attacker: Attacker, url: str) -> None:
    written = url.replace("{port}", str(attacker.port))
    backend = by_url(public, written)
    attacker.answers["/jwks.json"] = backend.jwks()
    refused(token(public, backend), "invalid_client")
    assert attacker.asked == []
    assert token(public, by_value(public)).status_code == 200


def test_a_redirect_a_flood_or_nonsense_is_no_key_set(house: House, attacker: Attacker) -> None:
    backend = by_url(house, attacker.url("/a"))
    attacker.answers["/b"] = backend.jwks()
    for answer in (
        attacker.url("/b"),
        "http://169.254.169.254/latest",
        b"x" * 100_000,
        b'{"keys":[]' + b" " * 70_000 + b"}",
        b'{"keys": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        b"<html>",
        b"\xff\xfe",
        {"keys": [{"kty": "oct", "kid": "k1", "k": "AAAA"}]},
        {"keys": backend.jwks()["keys"] * 2},
    ):
        attacker.answers["/a"] = answer
        one = by_url(house, attacker.url(f"/a?{len(attacker.asked)}"))
        one.keys = backend.keys
        attacker.answers[f"/a?{len(attacker.asked)}"] = answer
        refused(token(house, one), "invalid_client")
    assert "/b" not in attacker.asked
    good = by_url(house, attacker.url("/good"))
    attacker.answers["/good"] = good.jwks()
    assert token(house, good).status_code == 200


def test_strangers_key_ids_do_not_make_us_flood_a_client(house: House, attacker: Attacker) -> None:
    backend = by_url(house, attacker.url("/mine"))
    attacker.answers["/mine"] = backend.jwks()
    assert token(house, backend).status_code == 200
    before = len(attacker.asked)
    for n in range(12):
        refused(token(house, backend, kid=f"unknown{n}"), "invalid_client")
    # Now and then, by each of the two workers: not each time.
    assert len(attacker.asked) - before <= 2
    assert token(house, backend).status_code == 200


def call(
    house: House, ehr: Ehr, sent: dict[str, object] | None = None, **changes: object
) -> requests.Response:
    headers = ehr.headers(PATH, **changes)
    return requests.post(house.address + PATH, json=sent or hook("patient-view"), headers=headers, timeout=60)


def test_a_hooks_fhir_server_or_keys_are_called_only_as_registered(public: House, attacker: Attacker) -> None:
    ehr = Ehr(public.base, iss="https://fetching.example")
    register_client(public.services.database, ehr.metadata(), client_id="fetching")
    authorization = {"access_token": "t", "token_type": "Bearer", "expires_in": 300, "scope": "patient/*.rs"}
    for server in (
        attacker.url("/fhir"),
        attacker.url("/fhir", scheme="https"),
        "http://169.254.169.254/fhir",
        f"{ehr.fhir_server}@127.0.0.1:{attacker.port}/fhir",
        f"{ehr.fhir_server}/../../evil",
        f"{ehr.fhir_server}.evil.example",
        "file:///etc/passwd",
    ):
        sent = hook("patient-view", prefetch=None, fhirServer=server, fhirAuthorization=authorization)
        answer = call(public, ehr, sent)
        assert answer.status_code == 400, answer.text
        assert "169.254" not in answer.text
    forger = Ehr(public.base, iss=ehr.iss)
    attacker.answers["/jwks.json"] = forger.jwks()
    for header in ({"jku": attacker.url()}, {"jku": attacker.url(scheme="https")}):
        assert call(public, forger, header=header).status_code == 401
        assert call(public, ehr, header=header).status_code == 401
    assert attacker.asked == []
    assert call(public, ehr).status_code == 200
