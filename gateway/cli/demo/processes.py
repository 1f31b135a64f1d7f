"""The three processes of the demonstration, each with no more environment than is its own."""

from __future__ import annotations

import http.client
import os
import time
from collections.abc import Mapping

from gateway.cli.children import GUNICORN, Children
from gateway.cli.demo.addresses import Addresses
from gateway.core.errors import Unavailable
from gateway.core.settings import Settings
from gateway.embedded import Urls, app_login

_PATIENCE = 60.0

#: In the order of their ports: how each is started, and what tells that it serves.
_COMMANDS = {
    "gateway": (GUNICORN, "/readyz"),
    "app": (["-m", "smart_app"], "/healthz"),
    "ehr": (["-m", "conformance.ehr"], "/"),
}


def cli_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of `pdmp` verbs that the demonstration calls: ours, at this start's address."""
    env = {name: value for name, value in os.environ.items() if name != "PORT"}
    env.update(PDMP_HOME=str(settings.home), PDMP_BASE_URL=settings.base_url)
    return env


def app_environment(settings: Settings, urls: Urls, at: Addresses) -> dict[str, str]:
    """Return the app's environment: it knows nothing of the gateway's database. Raises Misconfigured."""
    env = _common(settings, "PDMP_APP_")
    env["PDMP_APP_BASE_URL"] = at.app
    env["PDMP_APP_BIND"] = at.bind(1)
    env["PDMP_APP_GATEWAY_FHIR"] = settings.fhir_base
    if not urls.app_database_url and "PDMP_APP_DATABASE_URL" not in env:
        env["PDMP_APP_DATABASE_URL"] = app_login(settings, urls.owner_database_url)
    if not urls.app_redis_url and urls.redis_url:
        env.setdefault("PDMP_APP_REDIS_URL", urls.redis_url)
    return env


def ehr_environment(settings: Settings, at: Addresses) -> dict[str, str]:
    """Return the EHR double's environment."""
    env = _common(settings, "PDMP_EHR_")
    env["PDMP_EHR_BASE_URL"] = at.ehr
    env["PDMP_EHR_BIND"] = at.bind(2)
    env["PDMP_EHR_FILE"] = str(settings.home / "ehr.json")
    return env


def gateway_environment(settings: Settings, at: Addresses) -> dict[str, str]:
    """Return the gateway's environment; `settings` hold the URLs of the servers."""
    env = {name: value for name, value in cli_environment(settings).items() if not _foreign(name)}
    env.pop("PDMP_MIGRATION_DATABASE_URL", None)
    env["PDMP_BIND"] = at.bind(0)
    env["PDMP_DATABASE_URL"] = settings.database_url or ""
    env["PDMP_REDIS_URL"] = settings.redis_url or ""
    env["PDMP_CDS_APP_LAUNCH_URL"] = f"{at.app}/launch"
    return env


def start(running: Children, name: str, env: Mapping[str, str]) -> None:
    """Start one of `gateway`, `app` and `ehr`; `wait_for_all` finds out how that went."""
    running.start(name, _COMMANDS[name][0], env)


def wait_for_all(running: Children, at: Addresses) -> None:
    """Return when all three answer. Raises Unavailable, naming the one that doesn't."""
    deadline = time.monotonic() + _PATIENCE
    for offset, (name, (_, path)) in enumerate(_COMMANDS.items()):
        while not _answers(at.port + offset, path):
            gone = running.died()
            if gone:
                raise Unavailable(f"{gone} did not start; everything is stopped.\n{running.last_words(gone)}")
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"{name} does not answer; everything is stopped.\n{running.last_words(name)}"
                )
            time.sleep(0.1)


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 400
    except OSError:
        return False
    finally:
        connection.close()


def _common(settings: Settings, prefix: str) -> dict[str, str]:
    env = {
        name: value
        for name, value in os.environ.items()
        if name != "PORT" and (not name.startswith("PDMP_") or name.startswith(prefix))
    }
    env["PDMP_HOME"] = str(settings.home)
    if settings.test_today:
        env["PDMP_TEST_TODAY"] = settings.test_today.isoformat()
    return env


def _foreign(name: str) -> bool:
    return name.startswith(("PDMP_APP_", "PDMP_EHR_"))
