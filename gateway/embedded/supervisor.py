"""The doors to the servers of one `PDMP_HOME`: `embedded_servers` owns them, `resolve` finds or owns them.

    with resolve(settings) as urls:             # a command that needs a database
        settings = urls.settings(settings)

    with embedded_servers(settings) as servers: # pdmp demo, pdmp serve
        while not servers.died(): …

Both give external URLs through unchanged, and run only the server that has no URL. While servers run,
`$PDMP_HOME/run/servers.json` and `app.json` (0600) tell other processes of the same user how to reach
them. SIGTERM and SIGHUP end the block as SystemExit, when nobody else handles them, so that everything
is stopped on the way out.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from types import FrameType
from typing import Any

import psycopg

from gateway.core.errors import Misconfigured, Unavailable
from gateway.core.settings import Settings
from gateway.embedded import postgres, processes, valkey
from gateway.embedded.binaries import copied, find_binaries
from gateway.embedded.locks import Lock
from gateway.embedded.place import Place, find_place, write_private

_PATIENCE = 120.0  # seconds for another process to finish starting or stopping
_USERS_PATIENCE = 600.0  # seconds that a passing owner waits for the others to finish
_PASSWORDS = ("superuser", "owner", "serve", "app", "cache", "app_cache")


@dataclass(frozen=True, slots=True)
class Urls:
    """How to reach the servers. Holds passwords: nothing of it is in `repr`.

    The app's and the administrator's are None for external servers: those are the deployment's to make.
    """

    database_url: str = field(repr=False)
    owner_database_url: str = field(repr=False)
    redis_url: str | None = field(repr=False)
    app_database_url: str | None = field(default=None, repr=False)
    app_redis_url: str | None = field(default=None, repr=False)
    admin_database_url: str | None = field(default=None, repr=False)

    def settings(self, settings: Settings) -> Settings:
        """Return `settings` with these URLs in place."""
        return replace(
            settings,
            database_url=self.database_url,
            migration_database_url=self.owner_database_url,
            redis_url=self.redis_url,
        )


@dataclass(slots=True)
class Servers:
    """The servers that this process owns. `notice` is a sentence for people, when there is one."""

    urls: Urls
    notice: str | None = None
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def died(self) -> str | None:
        """Return the name of a server that has ended by itself, or None."""
        return next((name for name, child in self.children.items() if child.poll() is not None), None)


@contextmanager
def resolve(settings: Settings, *, cache: bool = True) -> Iterator[Urls]:
    """Yield how to reach the servers, external or embedded; start embedded ones for the block if none run.

    `cache` False: no Redis or Valkey is needed. A process that started the servers waits at the end of
    its block for others that use them. Raises Unavailable or Misconfigured.
    """
    if not _embedded(settings, cache):
        yield _external(settings)
        return
    place = _place(settings, cache)
    owner, users = _locks(place)
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if owner.take():
            with owner.held(), _running(settings, place, cache, users) as servers:
                yield servers.urls
            return
        if users.take(shared=True, timeout=_PATIENCE):
            with users.held():
                urls = _found(settings, place)
                if urls:
                    yield urls
                    return
        time.sleep(0.1)
    raise Unavailable(f"The embedded servers of {settings.home} did not come up in another process.")


@contextmanager
def embedded_servers(settings: Settings, *, cache: bool = True) -> Iterator[Servers]:
    """Yield servers that this process owns until the end of the block; then they are stopped at once.

    Waits for a short command that runs them just now. Raises Unavailable when another process goes on
    owning them, or one doesn't start; Misconfigured when the folders or wheels don't allow it.
    """
    if not _embedded(settings, cache):
        with _exit_on_signals():
            yield Servers(_external(settings))
        return
    place = _place(settings, cache)
    owner, _ = _locks(place)
    if not owner.take(timeout=5):
        raise Unavailable(f"The embedded servers of {settings.home} are run by another process.")
    with owner.held(), _running(settings, place, cache, None) as servers:
        yield servers


@contextmanager
def _running(settings: Settings, place: Place, cache: bool, users: Lock | None) -> Iterator[Servers]:
    """Run the servers that `settings` does not name; `users` is what a passing owner waits for at the end."""
    binaries = find_binaries(postgres=not settings.database_url, valkey=_valkey_wanted(settings, cache))
    if place.copy_binaries:
        binaries = copied(binaries, place.state)
    passwords = _passwords(place)
    children: dict[str, subprocess.Popen[bytes]] = {}
    with _exit_on_signals(), ExitStack() as stack:
        if binaries.postgres:
            children["PostgreSQL"] = postgres.start(place, binaries.postgres, passwords)
            stack.callback(processes.stop, children["PostgreSQL"], postgres.STOP)
        if binaries.valkey:
            children["Valkey"] = valkey.start(place, binaries.valkey, passwords)
            stack.callback(processes.stop, children["Valkey"], valkey.STOP)
        servers = Servers(_urls(settings, place, passwords, children), place.notice, children)
        stack.callback(_withdraw, place)
        _publish(settings, place, servers.urls)
        try:
            yield servers
            if users:
                users.take(timeout=_USERS_PATIENCE)
                stack.callback(users.release)
        finally:
            _ignore_interrupts(stack)


def _embedded(settings: Settings, cache: bool) -> bool:
    return not settings.database_url or _valkey_wanted(settings, cache)


def _valkey_wanted(settings: Settings, cache: bool) -> bool:
    return cache and not settings.redis_url


def _place(settings: Settings, cache: bool) -> Place:
    binaries = find_binaries(postgres=not settings.database_url, valkey=_valkey_wanted(settings, cache))
    try:
        return find_place(settings.home, binaries.programs())
    except PermissionError as error:
        raise Misconfigured(f"{error.filename or settings.home} belongs to another user.") from None
    except OSError as error:
        raise Misconfigured(f"{error.filename or settings.home}: {error.strerror}.") from None


def _locks(place: Place) -> tuple[Lock, Lock]:
    return Lock(place.state / "owner.lock"), Lock(place.state / "users.lock")


def _external(settings: Settings) -> Urls:
    if not settings.database_url:
        raise Misconfigured("PDMP_DATABASE_URL is not set.")
    for name, url in (
        ("PDMP_DATABASE_URL", settings.database_url),
        ("PDMP_MIGRATION_DATABASE_URL", settings.migration_database_url),
    ):
        try:
            psycopg.conninfo.conninfo_to_dict(url or "")
        except psycopg.ProgrammingError:
            # Its text quotes the URL, password and all.
            raise Misconfigured(f"{name} is not a PostgreSQL URL.") from None
    return Urls(
        database_url=settings.database_url,
        owner_database_url=settings.migration_database_url or settings.database_url,
        redis_url=settings.redis_url,
    )


def _urls(settings: Settings, place: Place, passwords: dict[str, str], running: dict[str, Any]) -> Urls:
    if "PostgreSQL" in running:
        urls = Urls(
            database_url=postgres.url(place, "pdmp_serve", passwords["serve"]),
            owner_database_url=postgres.url(place, "pdmp_owner", passwords["owner"]),
            redis_url=settings.redis_url,
            app_database_url=postgres.url(place, "smart_app", passwords["app"]),
            admin_database_url=postgres.url(place, "postgres", passwords["superuser"], "postgres"),
        )
    else:
        urls = _external(settings)
    if "Valkey" in running:
        urls = replace(
            urls,
            redis_url=valkey.url(place, "gateway", passwords["cache"]),
            app_redis_url=valkey.url(place, "smart_app", passwords["app_cache"]),
        )
    return urls


def _passwords(place: Place) -> dict[str, str]:
    """Return the passwords of this place's servers, made at the first start."""
    path = place.state / "passwords.json"
    if path.exists():
        found: dict[str, str] = json.loads(path.read_text())
        return found
    if place.postgres.is_dir():
        raise Misconfigured(f"{path} is missing; the data beside it can't be opened without.")
    made = {name: secrets.token_urlsafe(24) for name in _PASSWORDS}
    write_private(path, json.dumps(made).encode())
    return made


def _publish(settings: Settings, place: Place, urls: Urls) -> None:
    """Tell other processes. Only the URLs of our own servers: external ones are in their settings."""
    shown = {
        "database_url": urls.database_url,
        "owner_database_url": urls.owner_database_url,
        "redis_url": urls.redis_url,
        "pid": os.getpid(),
    }
    app = {
        "database_url": urls.app_database_url,
        "redis_url": urls.app_redis_url,
        "gateway_fhir": settings.fhir_base,
    }
    write_private(place.run / "servers.json", json.dumps(shown).encode())
    write_private(place.run / "app.json", json.dumps(app).encode())


def _withdraw(place: Place) -> None:
    for name in ("servers.json", "app.json"):
        (place.run / name).unlink(missing_ok=True)


def _found(settings: Settings, place: Place) -> Urls | None:
    """Return the URLs of servers that another process runs, if their database answers."""
    try:
        shown = json.loads((place.run / "servers.json").read_text())
        app = json.loads((place.run / "app.json").read_text())
        passwords = _passwords(place)
    except (FileNotFoundError, ValueError):
        return None
    try:
        psycopg.connect(shown["database_url"], connect_timeout=5).close()
    except psycopg.OperationalError:
        return None
    embedded = not settings.database_url
    return Urls(
        database_url=settings.database_url or shown["database_url"],
        owner_database_url=settings.migration_database_url or shown["owner_database_url"],
        redis_url=settings.redis_url or shown["redis_url"],
        app_database_url=app["database_url"],
        app_redis_url=app["redis_url"],
        admin_database_url=postgres.url(place, "postgres", passwords["superuser"], "postgres")
        if embedded
        else None,
    )


@contextmanager
def _exit_on_signals() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into SystemExit within the block, where their handling is the default."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is signal.SIG_DFL]

    def leave(number: int, frame: FrameType | None) -> None:
        for other in numbers:
            signal.signal(other, signal.SIG_IGN)  # stopping goes on undisturbed
        sys.exit(128 + number)

    for number in numbers:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def _ignore_interrupts(stack: ExitStack) -> None:
    """Let an impatient second Ctrl-C not tear the stopping; the old handling comes back after it."""
    if threading.current_thread() is threading.main_thread():
        # Bottom of what is left to do: restored before the servers are stopped would be too early.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        restore = ExitStack()
        restore.push(stack.pop_all())
        stack.callback(signal.signal, signal.SIGINT, before)
        stack.push(restore)
