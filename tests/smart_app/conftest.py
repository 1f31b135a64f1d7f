"""The app in this process on a free port, between the EHR double and a stand-in for the gateway.

stage      test    `Stage`: app, EHR double and gateway stand-in, each answering HTTP; registered
The stand-in checks what a gateway would (assertion, scope, token) and answers what the test chooses.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import flask
import jwt
import pytest
import requests
from werkzeug.serving import make_server

from conformance.ehr.app import create_app as create_ehr
from conformance.ehr.book import Book
from conformance.ehr.context import Ehr
from conformance.ehr.settings import Settings as EhrSettings
from conformance.ehr.state import State
from gateway.embedded import Urls
from smart_app.app import create_app
from smart_app.outbound import Outbound
from smart_app.registrations import parse
from smart_app.services import Services
from smart_app.settings import Settings
from tests.smart_app import answers
from tests.support.databases import TestDatabase
from tests.support.ehr_double import SIGNING_KEY, book
from tests.support.processes import free_port

SCOPE = "launch openid fhirUser patient/Patient.rs user/Practitioner.rs"


class Served:
    """A WSGI application that answers on a loopback port, in a thread of this process."""

    def __init__(self, app: Any, port: int) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = make_server("127.0.0.1", port, app, threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


@dataclass
class Gateway:
    """The stand-in: `answer` is what `$pdmp-history` gives; `calls` what it was asked, by whom."""

    port: int
    jwks: Mapping[str, Any] = field(default_factory=dict)
    clients: set[str] = field(default_factory=lambda: {"gw-ehr"})
    answer: Any = field(default_factory=answers.rich)
    status: int = 200
    delay: threading.Event | None = None
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def base(self) -> str:
        return f"http://localhost:{self.port}"

    def reset(self) -> None:
        self.clients = {"gw-ehr"}
        self.answer, self.status, self.delay = answers.rich(), 200, None
        self.calls.clear()

    def app(self) -> flask.Flask:
        app = flask.Flask("stand-in")

        @app.get("/fhir/.well-known/smart-configuration")
        def configuration() -> Any:
            return {
                "token_endpoint": f"{self.base}/auth/token",
                "token_endpoint_auth_signing_alg_values_supported": ["ES384", "RS384"],
            }

        @app.post("/auth/token")
        def token() -> Any:
            form = flask.request.form
            assertion = form["client_assertion"]
            header = jwt.get_unverified_header(assertion)
            key = next(k for k in self.jwks["keys"] if k["kid"] == header["kid"])
            claims = jwt.decode(
                assertion, jwt.PyJWK(key), algorithms=["ES384"], audience=f"{self.base}/auth/token"
            )
            assert claims["iss"] == claims["sub"]
            assert form["grant_type"] == "client_credentials"
            assert form["scope"] == "system/MedicationDispense.rs"
            if claims["sub"] not in self.clients:
                return {"error": "invalid_client"}, 400
            value = f"token-{len(self.tokens)}"
            self.tokens[value] = claims["sub"]
            return {"access_token": value, "token_type": "bearer", "expires_in": 300, "scope": form["scope"]}

        @app.post("/fhir/$pdmp-history")
        def history() -> Any:
            bearer = flask.request.headers.get("Authorization", "").removeprefix("Bearer ")
            if bearer not in self.tokens:
                return {"resourceType": "OperationOutcome"}, 401
            assert flask.request.content_type == "application/fhir+json"
            self.calls.append((self.tokens[bearer], flask.request.get_json(force=True)))
            if self.delay is not None:
                self.delay.wait(20)
            return flask.Response(
                flask.json.dumps(self.answer), self.status, mimetype="application/fhir+json"
            )

        return app


@dataclass
class Hospital:
    """One EHR double on a port: its file's content can be changed while it runs."""

    port: int
    folder: Path
    app_base: str
    jwks: Mapping[str, Any]
    content: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.content = book() | {
            "app_launch_url": f"{self.app_base}/launch",
            "clients": [
                {
                    "client_id": "pdmp-app",
                    "redirect_uris": [f"{self.app_base}/callback"],
                    "jwks": self.jwks,
                    "token_endpoint_auth_method": "private_key_jwt",
                    "scope": f"{SCOPE} user/PractitionerRole.rs user/Organization.rs",
                }
            ],
        }
        self.write()

    @property
    def base(self) -> str:
        return f"http://ehr.localhost:{self.port}"

    @property
    def fhir(self) -> str:
        return f"{self.base}/fhir"

    @property
    def file(self) -> Path:
        return self.folder / f"ehr-{self.port}.json"

    def write(self, **changes: Any) -> None:
        self.content |= changes
        fresh = self.file.with_suffix(".new")
        fresh.write_text(flask.json.dumps(self.content))
        fresh.replace(self.file)

    def app(self) -> flask.Flask:
        settings = EhrSettings.from_env(
            {
                "PDMP_EHR_BASE_URL": self.base,
                "PDMP_EHR_FILE": str(self.file),
                "PDMP_TEST_TODAY": "2026-11-20",
            }
        )
        return create_ehr(Ehr(settings, Book(self.file), State(time.time), SIGNING_KEY))

    def registration(self, **changes: Any) -> dict[str, Any]:
        return {
            "iss": self.fhir,
            "client_id": "pdmp-app",
            "token_endpoint_auth_method": "private_key_jwt",
            "scope": SCOPE,
            "frame_ancestors": [self.base],
            "gateway_client_id": "gw-ehr",
        } | changes


class Stage:
    """App, hospitals and gateway, all answering."""

    def __init__(self, folder: Path, database_url: str, redis_url: str, **env: str) -> None:
        self.folder = folder
        ports = free_port(), free_port()
        self.gateway = Gateway(ports[1])
        self.settings = Settings.from_env(
            {
                "PDMP_HOME": str(folder / "home"),
                "PDMP_APP_BASE_URL": f"http://pdmp.localhost:{ports[0]}",
                "PDMP_APP_GATEWAY_FHIR": f"{self.gateway.base}/fhir",
                "PDMP_APP_DATABASE_URL": database_url,
                "PDMP_APP_REDIS_URL": redis_url,
                "PDMP_TEST_TODAY": "2026-11-20",
                **env,
            }
        )
        self.app = create_app(self.settings)
        self.services: Services = self.app.extensions["smart_app"]
        self.gateway.jwks = self.services.keys.jwks()
        self._served = [Served(self.app, ports[0]), Served(self.gateway.app(), ports[1])]
        self.hospital = self.add_hospital()

    def add_hospital(self, **registration: Any) -> Hospital:
        """Return a new EHR, answering and registered."""
        hospital = Hospital(free_port(), self.folder, self.settings.base_url, self.gateway.jwks)
        self._served.append(Served(hospital.app(), hospital.port))
        self.register(hospital, **registration)
        return hospital

    def register(self, hospital: Hospital, **changes: Any) -> None:
        data = hospital.registration(**changes)
        self.services.registrations.put(parse(data, Outbound(loopback=True)))

    def reset(self) -> None:
        """Make the gateway and the first hospital as they were; further hospitals may stay."""
        self.gateway.reset()
        self.hospital.reset()
        self.register(self.hospital)

    def stop(self) -> None:
        for served in self._served:
            served.stop()
        self.services.close()


class Browser:
    """A browser without scripts: follows redirects by hand, knows `*.localhost`, keeps cookies or none."""

    def __init__(self, *, cookies: bool = True) -> None:
        self.cookies = cookies
        self.jar: dict[str, dict[str, str]] = {}
        self.set_cookie_lines: list[str] = []
        self.visited: list[str] = []

    def send(self, method: str, url: str, **more: Any) -> requests.Response:
        parts = requests.utils.urlparse(url)
        host = parts.netloc
        address = url.replace(f"//{host}", f"//127.0.0.1:{parts.port}", 1)
        headers = {"Host": host, **more.pop("headers", {})}
        if self.cookies and self.jar.get(host):
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.jar[host].items())
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(
                method, address, headers=headers, allow_redirects=False, timeout=30, **more
            )
        self.visited.append(url)
        for line in answer.raw.headers.getlist("Set-Cookie"):
            self.set_cookie_lines.append(line)
            name, _, value = line.split(";")[0].partition("=")
            self.jar.setdefault(host, {})[name] = value
        return answer

    def get(self, url: str, **more: Any) -> requests.Response:
        return self.send("GET", url, **more)

    def follow(self, url: str) -> requests.Response:
        """Return the last answer of a chain of redirects."""
        for _ in range(8):
            answer = self.get(url)
            if answer.status_code not in (302, 303):
                return answer
            url = answer.headers["Location"]
        raise AssertionError("too many redirects")

    def frame_url(self, hospital: Hospital, patient: str = "p1", practitioner: str = "creech") -> str:
        """Sign in, click PDMP in a chart, and return the address that the frame opens."""
        self.send(
            "POST",
            f"{hospital.base}/sign-in",
            data={"practitioner": practitioner},
            headers={"Origin": hospital.base},
        )
        clicked = self.send(
            "POST", f"{hospital.base}/chart/{patient}/pdmp", headers={"Origin": hospital.base}
        )
        where = clicked.headers["Location"]
        where = where if where.startswith("http") else hospital.base + where
        page = self.get(where).text
        return page.split('<iframe title="PDMP" src="')[1].split('"')[0].replace("&amp;", "&")

    def open(
        self, hospital: Hospital, patient: str = "p1", practitioner: str = "creech"
    ) -> requests.Response:
        return self.follow(self.frame_url(hospital, patient, practitioner))


def cache_url(servers: Urls) -> str:
    """Return the cache of this worker, through the app's own user."""
    assert servers.app_redis_url
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 16
    return servers.app_redis_url.replace("?db=0", f"?db={number}")


@pytest.fixture
def app_cache(servers: Urls) -> str:
    return cache_url(servers)


@pytest.fixture(scope="module")
def module_stage(
    servers: Urls, module_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    made = Stage(tmp_path_factory.mktemp("stage"), module_database.app_url, cache_url(servers))
    yield made
    made.stop()


@pytest.fixture
def stage(module_stage: Stage) -> Stage:
    module_stage.reset()
    return module_stage


@pytest.fixture
def browser() -> Browser:
    return Browser()
