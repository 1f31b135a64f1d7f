"""The configured rules in words: code, what it says, who published it.

Alerts and the code system of their rules share these.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.clinical.figures import text
from gateway.clinical.overlap import Pattern
from gateway.clinical.thresholds import (
    DoseThreshold,
    EarlyThreshold,
    EpisodeThreshold,
    OverlapThreshold,
    Thresholds,
)


@dataclass(frozen=True, slots=True)
class Published:
    """One rule. `code` is stable as long as its threshold is."""

    code: str
    rule: str
    source: str


def every(thresholds: Thresholds) -> tuple[Published, ...]:
    """Return all alert rules of `thresholds`."""
    return (
        *map(dose, thresholds.doses),
        *map(overlap, thresholds.overlaps),
        *map(episode, thresholds.episodes),
        *(() if thresholds.early is None else (early(thresholds.early),)),
    )


def dose(rule: DoseThreshold) -> Published:
    """Return a dose rule in words."""
    limit = text(rule.at_least)
    return Published(f"mme-{limit}", f"At least {limit} MME a day on any day", rule.source)


def overlap(rule: OverlapThreshold) -> Published:
    """Return an overlap rule in words."""
    words = f"{name(rule.pattern)} on at least {days(rule.days)}"
    return Published(code(rule.pattern), words, rule.source)


def episode(rule: EpisodeThreshold) -> Published:
    """Return a multiple-provider rule in words."""
    the = rule.rule
    word = "or" if the.either else "and"
    return Published(
        f"providers-{the.prescribers}-{the.dispensers}-{the.length.count}-{the.length.unit}",
        f"At least {the.prescribers} prescribers {word} {the.dispensers} dispensers within {the.length}, "
        "opioids in Schedules II to V except buprenorphine",
        rule.source,
    )


def early(rule: EarlyThreshold) -> Published:
    """Return the rule of early fills in words."""
    words = f"Filled at least {days(rule.days)} before the end of the supply of the same drug"
    return Published("early-fill", words, rule.source)


def name(pattern: Pattern) -> str:
    """Return a pattern as the beginning of a sentence."""
    if pattern is Pattern.OPIOID_TWICE:
        return "Two opioid supplies together"
    names = [drug_class.value for drug_class in pattern.classes]
    return " + ".join(names).capitalize() + (" together" if len(names) > 1 else "")


def code(pattern: Pattern) -> str:
    """Return the code of a pattern: without spaces, as FHIR has it."""
    return pattern.value.replace(" ", "-")


def days(count: int) -> str:
    """Return a count of days with its noun."""
    return "1 day" if count == 1 else f"{count} days"
