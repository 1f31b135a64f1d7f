"""How the program's users sign in: the part of the settings that is about them.

Read by `gateway.core.settings` with the rest, from documented `PDMP_*` variables and nothing else.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from gateway.core.errors import Misconfigured

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

WAYS = ("local", "upstream", "both")
SECOND_FACTORS = ("enrolled", "required", "off")
ACCOUNT_MEMBERS = ("username", "npi")

DOCUMENTED: dict[str, str] = {
    "PDMP_SIGN_IN": "`local`: by username and password here; `upstream`: by the OpenID Provider below; "
    "`both`. Default: upstream where one is named, else local.",
    "PDMP_SECOND_FACTOR": "One-time passwords at local sign-in: `enrolled` (of accounts that have a secret), "
    "`required` (of all), `off`. Default enrolled.",
    "PDMP_SESSION_IDLE_MINUTES": "A user's session ends when it is not used for so long. Default 30.",
    "PDMP_SESSION_HOURS": "And after so long in any case. Default 12.",
    "PDMP_TRUSTED_PROXIES": "Addresses or networks of proxies before us, comma separated: their "
    "X-Forwarded-For says where a sign-in comes from. Default: none.",
    "PDMP_UPSTREAM_ISSUER": "Issuer of the OpenID Provider through which users sign in: a state's own "
    "sign-on.",
    "PDMP_UPSTREAM_CLIENT_ID": "Our client id there; redirect URI `{base URL}/auth/upstream/callback`.",
    "PDMP_UPSTREAM_CLIENT_SECRET_FILE": "File with our client secret there.",
    "PDMP_UPSTREAM_SCOPE": "What is asked for there. Default `openid profile`.",
    "PDMP_UPSTREAM_CLAIM": "The claim that names the account. Default preferred_username.",
    "PDMP_UPSTREAM_ACCOUNT": "What the claim holds: `username` or `npi` of an account here. "
    "Default username.",
    "PDMP_UPSTREAM_ACR": "Values of `acr` that are strong enough, space separated. Default: any.",
    "PDMP_UPSTREAM_AMR": "Methods of which `amr` must name one, space separated, as `mfa otp hwk`. "
    "Default: any.",
}


@dataclass(frozen=True, slots=True)
class Upstream:
    """The OpenID Provider through which users sign in."""

    issuer: str
    client_id: str
    secret_file: Path
    scope: str
    claim: str
    account_member: str
    acr: tuple[str, ...]
    amr: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SignInSettings:
    """How users sign in and how long that holds."""

    local: bool = True
    second_factor: str = "enrolled"
    idle_minutes: int = 30
    session_hours: int = 12
    trusted_proxies: tuple[Network, ...] = field(default=())
    upstream: Upstream | None = None

    @classmethod
    def of(cls, env: Mapping[str, str], *, loopback: bool) -> SignInSettings:
        """Return the settings of `env`. `loopback`: http is allowed to loopback. Raises Misconfigured."""
        upstream = _upstream(env, loopback=loopback)
        way = env.get("PDMP_SIGN_IN") or ("upstream" if upstream else "local")
        if way not in WAYS:
            raise Misconfigured(f"PDMP_SIGN_IN must be {' or '.join(WAYS)}.")
        if way != "local" and upstream is None:
            raise Misconfigured(f"PDMP_SIGN_IN={way} needs PDMP_UPSTREAM_ISSUER.")
        return cls(
            local=way != "upstream",
            second_factor=_one_of(env, "PDMP_SECOND_FACTOR", SECOND_FACTORS),
            idle_minutes=_number(env, "PDMP_SESSION_IDLE_MINUTES", 30, 1, 720),
            session_hours=_number(env, "PDMP_SESSION_HOURS", 12, 1, 24),
            trusted_proxies=_networks(env.get("PDMP_TRUSTED_PROXIES") or ""),
            upstream=upstream if way != "local" else None,
        )


def _upstream(env: Mapping[str, str], *, loopback: bool) -> Upstream | None:
    issuer = env.get("PDMP_UPSTREAM_ISSUER")
    if not issuer:
        return None
    parts = urlsplit(issuer)
    plain = parts.scheme == "http" and loopback
    if not parts.hostname or parts.query or parts.fragment or not (parts.scheme == "https" or plain):
        raise Misconfigured("PDMP_UPSTREAM_ISSUER must be an https URL (http on loopback).")
    client_id, secret = env.get("PDMP_UPSTREAM_CLIENT_ID"), env.get("PDMP_UPSTREAM_CLIENT_SECRET_FILE")
    if not client_id or not secret:
        raise Misconfigured(
            "PDMP_UPSTREAM_ISSUER needs PDMP_UPSTREAM_CLIENT_ID and PDMP_UPSTREAM_CLIENT_SECRET_FILE."
        )
    return Upstream(
        issuer=issuer,
        client_id=client_id,
        secret_file=Path(secret).absolute(),
        scope=env.get("PDMP_UPSTREAM_SCOPE") or "openid profile",
        claim=env.get("PDMP_UPSTREAM_CLAIM") or "preferred_username",
        account_member=_one_of(env, "PDMP_UPSTREAM_ACCOUNT", ACCOUNT_MEMBERS),
        acr=tuple((env.get("PDMP_UPSTREAM_ACR") or "").split()),
        amr=tuple((env.get("PDMP_UPSTREAM_AMR") or "").split()),
    )


def _one_of(env: Mapping[str, str], name: str, values: tuple[str, ...]) -> str:
    value = env.get(name) or values[0]
    if value not in values:
        raise Misconfigured(f"{name} must be {' or '.join(values)}.")
    return value


def _number(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = env.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise Misconfigured(f"{name} must be a whole number from {low} to {high}.")
    return int(text)


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError:
        raise Misconfigured("PDMP_TRUSTED_PROXIES must list addresses or networks.") from None
