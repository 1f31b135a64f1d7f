"""The only way out: every HTTP request that the app makes leaves through `Outbound`.

Rules, each of which a test attacks:
- https to public addresses only; `PDMP_APP_OUTBOUND_ALLOW` adds private hosts or networks, https too;
- while the app's own base URL is loopback, also loopback over http; `*.localhost`, which resolvers do
  not know, is 127.0.0.1 with the name kept in the Host header;
- a name is resolved once, every address is judged, and the connection goes to the judged address with
  the name in SNI, certificate check and Host (no second look-up that could answer differently);
- no redirects, no proxies or credentials from the environment, no cookies;
- a time limit on the whole answer and a size limit on its decoded body.
"""

from __future__ import annotations

import ipaddress
import json
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from smart_app.errors import OutboundRefused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

SECONDS = 5.0
DISCOVERY_BYTES = 256 * 1024
FHIR_BYTES = 8 * 1024 * 1024

# Addresses that stand for IPv4 ones somewhere else (NAT64, 6to4): never judged, so never called.
_TRANSLATED = tuple(ipaddress.ip_network(n) for n in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16"))


class OutboundFailed(Exception):
    """No usable answer: refused connection, time limit, size limit, TLS or not JSON. `str` says which."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer: status, headers and body within the limits."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON; numbers with a point stay exact as Decimal. Raises OutboundFailed."""
        try:
            return json.loads(self.body, parse_float=Decimal)
        except (ValueError, RecursionError):
            raise OutboundFailed("not JSON") from None

    def json_object(self) -> dict[str, Any]:
        """Return the body as a JSON object. Raises OutboundFailed."""
        value = self.json()
        if not isinstance(value, dict):
            raise OutboundFailed("not a JSON object")
        return value


class Outbound:
    """Makes requests under the rules above. Safe to share between threads."""

    def __init__(self, *, loopback: bool, allow: tuple[str, ...] = (), ca_file: Path | None = None) -> None:
        self._loopback = loopback
        self._ca_file = ca_file
        self._hosts: set[str] = set()
        self._networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        for entry in allow:
            try:
                self._networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                self._hosts.add(entry.lower().rstrip("."))
        self._local = threading.local()

    def check(self, url: str) -> None:
        """Return when the app may call `url` by its scheme and name. Raises OutboundRefused."""
        self._judge(url, resolve=False)

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        limit: int = FHIR_BYTES,
        seconds: float = SECONDS,
    ) -> Answer:
        """Return the answer to a GET. Raises OutboundRefused or OutboundFailed."""
        return self._send("GET", url, headers or {}, None, limit, seconds)

    def post(
        self,
        url: str,
        *,
        body: bytes | Mapping[str, str],
        headers: Mapping[str, str] | None = None,
        limit: int = FHIR_BYTES,
        seconds: float = SECONDS,
    ) -> Answer:
        """Return the answer to a POST of bytes or of form fields. Raises OutboundRefused, OutboundFailed."""
        return self._send("POST", url, headers or {}, body, limit, seconds)

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Mapping[str, str] | None,
        limit: int,
        seconds: float,
    ) -> Answer:
        deadline = time.monotonic() + seconds
        address = self._judge(url, resolve=True)
        assert address is not None
        session = self._session()
        self._local.address = address
        try:
            with session.request(
                method,
                url,
                headers={"Accept": "application/json", **headers},
                data=body,
                timeout=(min(3.0, seconds), seconds),
                allow_redirects=False,
                stream=True,
            ) as response:
                parts, size = [], 0
                for part in response.iter_content(64 * 1024):
                    size += len(part)
                    if size > limit:
                        raise OutboundFailed("answer too large")
                    if time.monotonic() > deadline:
                        raise OutboundFailed("time limit")
                    parts.append(part)
                return Answer(response.status_code, response.headers, b"".join(parts))
        except requests.Timeout:
            raise OutboundFailed("time limit") from None
        except requests.exceptions.SSLError:
            raise OutboundFailed("TLS") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise OutboundFailed(type(error).__name__) from None

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False
            session.verify = str(self._ca_file) if self._ca_file else True
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            adapter = _Pinned(self._local)
            session.mount("https://", adapter)
            session.mount("http://", adapter)
            self._local.session = session
        return session

    def _judge(self, url: str, *, resolve: bool) -> Address | None:
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").rstrip(".").lower(), parts.port
        except ValueError:
            raise OutboundRefused("A server address is malformed.") from None
        if parts.scheme not in ("http", "https") or not host or parts.username or parts.password:
            raise OutboundRefused("A server address must be a plain https URL.")
        if self._loopback and (own := _loopback_address(host)):
            return own
        if parts.scheme != "https":
            raise OutboundRefused("A server address must be https.")
        literal = _literal(host)
        if literal is None and not resolve:
            return None
        addresses = [literal] if literal else _resolve(host, port or 443)
        for address in addresses:
            if not self._allowed(host, address):
                raise OutboundRefused("A server address is not public and not on the list of allowed ones.")
        return addresses[0]

    def _allowed(self, host: str, address: Address) -> bool:
        if address.is_multicast or address.is_unspecified:
            return False
        if host in self._hosts or any(address in network for network in self._networks):
            return True
        if isinstance(address, ipaddress.IPv6Address) and any(address in net for net in _TRANSLATED):
            return False
        return address.is_global


class _Pinned(HTTPAdapter):
    """Connects to the address that was judged; the name stays in SNI, certificate check and Host."""

    def __init__(self, judged: threading.local) -> None:
        super().__init__(pool_connections=16, pool_maxsize=4, max_retries=0)
        self._judged = judged

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        request.headers["Host"] = urlsplit(request.url or "").netloc
        return super().send(request, *args, **kwargs)

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        host_params, pool_kwargs = self.build_connection_pool_key_attributes(request, verify, cert)
        pool: dict[str, Any] = dict(pool_kwargs)
        if host_params["scheme"] == "https":
            name = str(host_params["host"]).strip("[]")
            pool.update(server_hostname=name, assert_hostname=name)
        host_params["host"] = str(self._judged.address)
        return self.poolmanager.connection_from_host(**host_params, pool_kwargs=pool)


def _loopback_address(host: str) -> Address | None:
    if host == "localhost" or host.endswith(".localhost"):
        return ipaddress.IPv4Address("127.0.0.1")
    literal = _literal(host)
    return literal if literal is not None and literal.is_loopback else None


def _literal(host: str) -> Address | None:
    try:
        address = ipaddress.ip_address(host.split("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def _resolve(host: str, port: int) -> list[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise OutboundFailed("unknown host") from None
    addresses = [a for a in (_literal(str(item[4][0])) for item in found) if a is not None]
    if not addresses:
        raise OutboundFailed("unknown host")
    return addresses
