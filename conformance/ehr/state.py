"""What happens while the double runs: sessions, launches, codes, tokens, assertion ids. In memory.

One process with threads; one lock. A real authorization server keeps these in a database, so that they
survive a restart and are shared by its processes; a double need not.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from conformance.ehr.cards import Advice
from conformance.ehr.medication import Order

#: Seconds. SMART 2.2 asks for a short-lived launch and a code of about a minute (RFC 6749 §4.1.2: ten
#: minutes at most).
LAUNCH_LIFE = 300
CODE_LIFE = 60
TOKEN_LIFE = 600
SESSION_LIFE = 8 * 3600

#: Entries of one kind that are kept; the oldest go first. A loop in a client must not fill the memory.
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Session:
    """A practitioner at the EHR's screen."""

    practitioner: str
    expires: float


@dataclass(frozen=True, slots=True)
class Launch:
    """One click in a chart: which client was opened by whom for whom, and from which card's context."""

    client_id: str
    practitioner: str
    patient: str
    expires: float
    app_context: str | None = None


@dataclass(frozen=True, slots=True)
class Click:
    """A launch on its way from the button to the frame."""

    launch: str
    expires: float


@dataclass(frozen=True, slots=True)
class Code:
    """What an authorization code stands for."""

    client_id: str
    redirect_uri: str
    challenge: str
    scope: str
    nonce: str | None
    practitioner: str
    patient: str
    expires: float
    app_context: str | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """What an access token may do, and the code it came from."""

    client_id: str
    scope: str
    practitioner: str
    patient: str
    code: str
    expires: float


@dataclass(frozen=True, slots=True)
class SpentCode:
    """A code that was redeemed; a second try revokes what came of it (RFC 6749 §4.1.2)."""

    expires: float


@dataclass(frozen=True, slots=True)
class Assertion:
    """A `jti` that was seen; kept until its assertion can't be accepted any more."""

    expires: float


@dataclass(frozen=True, slots=True)
class Pad:
    """One user's order screen of one chart. `advice` is what the last hook brought."""

    hook_instance: str
    expires: float
    drafts: tuple[Order, ...] = ()
    signed: tuple[Order, ...] = ()
    advice: Advice = field(default_factory=Advice)
    #: The drafts that were shown with their order-sign cards; only these are signed by a second press.
    warned: tuple[Order, ...] | None = None


@dataclass(frozen=True, slots=True)
class Greeting:
    """What the patient-view hook brought when a chart was opened."""

    advice: Advice
    expires: float


class _Mortal(Protocol):
    @property
    def expires(self) -> float: ...


T = TypeVar("T", bound=_Mortal)


class Shelf(Generic[T]):
    """Things of one kind under names, until they expire. Safe between threads."""

    def __init__(self, now: Callable[[], float]) -> None:
        """Start empty; `now` tells epoch seconds."""
        self._now = now
        self._lock = threading.Lock()
        self._things: dict[str, T] = {}

    def put(self, thing: T) -> str:
        """Keep `thing` and return its new unguessable name: 43 characters of `[A-Za-z0-9_-]`."""
        name = secrets.token_urlsafe(32)
        self.put_new(name, thing)
        return name

    def put_new(self, name: str, thing: T) -> bool:
        """Keep `thing` under `name`; return False, changing nothing, when the name is taken."""
        with self._lock:
            self._sweep()
            if name in self._things:
                return False
            self._things[name] = thing
            return True

    def put_as(self, name: str, thing: T) -> None:
        """Keep `thing` under `name`, instead of what was there."""
        with self._lock:
            self._sweep()
            self._things.pop(name, None)
            self._things[name] = thing

    def get(self, name: str) -> T | None:
        """Return the living thing of that name, or None."""
        with self._lock:
            thing = self._things.get(name)
            return thing if thing is not None and thing.expires > self._now() else None

    def take(self, name: str) -> T | None:
        """Return the living thing of that name and forget it: of two takers one gets None."""
        with self._lock:
            thing = self._things.pop(name, None)
            return thing if thing is not None and thing.expires > self._now() else None

    def drop_where(self, unwanted: Callable[[T], bool]) -> None:
        """Forget every thing that is `unwanted`."""
        with self._lock:
            self._things = {name: thing for name, thing in self._things.items() if not unwanted(thing)}

    def _sweep(self) -> None:
        if len(self._things) < _MOST:
            return
        now = self._now()
        living = [(name, thing) for name, thing in self._things.items() if thing.expires > now]
        # Insertion order is age; the newest half stays when all are alive.
        self._things = dict(living[-_MOST // 2 :])


class State:
    """All that the running double remembers."""

    def __init__(self, now: Callable[[], float]) -> None:
        """Start with nothing; `now` tells epoch seconds and is shared by everything that judges time."""
        self.now = now
        self.sessions: Shelf[Session] = Shelf(now)
        self.launches: Shelf[Launch] = Shelf(now)
        #: Launches minted by a click whose page has not been drawn yet, by session and patient.
        self.clicks: Shelf[Click] = Shelf(now)
        self.codes: Shelf[Code] = Shelf(now)
        self.spent_codes: Shelf[SpentCode] = Shelf(now)
        self.tokens: Shelf[Token] = Shelf(now)
        self.assertions: Shelf[Assertion] = Shelf(now)
        #: Order screens, by session and patient.
        self.pads: Shelf[Pad] = Shelf(now)
        #: Cards that a chart showed when it was opened, by session and patient.
        self.greetings: Shelf[Greeting] = Shelf(now)
