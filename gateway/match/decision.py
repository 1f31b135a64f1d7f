"""What matching says: this person, somebody but not to be settled whom, or nobody; each with its evidence.

Evidence is in words (KINDS), never in values: it may be shown to a steward, kept and audited. Values only.

Who wants every candidate instead of one decision (a steward, Patient/$match) asks
`gateway.match.lookup.rank(connection, vault, matching_model, jurisdiction, query) -> list[Candidate]`, best
first, where `matching_model` is `Mappings.matching` and `jurisdiction` its code.

A steward's word outweighs every score (`gateway.match.steward`): no rule joins a pair of `forbidden_pairs`;
an id of ours in a question means whoever is `standing_for` it; and with a person of `joined_by_steward` an
SSN or a licence conflicts only when it differs from all that the person has, not from one (`reconcile`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for and against two descriptions being of one person.

    `weight` is the match weight: log2 of the odds, with the prior in them; `probability`, 0 to 1, follows
    from it. `agreeing` and `disagreeing` name fields in words; what one side lacks is in neither. `conflict`
    names what forbids that a rule joins the two, whatever the probability; empty when nothing does.
    """

    weight: float
    probability: float
    agreeing: tuple[str, ...] = ()
    disagreeing: tuple[str, ...] = ()
    conflict: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person that the question may mean. `evidence.probability` is for that person alone."""

    person_id: UUID
    probability: float
    evidence: Evidence = field(compare=False)


@dataclass(frozen=True, slots=True)
class Matched:
    """This person, and nobody else."""

    person_id: UUID
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Somebody may be meant, but it is not settled who. `kinds`, in words, would settle it."""

    kinds: tuple[str, ...]
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class NoMatch:
    """Nobody. `evidence`: of the nearest person that was looked at, if any."""

    evidence: Evidence | None = None


Decision = Matched | Ambiguous | NoMatch
