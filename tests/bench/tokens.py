"""Tokens: how many requests a second the token endpoint takes (ES384), and what it costs to verify one.

A read of the user's own Practitioner with an access token stands beside a read of a public CodeSystem, which
asks for none, in the same run, alternating; a token's first use, whose signature is checked, beside its later
ones. Alone: `python -m tests.bench.tokens`.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from conformance.run.exchanges import Exchanges
from conformance.suites.smart.client import Client
from conformance.suites.smart.flow import Flow, claims_of
from conformance.suites.smart.session import SmartSession
from gateway.embedded import Urls
from tests.bench import house
from tests.bench.load import Call, burst
from tests.support.databases import fresh_database, run_servers
from tests.support.processes import free_port
from tests.support.smart_program import BACKEND, FORM, STANDALONE, Program, public_keys, run_program

REQUESTS = 200
#: A client may ask 300 times a minute: so many share the load, as they would.
_SERVICES = 12
_WARM = 40
_CONCURRENCY = 4
_SECONDS = 3.0
#: Signed before; more than are answered in the time.
_ASSERTIONS = 3300
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_CALLBACK = "https://bench.example/callback"


@dataclass(slots=True)
class Times:
    """Seconds of each kind of request."""

    public: list[float] = field(default_factory=list)
    verified: list[float] = field(default_factory=list)
    first_use: list[float] = field(default_factory=list)
    token: list[float] = field(default_factory=list)


def run(urls: Urls, folder: Path) -> dict[str, Any]:
    """Return the figures of a program of its own."""
    with fresh_database(urls) as database:
        settings = house.settings_for(urls, database, folder / "tokens", free_port())
        with run_program(settings, folder, workers=settings.workers) as program:
            return measure(program)


def measure(program: Program, requests: int = REQUESTS) -> dict[str, Any]:
    """Return the figures: token requests a second, and milliseconds of each kind of request (median)."""
    port = urlsplit(program.gateway.base).port or 80
    services = [
        Client.of("service", program.backend(public_keys(program.ec)) | {"private_jwk": program.ec})
        for _ in range(_SERVICES)
    ]
    service = services.pop()
    rate = _rate(program, services, port)
    times = Times()
    flow = _flow(program)
    _, claims = claims_of(flow.body()["id_token"])
    user = urlsplit(claims["fhirUser"]).path
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        body = flow.body()
        for number in range(requests + _WARM):
            body = flow.refresh(body["refresh_token"]).json()
            fresh = body["access_token"]
            taken = (
                _get(connection, port, "/fhir/CodeSystem/alert-rule", None),
                _get(connection, port, user, fresh),
                _get(connection, port, user, fresh),
                _token(connection, port, service, program),
            )
            if number >= _WARM:
                for kept, seconds in zip(
                    (times.public, times.first_use, times.verified, times.token), taken, strict=True
                ):
                    kept.append(seconds)
    finally:
        connection.close()
    found = {
        "token_requests_per_second": rate,
        **{f"{name}_ms": _median(getattr(times, name)) for name in Times.__slots__},  # type: ignore[attr-defined]
    }
    found["verified_over_public"] = found["verified_ms"] / found["public_ms"]
    print("\n".join(table(found)))
    return found


def table(found: dict[str, float]) -> list[str]:
    """Return the lines of the table."""
    return [
        f"Token endpoint, ES384 assertions: {found['token_requests_per_second']:.0f} tokens a second"
        f" ({_CONCURRENCY} connections), {found['token_ms']:.2f} ms alone",
        f"A read without a token {found['public_ms']:.2f} ms, with one {found['verified_ms']:.2f} ms"
        f" = {found['verified_over_public']:.2f}; a token's first use {found['first_use_ms']:.2f} ms",
    ]


def _rate(program: Program, services: list[Client], port: int) -> float:
    made = [
        Call.make(port, "POST", "/auth/token", _FORM, _form(service, program))
        for _ in range(_ASSERTIONS // len(services))
        for service in services
    ]
    measured = burst(iter(made), concurrency=_CONCURRENCY, seconds=_SECONDS)
    if measured.failures:
        raise RuntimeError(f"{measured.failures} of {len(measured.times)} token requests failed")
    return measured.rate


def _flow(program: Program) -> Flow:
    """Return a launch of a confidential app, with a refresh token."""
    app = program.app("client_secret_basic", _CALLBACK)
    config = {"clients": {"symmetric": app}, "values": FORM, "scopes": {"standalone": STANDALONE}}
    session = SmartSession.of(Exchanges(program.gateway.base, allow_http=True), config)
    return Flow(session, Client.of("symmetric", {**app, "redirect_uri": _CALLBACK}))


def _form(service: Client, program: Program) -> bytes:
    fields, _ = service.credentials(f"{program.gateway.base}/auth/token")
    return urlencode({"grant_type": "client_credentials", "scope": BACKEND, **fields}).encode()


def _token(connection: http.client.HTTPConnection, port: int, service: Client, program: Program) -> float:
    body = _form(service, program)
    return _time(connection, "POST", "/auth/token", body, {**_FORM, "Host": f"localhost:{port}"})


def _get(connection: http.client.HTTPConnection, port: int, path: str, token: str | None) -> float:
    headers = {"Host": f"localhost:{port}", "Accept": "application/fhir+json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return _time(connection, "GET", path, None, headers)


def _time(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | None,
    headers: dict[str, str],
) -> float:
    started = time.perf_counter()
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    taken = time.perf_counter() - started
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer.status} {content[:300].decode(errors='replace')}")
    return taken


def _median(times: list[float]) -> float:
    return sorted(times)[len(times) // 2] * 1e3


def main() -> int:
    """Measure alone, and write the figures to standard output."""
    with (
        tempfile.TemporaryDirectory(prefix="pdmp-bench-") as folder,
        run_servers(f"bench{uuid.uuid4().hex[:8]}") as urls,
    ):
        found = run(urls, Path(folder))
    print(json.dumps(found))
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    return 0


if __name__ == "__main__":
    sys.exit(main())
