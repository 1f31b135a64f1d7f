"""Where a request came from: the socket's other end, or what our own proxies say of it."""

from __future__ import annotations

import ipaddress

from flask import Request

from gateway.core.sign_in_settings import Network


def address(request: Request, proxies: tuple[Network, ...]) -> str:
    """Return the address that delays are counted by, an IPv6 one by its /64: one customer has that many.

    X-Forwarded-For counts as far as trusted proxies wrote it: from the right, up to the first other address.
    """
    told = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",")]
    found = request.remote_addr or ""
    while told and _within(found, proxies):
        found = told.pop()
    return _grouped(found)


def _within(text: str, networks: tuple[Network, ...]) -> bool:
    try:
        one = ipaddress.ip_address(text)
    except ValueError:
        return False
    return any(one.version == network.version and one in network for network in networks)


def _grouped(text: str) -> str:
    try:
        one = ipaddress.ip_address(text)
    except ValueError:
        # A proxy of ours forwards nonsense: all of it together is one source.
        return "unknown"
    if isinstance(one, ipaddress.IPv6Address) and one.ipv4_mapped is None:
        return str(ipaddress.ip_network((one, 64), strict=False))
    return str(one)
