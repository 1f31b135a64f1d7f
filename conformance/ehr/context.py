"""What every view of the double shares, and how a view gets at it."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from flask import current_app

from conformance.ehr.book import Book
from conformance.ehr.keys import HookKey, SigningKey
from conformance.ehr.settings import Settings
from conformance.ehr.state import State

_NAME = "ehr-double"


@dataclass(frozen=True, slots=True)
class Ehr:
    """One running double."""

    settings: Settings
    book: Book
    state: State
    key: SigningKey = field(default_factory=SigningKey)
    hook_key: HookKey = field(default_factory=HookKey)

    @classmethod
    def of(cls, settings: Settings, now: Callable[[], float] = time.time) -> Ehr:
        """Return a double of these settings that has remembered nothing yet. Raises BadBook."""
        return cls(settings, Book(settings.file), State(now))

    def today(self) -> dt.date:
        """Return the date on the hospital's wall."""
        return self.settings.test_today or dt.datetime.now(dt.UTC).astimezone().date()


def install(ehr: Ehr, extensions: dict[str, object]) -> None:
    """Make `ehr` the one that `current()` finds in this app."""
    extensions[_NAME] = ehr


def current() -> Ehr:
    """Return the double that answers this request."""
    return cast(Ehr, current_app.extensions[_NAME])
