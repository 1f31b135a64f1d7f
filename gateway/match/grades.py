"""Every person whom a question may mean, each with a grade: what Patient/$match answers by.

`certain` is whom a history would be disclosed of, by the very decision of `lookup.find`: there is one such
person or none. `probable` and `possible` agree in name and birth date and contradict nothing; a probable one
agrees on something more. Whom something contradicts is not told at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any
from uuid import UUID

from psycopg import Connection

from gateway.core.disclosure import PatientQuery
from gateway.match.assign import people_of
from gateway.match.lookup import Found, find, question_of
from gateway.match.resolve import KINDS, compare
from gateway.match.steward import reconcile
from gateway.store import persons as store
from gateway.store.vault import Vault

#: Name and birth date, which agree in whoever is looked at.
_NAMED = 2


class Grade(Enum):
    """Codes of CodeSystem match-grade, best first; its `certainly-not` is never told."""

    CERTAIN = "certain"
    PROBABLE = "probable"
    POSSIBLE = "possible"


@dataclass(frozen=True, slots=True)
class Graded:
    """A person and how well it answers. `score`, 0 to 1: the share that agrees of all that is compared."""

    person_id: UUID
    grade: Grade
    score: float


def graded(connection: Connection[Any], vault: Vault, jurisdiction: str, query: PatientQuery) -> list[Graded]:
    """Return whom `query` may mean, best first. `query` has a name and a birth date."""
    settled = find(connection, vault, jurisdiction, query)
    question = question_of(vault, query)
    if question.birth_date is None:
        return []
    asked = [(name, question.birth_date) for name in sorted(question.names)]
    people = people_of(store.candidates(connection, jurisdiction, asked))
    reconcile(connection, jurisdiction, people)
    found = []
    for person_id, descriptions in people.items():
        compared = compare(question, descriptions)
        score = (_NAMED + len(compared.agreed)) / (_NAMED + len(KINDS))
        if isinstance(settled, Found) and settled.person_id == person_id:
            found.append(Graded(person_id, Grade.CERTAIN, score))
        elif compared.named and not compared.contradicted:
            grade = Grade.PROBABLE if compared.agreed else Grade.POSSIBLE
            found.append(Graded(person_id, grade, score))
    order = list(Grade)
    return sorted(found, key=lambda one: (order.index(one.grade), -one.score, one.person_id))
