"""The rule of who is who, pure: facts in, decision out.

A new description or a query means a person when species, animal name, normalised name and birth date
agree with one of the person's descriptions, at least one of SSN, licence, address or telephone agrees,
and nothing in any description of that person differs in SSN or licence. Two different suffixes never
meet; an absent one agrees with any. When several persons qualify, none is chosen.

Licences are compared within a state: two of different states are no contradiction. Where a state is not
told, equal numbers agree and different ones differ, because a wrong join is worse than a missed one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

License = tuple[str, bytes]
"""(state or empty, keyed hash of the number)."""

PersonKey = TypeVar("PersonKey")

#: Kinds of evidence, strongest first, in the words that answers use.
KINDS = ("social security number", "driver's licence", "address", "telephone")


@dataclass(frozen=True, slots=True)
class Facts:
    """What one description, or one query, says that can be compared. Empty fields say nothing.

    A query may name several people's worth of names, suffixes, addresses and telephones; a description has
    at most one of each. SSN and licence values are keyed hashes.
    """

    species: str
    names: frozenset[str]
    birth_date: dt.date | None = field(repr=False)
    suffixes: frozenset[str] = frozenset()
    ssns: frozenset[bytes] = field(default=frozenset(), repr=False)
    licenses: frozenset[License] = field(default=frozenset(), repr=False)
    addresses: frozenset[str] = field(default=frozenset(), repr=False)
    phones: frozenset[str] = field(default=frozenset(), repr=False)


@dataclass(frozen=True, slots=True)
class Comparison:
    """How one person stands to the question."""

    named: bool
    """Species, name and birth date agree with one of the person's descriptions."""
    agreed: frozenset[str]
    """The KINDS that agree."""
    contradicted: bool
    """SSN, licence or suffix differs somewhere."""
    offered: frozenset[str]
    """The KINDS that the person has at all."""

    @property
    def joins(self) -> bool:
        """Return whether this is the person, as far as this person alone can tell."""
        return self.named and bool(self.agreed) and not self.contradicted


def same_name(one: Facts, other: Facts) -> bool:
    """Return whether species (and animal), name and birth date agree."""
    return (
        one.species == other.species
        and one.birth_date is not None
        and one.birth_date == other.birth_date
        and not one.names.isdisjoint(other.names)
    )


def licenses_agree(one: frozenset[License], other: frozenset[License]) -> bool:
    """Return whether a number is the same where the states are the same or one is unknown."""
    return any(a[1] == b[1] and _comparable(a, b) for a in one for b in other)


def licenses_differ(one: frozenset[License], other: frozenset[License]) -> bool:
    """Return whether two comparable licences have different numbers, and none agrees."""
    return any(_comparable(a, b) for a in one for b in other) and not licenses_agree(one, other)


def _comparable(one: License, other: License) -> bool:
    return one[0] == other[0] or not one[0] or not other[0]


def contradicts(one: Facts, other: Facts) -> bool:
    """Return whether the two cannot be one person: SSN, licence or suffix differs. Symmetric."""
    return (
        _disjoint(one.ssns, other.ssns)
        or _disjoint(one.suffixes, other.suffixes)
        or licenses_differ(one.licenses, other.licenses)
    )


def _disjoint(one: frozenset[bytes] | frozenset[str], other: frozenset[bytes] | frozenset[str]) -> bool:
    return bool(one) and bool(other) and one.isdisjoint(other)


def agreements(one: Facts, other: Facts) -> frozenset[str]:
    """Return the KINDS on which the two agree. Symmetric."""
    ssn, license_, address, phone = KINDS
    found = []
    if not one.ssns.isdisjoint(other.ssns):
        found.append(ssn)
    if licenses_agree(one.licenses, other.licenses):
        found.append(license_)
    if not one.addresses.isdisjoint(other.addresses):
        found.append(address)
    if not one.phones.isdisjoint(other.phones):
        found.append(phone)
    return frozenset(found)


def compare(question: Facts, descriptions: Iterable[Facts]) -> Comparison:
    """Return how `question` stands to the one person who has all these `descriptions`."""
    named = contradicted = False
    agreed: frozenset[str] = frozenset()
    offered: set[str] = set()
    for description in descriptions:
        named = named or same_name(question, description)
        contradicted = contradicted or contradicts(question, description)
        agreed |= agreements(question, description)
        offered.update(
            kind
            for kind, values in zip(
                KINDS,
                (description.ssns, description.licenses, description.addresses, description.phones),
                strict=True,
            )
            if values
        )
    return Comparison(named, agreed, contradicted, frozenset(offered))


@dataclass(frozen=True, slots=True)
class One(Generic[PersonKey]):
    """Exactly one person qualifies."""

    person: PersonKey


@dataclass(frozen=True, slots=True)
class Nobody:
    """No person of that name and birth date."""


@dataclass(frozen=True, slots=True)
class Undecided:
    """Persons of that name and birth date, but none that evidence settles, or several.

    `kinds`: which of KINDS would settle it: those that the candidates have, and the question lacked or
    did not agree on.
    """

    kinds: tuple[str, ...]


def decide(
    question: Facts, candidates: Sequence[tuple[PersonKey, Sequence[Facts]]]
) -> One[PersonKey] | Nobody | Undecided:
    """Return whom `question` means among `candidates` (persons with all their descriptions), in any order."""
    compared = [(person, compare(question, descriptions)) for person, descriptions in candidates]
    named = [(person, comparison) for person, comparison in compared if comparison.named]
    if not named:
        return Nobody()
    joining = [person for person, comparison in named if comparison.joins]
    if len(joining) == 1:
        return One(joining[0])
    wanted = set().union(*(comparison.offered - comparison.agreed for _, comparison in named))
    # Two who agree on all that they have: only a stronger identifier can tell them apart.
    return Undecided(tuple(kind for kind in KINDS if kind in wanted) or KINDS[:2])


def joins(question: Facts, candidates: Sequence[tuple[PersonKey, Sequence[Facts]]]) -> PersonKey | None:
    """Return the one person that a new description joins, or None: then it is a new person's."""
    match decide(question, candidates):
        case One(person):
            return person
        case _:
            return None
