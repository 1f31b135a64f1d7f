"""What a drug product is to arithmetic: its substances with their strengths, its route, its lanes.

Filled from `mappings/drugs` by `gateway.mapping.drugs`; an NDC that is not there has no Drug at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from fractions import Fraction


class Lane(Enum):
    """What a clinician reads side by side."""

    OPIOID = "opioid"
    BUPRENORPHINE = "buprenorphine"
    SEDATIVE = "sedative"
    STIMULANT = "stimulant"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Substance:
    """One active ingredient. `name` is without its salt; `strength` is exact, None when not known.

    `unit` is `mg` (a piece), `mg/mL`, `mcg/h` (a patch) or `mg/actuat` (a spray).
    """

    name: str
    full_name: str
    strength: Fraction | None
    unit: str
    lane: Lane


@dataclass(frozen=True, slots=True)
class Drug:
    """One product by its 11-digit NDC. `schedule` is the jurisdiction's (`II` to `V`, empty: none)."""

    ndc11: str
    name: str
    substances: tuple[Substance, ...]
    form: str
    route: str
    rxcui: str
    rxnorm_name: str
    federal_schedule: str
    schedule: str

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """Return the lanes of its substances, in the order of Lane; OTHER only when there is no other."""
        return lanes_of(self.substances)


def lanes_of(substances: tuple[Substance, ...]) -> tuple[Lane, ...]:
    """Return the distinct lanes of `substances`, in the order of Lane; OTHER only when there is no other."""
    present = {substance.lane for substance in substances}
    named = tuple(lane for lane in Lane if lane in present and lane is not Lane.OTHER)
    return named or ((Lane.OTHER,) if present else ())
