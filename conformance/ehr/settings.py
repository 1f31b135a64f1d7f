"""The EHR double's settings: `PDMP_EHR_*` from the environment, nothing else.

`PDMP_TEST_TODAY` is read too, so that ages and today's visit agree with the stack it runs in.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

#: Every variable: name -> what it says.
DOCUMENTED: dict[str, str] = {
    "PDMP_EHR_BASE_URL": "The only source of every URL the double emits, without trailing slash; "
    "loopback. Default `http://ehr.localhost:8002`.",
    "PDMP_EHR_BIND": "Address and port to listen on; loopback. Default: 127.0.0.1 and the base URL's port.",
    "PDMP_EHR_FILE": "Its file of clients, practitioners and patients. "
    "Default `ehr.json` in PDMP_HOME (`.pdmp`).",
}


class Misconfigured(Exception):
    """The double can't start with these settings."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration of one double."""

    base_url: str
    bind: str
    file: Path
    test_today: dt.date | None = None

    @property
    def fhir_base(self) -> str:
        """Return the FHIR base: the `iss` of a launch and the only `aud` of an authorization."""
        return f"{self.base_url}/fhir"

    @property
    def issuer(self) -> str:
        """Return the issuer of id_tokens and of authorization answers (RFC 9207): the base URL."""
        return self.base_url

    @property
    def token_endpoint(self) -> str:
        """Return the token endpoint: the only `aud` of a client assertion."""
        return f"{self.base_url}/auth/token"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Return the settings of `environ` (default: the process's). Raises Misconfigured."""
        env = os.environ if environ is None else environ
        unknown = sorted(name for name in env if name.startswith("PDMP_EHR_") and name not in DOCUMENTED)
        if unknown:
            raise Misconfigured(f"unknown setting: {', '.join(unknown)}")
        base_url = _base_url(env.get("PDMP_EHR_BASE_URL") or "http://ehr.localhost:8002")
        bind = env.get("PDMP_EHR_BIND") or f"127.0.0.1:{urlsplit(base_url).port or 80}"
        host, _, port = bind.rpartition(":")
        if not loopback(host.strip("[]")) or not port.isdigit():
            raise Misconfigured("PDMP_EHR_BIND must be a loopback address and a port.")
        file = env.get("PDMP_EHR_FILE") or str(Path(env.get("PDMP_HOME") or ".pdmp") / "ehr.json")
        return cls(base_url, bind, Path(file).absolute(), _date(env.get("PDMP_TEST_TODAY")))


def _base_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise Misconfigured("PDMP_EHR_BASE_URL must be an absolute http or https URL.")
    if text.endswith("/") or parts.path:
        raise Misconfigured("PDMP_EHR_BASE_URL must be an origin, without path or trailing slash.")
    if not loopback(parts.hostname):
        # It signs anybody in as any practitioner.
        raise Misconfigured("PDMP_EHR_BASE_URL must be on loopback: the double asks for no password.")
    return text


def loopback(host: str) -> bool:
    """Return whether a host of a URL is this machine: an address, `localhost` or a name below it."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _date(text: str | None) -> dt.date | None:
    if not text:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise Misconfigured("PDMP_TEST_TODAY must be YYYY-MM-DD.") from None
