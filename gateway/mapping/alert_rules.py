"""The alert rules of a jurisdiction, from the section `alerts` of its table."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from gateway.clinical.episodes import EpisodeRule, Length
from gateway.clinical.overlap import Pattern
from gateway.clinical.thresholds import (
    DoseThreshold,
    EarlyThreshold,
    EpisodeThreshold,
    NaiveThreshold,
    OverlapThreshold,
    Thresholds,
)

_KNOWN = frozenset({"window_days", "dose", "overlap", "episode", "early_fill", "naive"})


def compile_rules(table: dict[str, Any] | None) -> Thresholds | None:
    """Return the rules, None without a section. Raises KeyError, TypeError or ValueError."""
    if table is None:
        return None
    if unknown := table.keys() - _KNOWN:
        raise ValueError(f"alerts: unknown {', '.join(sorted(unknown))}")
    overlaps = tuple(
        OverlapThreshold(Pattern(rule["pattern"]), _count(rule["days"]), _source(rule))
        for rule in table.get("overlap", ())
    )
    if len({rule.pattern for rule in overlaps}) != len(overlaps):
        raise ValueError("alerts: a pattern appears twice")
    early, naive = table.get("early_fill"), table.get("naive")
    return Thresholds(
        window_days=_count(table["window_days"]),
        doses=tuple(DoseThreshold(_dose(rule["at_least"]), _source(rule)) for rule in table.get("dose", ())),
        overlaps=overlaps,
        episodes=tuple(EpisodeThreshold(_episode(rule), _source(rule)) for rule in table.get("episode", ())),
        early=EarlyThreshold(_count(early["days"]), _source(early)) if early is not None else None,
        naive=NaiveThreshold(_count(naive["days"]), _source(naive)) if naive is not None else None,
    )


def _episode(rule: dict[str, Any]) -> EpisodeRule:
    if ("days" in rule) == ("months" in rule):
        raise ValueError("alerts: an episode has days or months")
    unit = "days" if "days" in rule else "months"
    either = rule.get("either", False)
    if not isinstance(either, bool):
        raise TypeError("alerts: either is true or false")
    length = Length(_count(rule[unit]), unit)
    return EpisodeRule(_count(rule["prescribers"]), _count(rule["dispensers"]), length, either)


def _dose(text: object) -> Fraction:
    # Text, never a TOML float: the comparison is exact.
    if not isinstance(text, str):
        raise TypeError("alerts: doses are written as text")
    if Fraction(text) <= 0:
        raise ValueError("alerts: doses are above 0")
    return Fraction(text)


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError("alerts: counts are whole numbers from 1")
    return value


def _source(rule: dict[str, Any]) -> str:
    # An alert without a published rule would be an opinion.
    if not isinstance(rule["source"], str) or not rule["source"].strip():
        raise ValueError("alerts: every rule names its source")
    return rule["source"]
