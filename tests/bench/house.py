"""The servers under test: a database of its own, the gateway with a client and an account, the yardsticks."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jwt
import psycopg
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.core.settings import Settings
from gateway.embedded import Urls
from tests.bench.load import Answer, Call, once
from tests.bench.people import person_of
from tests.support.databases import IDENTIFIER_BASE, TestDatabase
from tests.support.processes import ROOT, Cli, environment, free_port

TODAY = dt.date(2026, 11, 20)
FHIR_JSON = "application/fhir+json"
NPI = "1999100856"
ORGANIZATION = "1999000015"


def settings_for(urls: Urls, database: TestDatabase, home: Path, port: int) -> Settings:
    """Return settings of a gateway on `port` with everything at its default: workers, threads, audit."""
    return Settings.from_env(
        {
            "PDMP_HOME": str(home),
            "PDMP_BASE_URL": f"http://localhost:{port}",
            "PDMP_DATABASE_URL": database.url,
            "PDMP_MIGRATION_DATABASE_URL": database.owner_url,
            "PDMP_REDIS_URL": urls.redis_url or "",
            "PDMP_IDENTIFIER_BASE": IDENTIFIER_BASE,
            "PDMP_TEST_TODAY": TODAY.isoformat(),
        }
    )


@dataclass(frozen=True, slots=True)
class Running:
    """One server process: its port and the pid of its tree's root."""

    port: int
    pid: int


@contextmanager
def serve(words: list[str], env: Mapping[str, str], port: int, log: Path) -> Iterator[Running]:
    """Yield a server on `port` once its /healthz answers; it ends with the block, whatever happens."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", *words],
            env=dict(env),
            cwd=ROOT,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        probe = Call.make(port, "GET", "/healthz", {})
        deadline = time.monotonic() + 60
        while True:
            try:
                if once(probe).status == 200:
                    break
            except OSError:
                pass
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{words[-1]} did not start:\n{log.read_text()[-3000:]}")
            time.sleep(0.1)
        yield Running(port, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def gunicorn(settings: Settings, application: str | None, log: Path, **more: str) -> Any:
    """Return the context of a server under the gateway's gunicorn settings; None is the gateway itself."""
    port = int(settings.base_url.rpartition(":")[2]) if application is None else free_port()
    env = environment(settings) | {"PDMP_BIND": f"127.0.0.1:{port}", **more}
    words = ["gunicorn", "-c", "python:gateway.gunicorn_conf", *([application] if application else [])]
    return serve(words, env, port, log)


def fhirstarter(settings: Settings, database: TestDatabase, log: Path) -> Any:
    """Return the context of fhirstarter under uvicorn, with as many processes as the gateway has."""
    port = free_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith("PDMP_")}
    env |= {
        "FHIR_SEQUENCE": "R4B",
        "PYTHONWARNINGS": "ignore",
        "BENCH_DATABASE_URL": database.owner_url,
        "BENCH_FHIR_BASE": f"http://localhost:{port}",
    }
    words = ["uvicorn", "tests.bench.fhirstarter_app:app", "--host", "127.0.0.1", "--port", str(port)]
    words += ["--workers", str(settings.workers), "--no-access-log", "--log-level", "warning"]
    return serve(words, env, port, log)


def postmaster(database: TestDatabase) -> int:
    """Return the pid of the database server: the parent of a backend."""
    with psycopg.connect(database.admin_url) as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert row
        stat = Path(f"/proc/{row[0]}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])


@dataclass(slots=True)
class Requester:
    """A registered Backend Services client that acts for one practitioner with an account."""

    settings: Settings
    client_id: str
    key: ec.EllipticCurvePrivateKey = field(repr=False)
    bearer: str = field(default="", repr=False)
    grants: dict[int, tuple[str, str]] = field(default_factory=dict)
    """size -> (person id, grant id)"""

    @classmethod
    def register(cls, settings: Settings) -> Requester:
        """Return a new client, with the account it acts for, by the command line."""
        cli = Cli(environment(settings))
        key = ec.generate_private_key(ec.SECP384R1())
        public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
        client = {
            "client_name": "Bench",
            "grant_types": ["client_credentials"],
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": {"keys": [{**public, "kid": "bench", "alg": "ES384", "use": "sig"}]},
            "scope": "system/MedicationDispense.rs",
            "organizations": [ORGANIZATION],
        }
        made = cli("clients", "add", "--json", "-", stdin=json.dumps(client))
        if made.returncode:
            raise RuntimeError(f"pdmp clients add: {made.stderr}")
        account = ["--username", "bench", "--role", "practitioner", "--name", "Bea Bench", "--npi", NPI]
        account += ["--organization", ORGANIZATION, "--password-stdin", "--json"]
        added = cli("accounts", "add", *account, stdin="correct horse battery staple 9\n")
        if added.returncode:
            raise RuntimeError(f"pdmp accounts add: {added.stderr}")
        return cls(settings, json.loads(made.stdout)["client_id"], key)

    @property
    def port(self) -> int:
        """Return the gateway's port."""
        return int(self.settings.base_url.rpartition(":")[2])

    def sign_in(self) -> None:
        """Get an access token by a signed assertion; they live five minutes, a round less."""
        endpoint = f"{self.settings.base_url}/auth/token"
        now = int(time.time())
        claims = {"iss": self.client_id, "sub": self.client_id, "aud": endpoint, "iat": now, "exp": now + 240}
        assertion = jwt.encode(
            claims | {"jti": uuid.uuid4().hex}, self.key, algorithm="ES384", headers={"kid": "bench"}
        )
        form = {
            "grant_type": "client_credentials",
            "scope": "system/MedicationDispense.rs",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion,
        }
        body = urlencode(form).encode()
        answer = once(
            Call.make(
                self.port, "POST", "/auth/token", {"Content-Type": "application/x-www-form-urlencoded"}, body
            )
        )
        _expect(answer, "the token")
        self.bearer = json.loads(answer.body)["access_token"]

    def ask(self, size: int) -> Answer:
        """Call $pdmp-history for the person of `size`, keep the grant, return the answer."""
        answer = once(self.history(size))
        _expect(answer, "the history")
        parameters = {one["name"]: one for one in json.loads(answer.body)["parameter"]}
        bundle = parameters["pdmp-history-data"]["resource"]
        by_type: dict[str, list[str]] = {}
        for entry in bundle["entry"]:
            by_type.setdefault(entry["resource"]["resourceType"], []).append(entry["resource"]["id"])
        count = len(by_type["MedicationDispense"])
        if count != size:
            raise RuntimeError(f"a history of {size} dispensations came back with {count}")
        grant = answer.header("pdmp-grant")
        assert grant
        self.grants[size] = by_type["Patient"][0], grant
        return answer

    def history(self, size: int) -> Call:
        """Return the $pdmp-history request for the person of `size`."""
        person = person_of(size, TODAY)
        patient = {
            "resourceType": "Patient",
            "identifier": [{"system": "http://hl7.org/fhir/sid/us-ssn", "value": person.ssn}],
            "name": [{"family": person.last_name, "given": [person.first_name]}],
            "birthDate": person.birth_date.isoformat(),
        }
        npi = {"system": "http://hl7.org/fhir/sid/us-npi"}
        practitioner = {
            "resourceType": "Practitioner",
            "id": "p",
            "identifier": [{**npi, "value": NPI}],
            "name": [{"family": "Bench", "given": ["Bea"]}],
        }
        role = {"resourceType": "PractitionerRole", "practitioner": {"reference": "Practitioner/p"}}
        organization = {
            "resourceType": "Organization",
            "id": "o",
            "identifier": [{**npi, "value": ORGANIZATION}],
            "name": "Bench Clinic",
            "active": True,
        }
        body = {
            "resourceType": "Parameters",
            "parameter": [
                {"name": "patient", "resource": patient},
                {"name": "authorized-practitioner", "resource": practitioner},
                {"name": "authorized-practitioner-role", "resource": role},
                {"name": "authorized-practitioner-organization", "resource": organization},
            ],
        }
        return Call.make(
            self.port,
            "POST",
            "/fhir/$pdmp-history",
            {"Authorization": f"Bearer {self.bearer}", "Content-Type": FHIR_JSON, "Accept": FHIR_JSON},
            json.dumps(body).encode(),
        )

    def search(self, size: int) -> Call:
        """Return the MedicationDispense search for the person of `size`, all on one page."""
        person_id, grant = self.grants[size]
        return Call.make(
            self.port,
            "GET",
            f"/fhir/MedicationDispense?patient={person_id}&_count=500",
            {"Authorization": f"Bearer {self.bearer}", "PDMP-Grant": grant, "Accept": FHIR_JSON},
        )


def _expect(answer: Answer, what: str) -> None:
    if answer.status != 200:
        raise RuntimeError(f"{what}: {answer.status} {answer.body[:600].decode(errors='replace')}")
