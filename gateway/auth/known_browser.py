"""Browsers that an account has signed in with before: a cookie that strangers' guesses cannot slow down.

The cookie lets nobody in. It names an account, sealed by the link key, and failures of whoever shows it are
counted by itself: so a stranger who guesses at an account, or from the same address, slows down strangers,
and not its owner at the usual place (OWASP, "Slow Down Online Guessing Attacks with Device Cookies").
"""

from __future__ import annotations

import datetime as dt
import secrets
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from gateway.core.settings import Settings
from gateway.store.vault import Vault

if TYPE_CHECKING:
    from flask import Response

#: A browser that is not used for so long is a stranger's again.
LIFE = dt.timedelta(days=90)

_CONTEXT = b"known-browser"
_LAYOUT = struct.Struct(">16sQ16s")
_MOST_CHARS = 200


@dataclass(frozen=True, slots=True)
class KnownBrowser:
    """The account that signed in, and what its failures from this browser are counted under."""

    account_id: UUID
    mark: bytes = field(repr=False)


def cookie_name(settings: Settings) -> str:
    """Return the cookie's name."""
    return "__Host-pdmp_known" if settings.base_url.startswith("https:") else "pdmp_known"


def remember(
    response: Response, settings: Settings, vault: Vault, account_id: UUID, now: dt.datetime
) -> None:
    """Let the browser show from now on that this account signed in with it."""
    clear = _LAYOUT.pack(account_id.bytes, int(now.timestamp()), secrets.token_bytes(16))
    response.set_cookie(
        cookie_name(settings),
        urlsafe_b64encode(vault.seal_link(clear, _CONTEXT)).rstrip(b"=").decode(),
        max_age=int(LIFE.total_seconds()),
        path="/",
        httponly=True,
        samesite="Lax",
        secure=settings.base_url.startswith("https:"),
    )


def read(
    cookies: Mapping[str, str], settings: Settings, vault: Vault, now: dt.datetime
) -> KnownBrowser | None:
    """Return what a browser shows, or None: nothing, something forged, or too old."""
    text = cookies.get(cookie_name(settings), "")
    if not text or len(text) > _MOST_CHARS:
        return None
    try:
        sealed = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except ValueError:
        return None
    clear = vault.open_link(sealed, _CONTEXT)
    if clear is None:
        return None
    account, made, mark = _LAYOUT.unpack(clear)
    if now.timestamp() - made > LIFE.total_seconds():
        return None
    return KnownBrowser(UUID(bytes=account), mark)
