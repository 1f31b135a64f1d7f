"""Whom a query means, by the rule of `resolve.py`: one person, nobody, or not to be settled.

Our own person identifier decides when name and birth date agree with it and nothing contradicts it. A query
may bring several names, suffixes, addresses and telephones; any of them may meet any description. Values are
hashed before they are compared, and never leave this module.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from psycopg import Connection

from gateway.core.disclosure import PatientIdentifier, PatientQuery
from gateway.match import normalise
from gateway.match.assign import identifier_hash, people_of
from gateway.match.normalise import LICENSE, SSN
from gateway.match.resolve import KINDS, Facts, Nobody, One, compare, decide
from gateway.match.steward import reconcile, standing_for
from gateway.store import persons as store
from gateway.store.database import Row
from gateway.store.vault import Vault

_OWN = "person"


@dataclass(frozen=True, slots=True)
class Found:
    """This person."""

    person_id: UUID


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody of that name and birth date."""


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Somebody of that name and birth date, but nothing settles who. `kinds` would, in words."""

    kinds: tuple[str, ...]


def find(
    connection: Connection[Row], vault: Vault, jurisdiction: str, query: PatientQuery
) -> Found | Unknown | Ambiguous:
    """Return whom `query` means. Without a name or a birth date nobody can be told: Ambiguous names them."""
    question = question_of(vault, query)
    if question.birth_date is None or not question.names:
        lacking = [("name", question.names), ("birth date", question.birth_date)]
        return Ambiguous(tuple(word for word, value in lacking if not value))
    rows = store.candidates(
        connection, jurisdiction, [(name, question.birth_date) for name in sorted(question.names)]
    )
    people = people_of(rows)
    reconcile(connection, jurisdiction, people)
    sent = [_uuid(identifier) for identifier in query.identifiers if identifier.kind == _OWN]
    # A requester may have kept the id of somebody who was merged away since.
    own = set(standing_for(connection, jurisdiction, [one for one in sent if one is not None]).values())
    named, contradicted = [], False
    for person_id in own:
        if person_id in people:
            compared = compare(question, people[person_id])
            # A requester that kept our identifier in the wrong chart contradicts it with what it knows.
            if compared.named and not compared.contradicted:
                named.append(person_id)
            contradicted = contradicted or (compared.named and compared.contradicted)
    if len(named) == 1 and not contradicted:
        return Found(named[0])
    match decide(question, list(people.items())):
        case One() if named or contradicted:
            # Our identifier says one person, the rest another: two people are mixed up in that chart.
            return Ambiguous(KINDS[:2])
        case One(person_id):
            return Found(person_id)
        case Nobody():
            return Unknown()
        case undecided:
            return Ambiguous(undecided.kinds)


def question_of(vault: Vault, query: PatientQuery) -> Facts:
    """Return what a query says that can be compared."""
    return Facts(
        species="animal" if query.animal else "human",
        names=frozenset(
            normalise.name_key(family, given, query.animal_name if query.animal else "")
            for family, given in query.names
            if family or given
        ),
        birth_date=query.birth_date,
        suffixes=_keys(normalise.suffix_key(suffix) for suffix in query.suffixes),
        ssns=frozenset(
            identifier_hash(vault, SSN, identifier.value)
            for identifier in query.identifiers
            if identifier.kind == "ssn" and not normalise.is_filler(SSN, identifier.value)
        ),
        licenses=frozenset(
            (identifier.issuer.upper(), identifier_hash(vault, LICENSE, identifier.value))
            for identifier in query.identifiers
            if identifier.kind == "license" and not normalise.is_filler(LICENSE, identifier.value)
        ),
        addresses=_keys(normalise.address_key(line, "", code) for line, _, code in query.addresses),
        phones=_keys(normalise.phone_key(phone) for phone in query.phones),
    )


def _keys(keys: Iterable[str]) -> frozenset[str]:
    return frozenset(key for key in keys if key)


def _uuid(identifier: PatientIdentifier) -> UUID | None:
    try:
        return UUID(identifier.value)
    except ValueError:
        return None
