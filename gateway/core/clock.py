"""Time as a value that is passed in, so that tests and demonstrations own it.

Two times are kept apart. `now()` is real and serves tokens, grants and audit. `today()` is the
clinical and ingest date; `PDMP_TEST_TODAY` moves it, and nothing else, on a loopback base URL.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock of one process. `fixed_today` replaces the clinical date; `zone` is the jurisdiction's."""

    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("America/New_York"))
    fixed_today: dt.date | None = None

    def now(self) -> dt.datetime:
        """Return the real time in UTC."""
        return dt.datetime.now(dt.UTC)

    def today(self) -> dt.date:
        """Return the clinical date: fixed for demonstrations, else today in the jurisdiction's zone."""
        return self.fixed_today or dt.datetime.now(self.zone).date()
