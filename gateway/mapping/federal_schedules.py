"""Federal schedules by substance, from `mappings/drugs/schedules.toml` (21 CFR part 1308)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from gateway.clinical.drug import Substance
from gateway.core.errors import Misconfigured
from gateway.mapping.jurisdiction import SCHEDULES
from gateway.mapping.sources import Sources

_NAME = "drugs/schedules.toml"


@dataclass(frozen=True, slots=True)
class Limited:
    """A milder schedule of a preparation that holds at most so much of `substance`, and something else."""

    schedule: str
    source: str
    substance: str
    at_most: Fraction
    unit: str


@dataclass(frozen=True, slots=True)
class FederalSchedules:
    """What the regulation says of substances and of preparations. `exceptions`: NDC -> why it differs."""

    substances: Mapping[str, tuple[str, str]]
    """Substance -> (schedule, source); the schedule is empty for one that is in none."""
    limited: tuple[Limited, ...]
    exceptions: Mapping[str, str]

    def of(self, substances: Sequence[Substance]) -> tuple[str, str] | None:
        """Return (schedule, source) of a preparation: the strictest. None when it holds nothing listed."""
        found = [self._of(one, among=substances) for one in substances if one.name in self.substances]
        return min(found, key=lambda pair: SCHEDULES.index(pair[0]), default=None)

    def _of(self, one: Substance, *, among: Sequence[Substance]) -> tuple[str, str]:
        usual = self.substances[one.name]
        # A base and its salt, or two salts, are one ingredient.
        if one.strength is None or not any(other.name != one.name for other in among):
            return usual
        milder = [
            (limit.schedule, limit.source)
            for limit in self.limited
            if limit.substance == one.name and limit.unit == one.unit and one.strength <= limit.at_most
        ]
        return max(milder, key=lambda pair: SCHEDULES.index(pair[0]), default=usual)


def load(sources: Sources) -> FederalSchedules:
    """Return the table. Raises Misconfigured."""
    table = sources.toml(_NAME)
    try:
        substances: dict[str, tuple[str, str]] = {}
        for entry in table["schedule"]:
            if entry["schedule"] not in SCHEDULES or not entry["source"].strip():
                raise ValueError("a schedule is I to V or empty, and has a source")
            for name in entry["substances"]:
                if name in substances:
                    raise ValueError(f"{name} is in two schedules")
                substances[name] = (entry["schedule"], entry["source"])
        limited = tuple(
            Limited(
                entry["schedule"],
                entry["source"],
                entry["substance"],
                Fraction(entry["at_most"]),
                entry["unit"],
            )
            for entry in table.get("limited", ())
        )
        for limit in limited:
            if limit.substance not in substances or limit.schedule not in SCHEDULES:
                raise ValueError(f"{limit.substance}: limited, yet in no schedule")
        exceptions = {entry["ndc11"]: entry["reason"] for entry in table.get("exception", ())}
        return FederalSchedules(substances, limited, exceptions)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Misconfigured(f"Mapping table {_NAME}: {error}") from None
