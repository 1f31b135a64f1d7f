"""Three neighbouring ports of this machine: gateway, app, EHR double."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway.core.errors import Misconfigured
from gateway.core.settings import is_loopback

_DEFAULT = 8000


@dataclass(frozen=True, slots=True)
class Addresses:
    """Base URLs, without trailing slash, all on loopback."""

    port: int

    @property
    def gateway(self) -> str:
        """Return the gateway's base URL."""
        return f"http://localhost:{self.port}"

    @property
    def app(self) -> str:
        """Return the app's base URL: another host name, so that browsers treat it as another site."""
        return f"http://pdmp.localhost:{self.port + 1}"

    @property
    def ehr(self) -> str:
        """Return the EHR double's base URL."""
        return f"http://ehr.localhost:{self.port + 2}"

    def bind(self, offset: int) -> str:
        """Return what the process at `offset` listens on."""
        return f"127.0.0.1:{self.port + offset}"


def addresses(env: Mapping[str, str]) -> Addresses:
    """Return the addresses by PORT, else by a loopback PDMP_BASE_URL. Raises Misconfigured.

    Refuses ports that something listens on already: better now than after the population is loaded.
    """
    text = env.get("PORT") or str(_of_base_url(env.get("PDMP_BASE_URL")))
    if not text.isdigit() or not 1 <= int(text) <= 65533:
        raise Misconfigured("PORT must be a whole number from 1 to 65533.")
    found = Addresses(int(text))
    for port in range(found.port, found.port + 3):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                raise Misconfigured(
                    f"Port {port} is in use. Set PORT: it and the next two are needed."
                ) from None
    return found


def _of_base_url(base_url: str | None) -> int:
    if not base_url:
        return _DEFAULT
    parts = urlsplit(base_url)
    if parts.scheme != "http" or not is_loopback(base_url) or not parts.port:
        raise Misconfigured("The demonstration runs on http://localhost only: unset PDMP_BASE_URL, set PORT.")
    return parts.port
