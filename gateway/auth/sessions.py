"""Who is signed in with a browser: a cookie that holds 256 random bits, and the session that it names.

The cookie says nothing by itself and is kept as its SHA-256 only. On https its name begins with `__Host-`
(RFC 6265bis section 4.1.3.2): this host's alone, over TLS alone. A session ends when it is not used for a
while, after some hours whatever happens, at sign-out, with a new password, or with its account.

Forms carry a token bound to the request they belong to and to the session; browsers' own `Origin` and
`Sec-Fetch-Site` are held against it, which also guards the sign-in itself, where there is no session yet.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import UUID

from gateway.core.access import Role
from gateway.core.clock import Clock
from gateway.core.ids import opaque_token
from gateway.core.settings import Settings
from gateway.store import sessions as store
from gateway.store.database import Database
from gateway.store.vault import Vault

if TYPE_CHECKING:
    from flask import Request, Response

_SEEN_EVERY = dt.timedelta(minutes=1)
_MOST_CHARS = 100


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in. `methods` as RFC 8176 names them; `auth_time`: when it was."""

    session_hash: bytes = field(repr=False)
    account_id: UUID
    username: str
    display_name: str
    role: Role
    methods: tuple[str, ...]
    auth_time: dt.datetime


def cookie_name(settings: Settings) -> str:
    """Return the cookie's name."""
    return "__Host-pdmp_sid" if settings.base_url.startswith("https:") else "pdmp_sid"


def set_cookie(response: Response, settings: Settings, value: str) -> None:
    """Hand the browser its cookie: never for scripts, never with another site's posts."""
    response.set_cookie(
        cookie_name(settings),
        value,
        path="/",
        httponly=True,
        samesite="Lax",
        secure=settings.base_url.startswith("https:"),
    )


def clear_cookie(response: Response, settings: Settings) -> None:
    """Take the cookie away."""
    response.delete_cookie(
        cookie_name(settings),
        path="/",
        httponly=True,
        samesite="Lax",
        secure=settings.base_url.startswith("https:"),
    )


def start(
    database: Database, clock: Clock, settings: Settings, account_id: UUID, methods: tuple[str, ...]
) -> tuple[str, Session]:
    """Begin a session and return its cookie's value with it. Raises Unavailable."""
    value = opaque_token()
    now = clock.now()
    ends = now + dt.timedelta(hours=settings.sign_in.session_hours)
    with database.transaction() as connection:
        store.start(connection, _hash(value), account_id, methods=methods, now=now, expires_at=ends)
    session = current(database, clock, settings, {cookie_name(settings): value})
    assert session is not None  # the account was active when it was signed in
    return value, session


def current(
    database: Database, clock: Clock, settings: Settings, cookies: Mapping[str, str]
) -> Session | None:
    """Return whose cookie this is, or None: no session, one that has ended, or a disabled account's.

    Raises Unavailable.
    """
    value = cookies.get(cookie_name(settings))
    if not value or len(value) > _MOST_CHARS:
        return None
    now = clock.now()
    idle_since = now - dt.timedelta(minutes=settings.sign_in.idle_minutes)
    with database.connection() as connection:
        found = store.find(connection, _hash(value), now=now, idle_since=idle_since)
        if found is None:
            return None
        if now - found.last_seen_at >= _SEEN_EVERY:
            store.see(connection, found.session_hash, now)
    return Session(
        session_hash=bytes(found.session_hash),
        account_id=found.account_id,
        username=found.username,
        display_name=found.display_name,
        role=Role(found.role),
        methods=found.methods,
        auth_time=found.auth_time,
    )


def end(database: Database, session: Session) -> None:
    """Sign out: the session, and what was granted for its time only, is over. Raises Unavailable."""
    with database.connection() as connection:
        store.end(connection, session.session_hash)


def csrf_token(vault: Vault, handle: str, session: Session | None) -> str:
    """Return the token of a form that belongs to the request `handle` and to this session, or to none."""
    return vault.sign("form", _bound(handle, session)).hex()


def check_csrf(vault: Vault, handle: str, session: Session | None, token: str) -> bool:
    """Return whether `token` is the one of this request and session."""
    return hmac.compare_digest(csrf_token(vault, handle, session).encode(), token.encode())


def same_origin(request: Request, settings: Settings) -> bool:
    """Return whether a form came from a page of ours, as far as the browser tells.

    Every browser tells by one of the two headers; a client that sends neither has no cookie to abuse. From a
    page without a referrer, as ours are, forms come with `Origin: null` (Fetch, "append a request Origin
    header"); then Sec-Fetch-Site must say whose page it was.
    """
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site")
    if origin == "null":
        return site == "same-origin"
    ours = urlsplit(settings.base_url)
    return origin in (None, f"{ours.scheme}://{ours.netloc}") and site in (None, "same-origin", "none")


def _hash(value: str) -> bytes:
    return hashlib.sha256(value.encode()).digest()


def _bound(handle: str, session: Session | None) -> bytes:
    return (session.session_hash if session else b"") + b"\0" + handle.encode()
