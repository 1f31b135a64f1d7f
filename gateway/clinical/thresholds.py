"""The published rules that a jurisdiction applies, as values. Read from its table by `gateway.mapping`.

A rule that a jurisdiction does not name is not applied: nothing here has a default. Every comparison is
"at or above", on the exact figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from gateway.clinical.episodes import EpisodeRule
from gateway.clinical.overlap import Pattern


@dataclass(frozen=True, slots=True)
class DoseThreshold:
    """MME a day from which on a day is named. `source` is what published it."""

    at_least: Fraction
    source: str


@dataclass(frozen=True, slots=True)
class OverlapThreshold:
    """Days together from which on a pattern is named."""

    pattern: Pattern
    days: int
    source: str


@dataclass(frozen=True, slots=True)
class EpisodeThreshold:
    """A multiple-provider rule with its source."""

    rule: EpisodeRule
    source: str


@dataclass(frozen=True, slots=True)
class EarlyThreshold:
    """Days before the end of a supply from which on a fill is early."""

    days: int
    source: str


@dataclass(frozen=True, slots=True)
class NaiveThreshold:
    """Days without an opioid after which a person is naive."""

    days: int
    source: str


@dataclass(frozen=True, slots=True)
class Thresholds:
    """All rules of a jurisdiction. Alerts look back `window_days` days from today, today counted."""

    window_days: int
    doses: tuple[DoseThreshold, ...] = ()
    overlaps: tuple[OverlapThreshold, ...] = ()
    episodes: tuple[EpisodeThreshold, ...] = ()
    early: EarlyThreshold | None = None
    naive: NaiveThreshold | None = None
