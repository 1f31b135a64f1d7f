"""Outbound HTTP: the only way by which the gateway calls an address that someone else chose.

https to public addresses; the address that was checked is the one connected to, so a name can't be bound
anew in between. `PDMP_OUTBOUND_ALLOW` adds private hosts or networks, https too. While our own base URL is
loopback, loopback names and addresses over http too: `localhost` and `*.localhost` are mapped to 127.0.0.1
here, because not every resolver knows them (RFC 6761 section 6.3), with the Host header kept.
No redirect is followed, no proxy or other environment setting is obeyed, answers have a size limit.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from gateway.core.errors import BadRequest, Misconfigured, Unavailable
from gateway.core.settings import Settings, is_loopback

CONNECT_SECONDS = 5.0
READ_SECONDS = 5.0
TOTAL_SECONDS = 10.0

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver = Callable[[str, int], list[str]]

_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*", re.ASCII)
# WHATWG URL, "ends in a number": 127.1, 0x7f.1 and 2130706433 are numbers to a resolver.
_NUMERIC_LABEL = re.compile(r"\d+|0x[0-9a-f]*", re.ASCII)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_LOOPBACK = ipaddress.ip_address("127.0.0.1")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, headers (names in lower case), body within the limit."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class Outbound:
    """Calls addresses within the rules above. `resolve` and `verify` are for tests and private CAs."""

    def __init__(
        self,
        *,
        loopback: bool,
        allow: tuple[str, ...] = (),
        resolve: Resolver | None = None,
        verify: bool | str = True,
    ) -> None:
        self._loopback = loopback
        self._hosts, self._networks = _allowed(allow)
        self._resolve = resolve or _system_resolver
        self._verify = verify

    @classmethod
    def of(cls, settings: Settings) -> Outbound:
        """Return the client of these settings. Raises Misconfigured on a bad PDMP_OUTBOUND_ALLOW."""
        return cls(loopback=settings.loopback, allow=settings.outbound_allow)

    def get(
        self,
        url: str,
        *,
        accept: str = "application/json",
        max_bytes: int = 65536,
        bearer: str | None = None,
        seconds: float = TOTAL_SECONDS,
    ) -> Answer:
        """Return the answer to a GET. Raises BadRequest for an address that may not be called.

        `bearer` is an access token for that server, sent there and nowhere else; `seconds` are for all of it.
        Raises Unavailable when nothing, a redirect, or more than `max_bytes` comes back.
        """
        parts, host = self._parsed(url)
        address = self._checked(parts, host)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        headers = {
            "Host": parts.netloc.rpartition("@")[2],
            "Accept": accept,
            # Nothing that could unpack into more than the limit.
            "Accept-Encoding": "identity",
            "User-Agent": "pdmp-gateway",
        }
        if bearer is not None:
            headers["Authorization"] = f"Bearer {bearer}"
        deadline = time.monotonic() + seconds
        with requests.Session() as session:
            session.trust_env = False
            session.headers.clear()
            session.mount(f"{parts.scheme}://", _PinnedAdapter(str(address), port, host))
            try:
                with session.get(
                    url,
                    headers=headers,
                    timeout=(min(CONNECT_SECONDS, seconds), min(READ_SECONDS, seconds)),
                    allow_redirects=False,
                    stream=True,
                    verify=self._verify,
                ) as response:
                    return _answer(response, max_bytes, deadline)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                raise Unavailable("A remote server does not answer.", detail=type(error).__name__) from error

    def mount(self, session: requests.Session, url: str) -> None:
        """Let `session` call the server of `url`, and it alone, at the address that was checked.

        For libraries that bring their own session. Raises BadRequest, Unavailable.
        """
        parts, host = self._parsed(url)
        address = self._checked(parts, host)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        session.adapters.clear()
        session.verify = self._verify
        origin = f"{parts.scheme}://{parts.netloc}/"
        session.mount(origin, _PinnedAdapter(str(address), port, host))

    def check(self, url: str) -> None:
        """Raise BadRequest unless the URL's form and host may be called; names are not resolved."""
        _, host = self._parsed(url)
        literal = _literal(host)
        if literal is not None and not self._may_connect(host, literal):
            raise BadRequest("This address may not be called: it is not public.")

    def _parsed(self, url: str) -> tuple[SplitResult, str]:
        """Return the URL's parts and its host, normalised."""
        try:
            parts = urlsplit(url)
            host = (parts.hostname or "").removesuffix(".")
            _ = parts.port
        except ValueError:
            raise BadRequest("This is not a URL that can be called.") from None
        if not url.isascii() or any(char <= " " or char in '\\"<>^`{|}' for char in url):
            raise BadRequest("This is not a URL that can be called.")
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise BadRequest("A URL to be called must hold neither credentials nor a fragment.")
        if _literal(host) is None and not _NAME.fullmatch(host):
            raise BadRequest("This is not a URL that can be called.")
        if _literal(host) is None and _NUMERIC_LABEL.fullmatch(host.rpartition(".")[2]):
            raise BadRequest("This is not a URL that can be called.")
        local = self._loopback and is_loopback(f"//{_bracketed(host)}")
        if parts.scheme != "https" and not (parts.scheme == "http" and local):
            raise BadRequest("Only https addresses may be called.")
        return parts, host

    def _checked(self, parts: SplitResult, host: str) -> Address:
        """Return the one address to connect to: every address of the name must be permitted."""
        literal = _literal(host)
        if literal is not None:
            found = [literal]
        elif _is_localhost(host):
            found = [_LOOPBACK]
        else:
            try:
                names = self._resolve(host, parts.port or 443)
                found = [ipaddress.ip_address(name.partition("%")[0]) for name in names]
            except (OSError, ValueError) as error:
                raise Unavailable("The name of a remote server is not known.") from error
        if not found:
            raise Unavailable("The name of a remote server is not known.")
        if not all(self._may_connect(host, address) for address in found):
            raise BadRequest("This address may not be called: it is not public.")
        return found[0]

    def _may_connect(self, host: str, address: Address) -> bool:
        if host in self._hosts:
            return True
        plain = _embedded(address)
        if any(plain.version == network.version and plain in network for network in self._networks):
            return True
        if plain.is_loopback:
            # A public name that points to this machine is an attack, not a demonstration.
            return self._loopback and is_loopback(f"//{_bracketed(host)}")
        return plain.is_global and not plain.is_multicast and not plain.is_reserved


class _PinnedAdapter(HTTPAdapter):
    """Connects to one address, whatever the URL's host; TLS still proves the host's name."""

    def __init__(self, address: str, port: int, host: str) -> None:
        self._address, self._port, self._host = address, port, host
        super().__init__(max_retries=0)

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        """Return where and how to connect: the pinned address, the host's name for SNI and certificate."""
        where, how = super().build_connection_pool_key_attributes(request, verify, cert)
        pinned = {**where, "host": self._address, "port": self._port}
        if where["scheme"] == "https":
            return pinned, {**how, "server_hostname": self._host, "assert_hostname": self._host}
        return pinned, how


def _answer(response: requests.Response, max_bytes: int, deadline: float) -> Answer:
    if 300 <= response.status_code < 400:
        raise Unavailable("A remote server answered with a redirect, which is not followed.")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Unavailable("A remote server answered in an encoding that was not asked for.")
    body = bytearray()
    while True:
        # One read of the socket at a time, so that a trickle can't outlast the deadline.
        piece = response.raw.read1(max_bytes + 1)
        if not piece:
            break
        body += piece
        if len(body) > max_bytes:
            raise Unavailable("A remote server answered with more than is taken.")
        if time.monotonic() > deadline:
            raise Unavailable("A remote server answers too slowly.")
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status_code, headers, bytes(body))


def _allowed(entries: tuple[str, ...]) -> tuple[frozenset[str], tuple[Network, ...]]:
    hosts, networks = set(), []
    for entry in entries:
        try:
            networks.append(ipaddress.ip_network(entry, strict=False))
            continue
        except ValueError:
            pass
        host = entry.lower().removesuffix(".")
        if not _NAME.fullmatch(host) or _NUMERIC_LABEL.fullmatch(host.rpartition(".")[2]):
            raise Misconfigured("PDMP_OUTBOUND_ALLOW must list host names, addresses or networks.")
        hosts.add(host)
    return frozenset(hosts), tuple(networks)


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _embedded(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one stands for (mapped, 6to4, Teredo, NAT64), else itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_localhost(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _system_resolver(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
