"""Search parameters as a condition on what may be seen: the part of a granular scope after its `?`.

SMART App Launch 2.2, "Finer-grained resource constraints using search parameters". Values are read as a
search reads them; parameters that are repeated must all hold, a comma list is a choice.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from gateway.core.access import OPEN, Window
from gateway.core.errors import UnknownParameter
from gateway.fhir import dates, tokens
from gateway.fhir.tokens import Token

#: The parameters that may stand in a scope, by resource type. No modifiers, no chains.
PARAMETERS: Mapping[str, frozenset[str]] = {
    "MedicationDispense": frozenset({"type", "status", "code", "whenprepared"}),
    "MedicationRequest": frozenset({"category"}),
}

Pairs = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Condition:
    """What one scope asks of a MedicationDispense, or of a MedicationRequest (`category`); None: nothing."""

    statuses: frozenset[str] | None = None
    types: tuple[Token, ...] | None = None
    codes: tuple[Token, ...] | None = None
    categories: tuple[Token, ...] | None = None
    prepared: Window = OPEN
    not_prepared: tuple[tuple[dt.date, dt.date], ...] = ()

    @property
    def impossible(self) -> bool:
        """Return whether nothing can satisfy it: contradicting statuses or dates."""
        start, end = self.prepared.start, self.prepared.end
        return self.statuses == frozenset() or (start is not None and end is not None and start > end)


def read(resource_type: str, pairs: Pairs, *, zone: ZoneInfo, today: dt.date) -> Condition:
    """Return the condition. `zone` is that of dates without one, `today` what "about a date" measures from.

    Raises BadRequest for a malformed value, UnknownParameter for what is not served.
    """
    known = PARAMETERS.get(resource_type, frozenset())
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        if name not in known:
            served = ", ".join(sorted(known)) or "none"
            raise UnknownParameter(f"A scope on {resource_type} takes these search parameters: {served}.")
        if not value.strip(","):
            raise UnknownParameter(f"{name} has no value in a scope.")
        values.setdefault(name, []).append(value)
    prepared = [dates.parse("whenprepared", text, zone, today) for text in values.get("whenprepared", ())]
    return Condition(
        statuses=tokens.statuses(values.get("status", ())),
        types=_any(tokens.tokens("type", values.get("type", ()))),
        codes=_any(tokens.drug_codes(values.get("code", ()))),
        categories=_any(tokens.tokens("category", values.get("category", ()))),
        prepared=dates.window(prepared, zone),
        not_prepared=dates.left_out(prepared, zone),
    )


def _any(found: tuple[Token, ...]) -> tuple[Token, ...] | None:
    return found or None
