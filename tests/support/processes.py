"""Real processes for tests: the CLI, and the gateway under gunicorn on a free port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import requests

from gateway.core.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """Return a loopback port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment in which a process has exactly these settings."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PDMP_")}
    values = {
        "PDMP_HOME": settings.home,
        "PDMP_BASE_URL": settings.base_url,
        "PDMP_IDENTIFIER_BASE": settings.identifier_base,
        "PDMP_DATABASE_URL": settings.database_url,
        "PDMP_MIGRATION_DATABASE_URL": settings.migration_database_url,
        "PDMP_REDIS_URL": settings.redis_url,
        "PDMP_KEYS_DIR": settings.keys_dir,
        "PDMP_DATA_KEY": settings.data_key,
        "PDMP_DATA_KEY_FILE": settings.data_key_file,
        "PDMP_TLS_CERTIFICATE": settings.tls_certificate,
        "PDMP_TLS_KEY": settings.tls_key,
        "PDMP_MAPPINGS": settings.mappings_dir,
        "PDMP_JURISDICTION": settings.jurisdiction,
        "PDMP_PART2_DISPENSERS": ",".join(sorted(settings.part2_dispensers)),
        "PDMP_OUTBOUND_ALLOW": ",".join(settings.outbound_allow),
        "PDMP_CDS_APP_LAUNCH_URL": settings.cds_app_launch_url,
        "PDMP_CDS_PATIENT_VIEW": "always" if settings.cds_patient_view else "never",
        "PDMP_TEST_TODAY": settings.test_today,
        "PDMP_BIND": settings.bind,
        "PDMP_SECOND_FACTOR": settings.sign_in.second_factor,
        "PDMP_SESSION_IDLE_MINUTES": settings.sign_in.idle_minutes,
        "PDMP_SESSION_HOURS": settings.sign_in.session_hours,
        "PDMP_TRUSTED_PROXIES": ",".join(map(str, settings.sign_in.trusted_proxies)),
        **_upstream(settings),
        "PDMP_WORKERS": settings.workers,
        "PDMP_THREADS": settings.threads,
        "PDMP_LOG_LEVEL": settings.log_level,
    }
    env.update({name: str(value) for name, value in values.items() if value})
    return env


def _upstream(settings: Settings) -> dict[str, object]:
    known = settings.sign_in.upstream
    if known is None:
        return {}
    return {
        "PDMP_SIGN_IN": "both" if settings.sign_in.local else "upstream",
        "PDMP_UPSTREAM_ISSUER": known.issuer,
        "PDMP_UPSTREAM_CLIENT_ID": known.client_id,
        "PDMP_UPSTREAM_CLIENT_SECRET_FILE": known.secret_file,
        "PDMP_UPSTREAM_SCOPE": known.scope,
        "PDMP_UPSTREAM_CLAIM": known.claim,
        "PDMP_UPSTREAM_ACCOUNT": known.account_member,
        "PDMP_UPSTREAM_ACR": " ".join(known.acr),
        "PDMP_UPSTREAM_AMR": " ".join(known.amr),
    }


@dataclass(frozen=True, slots=True)
class Cli:
    """`pdmp` as a person runs it, with the environment of the test."""

    env: Mapping[str, str]

    def __call__(
        self, *words: str, stdin: str | bytes = "", timeout: float = 120, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Return the finished process: `returncode`, `stdout`, `stderr`. `env` adds to the environment."""
        return subprocess.run(
            [sys.executable, "-m", "gateway.cli", *words],
            input=stdin.decode() if isinstance(stdin, bytes) else stdin,
            env={**self.env, **(env or {})},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )


@dataclass(frozen=True, slots=True)
class LiveGateway:
    """A gateway that answers HTTP: `base`, `fhir`, its `settings`, and the CLI beside it."""

    base: str
    fhir: str
    settings: Settings
    log: Path

    @property
    def cli(self) -> Cli:
        """Return `pdmp` with this gateway's environment."""
        return Cli(environment(self.settings))


@contextmanager
def run_gateway(
    settings: Settings, log: Path, *, workers: int = 1, behind: str | None = None
) -> Iterator[LiveGateway]:
    """Yield the gateway of `settings` under gunicorn, on a free port that its base URL names.

    `behind` is the base URL of a proxy in front of it.
    """
    port = free_port()
    base = behind or f"http://localhost:{port}"
    settings = replace(settings, base_url=base, bind=f"127.0.0.1:{port}", workers=workers, threads=2)
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "-c",
        "python:gateway.gunicorn_conf",
        "gateway.wsgi:application()",
    ]
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, env=environment(settings), cwd=ROOT, stdout=out, stderr=out, start_new_session=True
        )
    try:
        _wait(process, port, log)
        yield LiveGateway(settings.base_url, settings.fhir_base, settings, log)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            # 127.0.0.1 by number: a test must not depend on how the machine resolves localhost.
            if requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).ok:
                return
        except (requests.ConnectionError, requests.Timeout):
            time.sleep(0.05)
    raise AssertionError(f"the gateway did not start:\n{log.read_text()[-4000:]}")
