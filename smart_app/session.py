"""What the app remembers between two requests of one launch: in the cache, encrypted, for minutes.

Two kinds of record, both under `app:` and both found by the hash of a 256-bit secret that only the
browser holds, so that a reader of the cache can neither open nor forge one:
- `Launch`: from /launch to /callback, found by `state`, ten minutes, taken out by its first use;
- `Page`: the page of one launch, found by the page handle, fifteen minutes idle, one hour at most.

No medication history is kept, and of demographics only what compares an order screen's context with the
chart: each view of the page asks again.

How a launch is bound to its browser. /launch sets a cookie of that launch alone (its name ends in a
part of the state's hash, so two patients opened at once never share one) and keeps the cookie's hash
in the record. /callback demands the cookie when the browser sent it. A frame that keeps no cookie
sends none: then the state of 256 bits, used once and short-lived, has to do, and the page handle is
used once and replaced on every navigation. So that this fallback is no door for a forged callback
(somebody else's code sent to a clinician's browser), /callback sets the cookie once more before it
shows anything: a browser that sends it back to /view does keep cookies, hence did not begin this
launch, and is refused.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import orjson
import redis

from smart_app.errors import LaunchRefused, PageGone, Unavailable
from smart_app.keys import Keyring

LAUNCH_SECONDS = 600
IDLE_SECONDS = 900
PAGE_SECONDS = 3600

_COOKIE = "__Host-pdmp_app"


@dataclass(frozen=True, slots=True)
class Launch:
    """What /callback needs of the launch that it completes."""

    iss: str
    nonce: str
    verifier: str
    cookie: str
    binding: str


@dataclass(frozen=True, slots=True)
class Page:
    """One launch's page: whose it is, and the EHR's token to read them with.

    `binding` is the hash of the cookie that must come with the handle; None where the browser keeps no
    cookie. `ends` and `token_ends` are seconds since the epoch. `order` is what `smart_app.order` keeps of an
    order screen's context.
    """

    iss: str
    patient: str
    fhir_user: str
    access_token: str
    scope: str
    cookie: str
    binding: str | None
    token_ends: float
    ends: float
    order: str | None = None


_Record = TypeVar("_Record", Launch, Page)


class Sessions:
    """The records in the cache. Raises Unavailable when the cache does not answer."""

    def __init__(self, url: str | None, keys: Keyring) -> None:
        self._keys = keys
        self._redis: redis.Redis | None = None
        if url:
            self._redis = redis.Redis.from_url(
                url, socket_timeout=2.0, socket_connect_timeout=2.0, health_check_interval=30
            )

    def begin(self, iss: str) -> tuple[str, Launch, str]:
        """Return state, launch and cookie value of a new launch at `iss`, which is now remembered."""
        state, value = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        launch = Launch(
            iss=iss,
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(64),
            cookie=f"{_COOKIE}_{_hash(state)[:12]}",
            binding=_hash(value),
        )
        self._put("launch", state, launch, LAUNCH_SECONDS)
        return state, launch, value

    def finish(self, state: str) -> Launch:
        """Return the launch of `state` and forget it. Raises LaunchRefused when there is none."""
        launch = self._get("launch", state, Launch, take=True)
        if launch is None:
            raise LaunchRefused(
                "This launch has expired or was already used. Open the PDMP again from the chart.",
                detail="unknown state",
            )
        return launch

    def open(self, page: Page) -> str:
        """Return the handle of a new page."""
        handle = secrets.token_urlsafe(32)
        self._put("page", handle, page, IDLE_SECONDS)
        return handle

    def page(self, handle: str, cookies: dict[str, str]) -> tuple[str, Page]:
        """Return the next handle and the page of `handle`, for the browser that sent `cookies`.

        Where the browser keeps the page's cookie the handle stays; else it is spent and the next one is
        new. Raises PageGone when the handle is unknown, spent, or held by another browser.
        """
        page = self._get("page", handle, Page, take=False)
        if page is None or page.ends < time.time():
            raise PageGone("It was open too long, or was already used. Open the PDMP again from the chart.")
        sent = cookies.get(page.cookie)
        if page.binding is None:
            if sent is not None:
                self.close(handle)
                raise PageGone(
                    "It was opened for another browser. Open the PDMP again from the chart.",
                    detail="a launch without cookie came to a browser that keeps cookies",
                )
            if self._get("page", handle, Page, take=True) is None:
                raise PageGone("It was already used. Open the PDMP again from the chart.")
            return self.open(page), page
        if sent is None or not secrets.compare_digest(_hash(sent), page.binding):
            raise PageGone(
                "It belongs to another browser. Open the PDMP again from the chart.",
                detail="page cookie missing or another's",
            )
        self._put("page", handle, page, IDLE_SECONDS)
        return handle, page

    def close(self, handle: str) -> None:
        """Forget the page of `handle`."""
        self._get("page", handle, Page, take=True)

    def ping(self) -> bool:
        """Return whether the cache answers."""
        try:
            return bool(self._client().ping())
        except (redis.RedisError, Unavailable):
            return False

    def disconnect(self) -> None:
        """Close the connections to the cache."""
        if self._redis is not None:
            self._redis.close()

    def _client(self) -> redis.Redis:
        if self._redis is None:
            raise Unavailable(
                "It can't remember a launch just now.",
                detail="no cache: set PDMP_APP_REDIS_URL or start the embedded servers",
            )
        return self._redis

    def _put(self, kind: str, secret: str, record: Launch | Page, seconds: int) -> None:
        key = f"app:{kind}:{_hash(secret)}"
        sealed = self._keys.seal(orjson.dumps(asdict(record)), key)
        try:
            self._client().set(key, sealed, ex=seconds)
        except redis.RedisError as error:
            raise _down(error) from None

    def _get(self, kind: str, secret: str, record: type[_Record], *, take: bool) -> _Record | None:
        key = f"app:{kind}:{_hash(secret)}"
        try:
            sealed: Any = self._client().getdel(key) if take else self._client().get(key)
        except redis.RedisError as error:
            raise _down(error) from None
        plain = self._keys.unseal(sealed, key) if sealed else None
        return record(**orjson.loads(plain)) if plain else None


def bound(launch: Launch, cookies: dict[str, str]) -> bool:
    """Return whether the browser that sent `cookies` keeps this launch's cookie. Raises LaunchRefused.

    False means that it sent none: see the module's text. A cookie of another value is refused.
    """
    sent = cookies.get(launch.cookie)
    if sent is None:
        return False
    if not secrets.compare_digest(_hash(sent), launch.binding):
        raise LaunchRefused(
            "This launch was begun in another browser. Open the PDMP again from the chart.",
            detail="launch cookie is another's",
        )
    return True


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _down(error: redis.RedisError) -> Unavailable:
    return Unavailable(
        "It can't remember a launch just now, so nothing was asked of the PDMP. Try again in a minute.",
        detail=f"cache: {type(error).__name__}",
    )
