"""One frozen settings object, read from documented `PDMP_APP_*` variables.

Beside them only `PDMP_HOME` and `PDMP_TEST_TODAY` are read. An unknown `PDMP_APP_*` variable refuses
to start. Where the addresses of the servers are not set, `$PDMP_HOME/run/app.json` gives those of the
embedded ones: a database login that sees the schema `smart_app` only, and a cache user that sees the
keys `app:*` only.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from smart_app.errors import Misconfigured

#: Every variable: name -> what it says.
DOCUMENTED: dict[str, str] = {
    "PDMP_APP_BASE_URL": "The only source of every URL the app emits, without trailing slash. "
    "Default `http://pdmp.localhost:8001`.",
    "PDMP_APP_BIND": "Address and port that gunicorn listens on. Default: `127.0.0.1` and the port of "
    "the base URL.",
    "PDMP_APP_GATEWAY_FHIR": "FHIR base of the PDMP gateway. Default: the one in `run/app.json`, else "
    "`http://localhost:8000/fhir`.",
    "PDMP_APP_DATABASE_URL": "PostgreSQL URL of the app's own login. Default: the one in `run/app.json`.",
    "PDMP_APP_REDIS_URL": "Redis or Valkey URL. Default: the one in `run/app.json`.",
    "PDMP_APP_KEYS_DIR": "Folder of the app's private keys (0600). Default `$PDMP_HOME/app-keys`.",
    "PDMP_APP_OUTBOUND_ALLOW": "Private hosts or networks that the app may call over https, comma separated.",
    "PDMP_APP_CA_FILE": "PEM file of the certificate authorities to trust in place of the public ones, "
    "for hospitals that sign their own.",
    "PDMP_APP_JURISDICTION_NAME": "Name of the state on the page. Default Kentucky.",
    "PDMP_APP_TIME_ZONE": "IANA time zone of the times on the page. Default America/New_York.",
    "PDMP_APP_WORKERS": "Gunicorn processes. Default: one a core, at most 4.",
    "PDMP_APP_THREADS": "Threads a process; they mostly wait for the EHR and the gateway. Default 8.",
    "PDMP_APP_LOG_LEVEL": "Level of the JSON log on standard error. Default INFO.",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration of one process. URLs with passwords are never in `repr`."""

    home: Path
    base_url: str
    bind: str
    gateway_fhir: str
    database_url: str | None = field(repr=False)
    redis_url: str | None = field(repr=False)
    keys_dir: Path
    outbound_allow: tuple[str, ...]
    ca_file: Path | None
    jurisdiction_name: str
    zone: ZoneInfo
    test_today: dt.date | None
    workers: int
    threads: int
    log_level: str

    @property
    def redirect_uri(self) -> str:
        """Return the one redirect URI that EHRs register for this app."""
        return f"{self.base_url}/callback"

    @property
    def launch_uri(self) -> str:
        """Return the launch URL that EHRs open."""
        return f"{self.base_url}/launch"

    @property
    def jwks_uri(self) -> str:
        """Return the address of the app's public keys."""
        return f"{self.base_url}/.well-known/jwks.json"

    @property
    def loopback(self) -> bool:
        """Return whether the base URL is on this machine only: then loopback servers may be called."""
        return is_loopback(self.base_url)

    def today(self) -> dt.date:
        """Return the clinical date: fixed for demonstrations, else today in the page's time zone."""
        return self.test_today or dt.datetime.now(self.zone).date()

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Return the settings of `environ` (default: the process's). Raises Misconfigured."""
        env = os.environ if environ is None else environ
        unknown = sorted(n for n in env if n.startswith("PDMP_APP_") and n not in DOCUMENTED)
        if unknown:
            raise Misconfigured(f"Unknown setting: {', '.join(unknown)}.")
        home = Path(env.get("PDMP_HOME") or ".pdmp").absolute()
        running = _running(home)
        base_url = _url("PDMP_APP_BASE_URL", env.get("PDMP_APP_BASE_URL") or "http://pdmp.localhost:8001")
        test_today = _date(env.get("PDMP_TEST_TODAY"))
        if test_today and not is_loopback(base_url):
            raise Misconfigured("PDMP_TEST_TODAY is refused: the app's base URL is not loopback.")
        gateway = (
            env.get("PDMP_APP_GATEWAY_FHIR") or running.get("gateway_fhir") or "http://localhost:8000/fhir"
        )
        return cls(
            home=home,
            base_url=base_url,
            bind=env.get("PDMP_APP_BIND") or _default_bind(base_url),
            gateway_fhir=_url("PDMP_APP_GATEWAY_FHIR", gateway),
            database_url=env.get("PDMP_APP_DATABASE_URL") or running.get("database_url"),
            redis_url=env.get("PDMP_APP_REDIS_URL") or running.get("redis_url"),
            keys_dir=Path(env.get("PDMP_APP_KEYS_DIR") or home / "app-keys").absolute(),
            outbound_allow=tuple(
                part.strip().lower()
                for part in env.get("PDMP_APP_OUTBOUND_ALLOW", "").split(",")
                if part.strip()
            ),
            ca_file=_file(env.get("PDMP_APP_CA_FILE")),
            jurisdiction_name=env.get("PDMP_APP_JURISDICTION_NAME") or "Kentucky",
            zone=_zone(env.get("PDMP_APP_TIME_ZONE") or "America/New_York"),
            test_today=test_today,
            workers=_number(env, "PDMP_APP_WORKERS", min(os.cpu_count() or 1, 4), high=64),
            threads=_number(env, "PDMP_APP_THREADS", 8, high=64),
            log_level=(env.get("PDMP_APP_LOG_LEVEL") or "INFO").upper(),
        )


def is_loopback(url: str) -> bool:
    """Return whether the host of `url` is `localhost`, `*.localhost`, 127.0.0.0/8 or ::1."""
    host = (urlsplit(url).hostname or "").rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _running(home: Path) -> dict[str, str]:
    """Return what the embedded servers left for us, or nothing when none run here."""
    try:
        data = json.loads((home / "run" / "app.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return {k: v for k, v in data.items() if isinstance(v, str)} if isinstance(data, dict) else {}


def _url(name: str, text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise Misconfigured(f"{name} must be an absolute http or https URL.")
    if parts.username or parts.password:
        raise Misconfigured(f"{name} must not hold credentials.")
    if text.endswith("/"):
        raise Misconfigured(f"{name} must not end in a slash.")
    if parts.scheme == "http" and not is_loopback(text):
        raise Misconfigured(f"{name} must be https, except on loopback.")
    return text


def _default_bind(base_url: str) -> str:
    parts = urlsplit(base_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    # Behind a TLS proxy the public port is the proxy's; 8001 is ours then.
    return f"127.0.0.1:{port if is_loopback(base_url) else 8001}"


def _date(text: str | None) -> dt.date | None:
    if not text:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise Misconfigured("PDMP_TEST_TODAY must be YYYY-MM-DD.") from None


def _file(text: str | None) -> Path | None:
    if not text:
        return None
    path = Path(text).absolute()
    if not path.is_file():
        raise Misconfigured("PDMP_APP_CA_FILE names no file.")
    return path


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise Misconfigured("PDMP_APP_TIME_ZONE must be an IANA time zone.") from None


def _number(env: Mapping[str, str], name: str, default: int, *, high: int) -> int:
    text = env.get(name)
    if not text:
        return default
    if not text.isdigit() or not 1 <= int(text) <= high:
        raise Misconfigured(f"{name} must be a whole number from 1 to {high}.")
    return int(text)
