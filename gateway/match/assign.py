"""Ingest: which person a reported description belongs to, one batch after another within a file.

The very same description as before is the same person's straight. A new one joins by the rule in
`resolve.py`, or makes a new person. Batches see what the ones before them decided.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg import Connection

from gateway.core.ids import uuid7s
from gateway.core.records import Address, Description, Person
from gateway.match import normalise, steward
from gateway.match.normalise import LICENSE, SSN
from gateway.match.resolve import Facts, joins
from gateway.store import persons as store
from gateway.store.database import Row
from gateway.store.vault import Vault

_NameKey = tuple[str, str, dt.date]
_NIL = UUID(int=0)
_NEVER = dt.datetime.min.replace(tzinfo=dt.UTC)


@dataclass(slots=True, eq=False)
class Reported:
    """One description of a file. `identifiers` are (qualifier, issuer, value as sent).

    `content` is its normalised text; `own_phone` says that the telephone is the dispenser's.
    `assign` fills the ids.
    """

    description: Description
    identifiers: tuple[tuple[str, str, str], ...] = field(repr=False)
    content: str = field(repr=False)
    own_phone: bool
    reported_at: dt.datetime
    person_id: UUID = _NIL
    description_id: UUID = _NIL


@dataclass(slots=True)
class _Known:
    person_id: UUID
    description_id: UUID
    reported_at: dt.datetime


class Assigner:
    """Decides for one file, inside its transaction, under the jurisdiction's lock."""

    def __init__(self, connection: Connection[Row], vault: Vault, jurisdiction: str) -> None:
        self._connection = connection
        self._vault = vault
        self._jurisdiction = jurisdiction
        self._ids = uuid7s()
        self._known: dict[str, _Known] = {}
        self._people: dict[UUID, list[Facts]] = {}
        self._named: dict[_NameKey, set[UUID]] = defaultdict(set)
        self._asked: set[tuple[str, dt.date]] = set()

    def assign(self, batch: Sequence[Reported]) -> Changes:
        """Give every description its person and store what is new. Returns which persons changed."""
        distinct: dict[str, Reported] = {}
        for one in batch:
            first = distinct.setdefault(one.content, one)
            first.reported_at = max(first.reported_at, one.reported_at)
        fingerprints = {
            content: self._vault.keyed_hash("description", content)
            for content in distinct
            if content not in self._known
        }
        self._recall(fingerprints)
        fresh = [one for content, one in distinct.items() if content not in self._known]
        facts = [self._facts(one) for one in fresh]
        self._fetch(facts)
        changes = Changes()
        for one, fact in zip(fresh, facts, strict=True):
            self._place(one, fact, changes)
        moved = self._move_on([one for content, one in distinct.items() if content in self._known])
        changes.again.update(person for person, _, _ in moved)
        store.report_again(self._connection, self._jurisdiction, moved)
        self._write(fresh, facts, fingerprints)
        for one in fresh:
            self._known[one.content] = _Known(one.person_id, one.description_id, one.reported_at)
        for one in batch:
            known = self._known[one.content]
            one.person_id, one.description_id = known.person_id, known.description_id
        return changes

    def _recall(self, fingerprints: dict[str, bytes]) -> None:
        if not fingerprints:
            return
        found = store.known_descriptions(self._connection, self._jurisdiction, list(fingerprints.values()))
        for content, fingerprint in fingerprints.items():
            if fingerprint in found:
                self._known[content] = _Known(*found[fingerprint])

    def _facts(self, one: Reported) -> Facts:
        d = one.description
        ssns, licenses = set(), set()
        for qualifier, issuer, value in one.identifiers:
            if qualifier in (SSN, LICENSE) and not normalise.is_filler(qualifier, value):
                hashed = identifier_hash(self._vault, qualifier, value)
                if qualifier == SSN:
                    ssns.add(hashed)
                else:
                    licenses.add((issuer, hashed))
        suffix = normalise.suffix_key(d.suffix)
        address = normalise.address_key(d.address.line1, d.address.line2, d.address.postal_code)
        phone = "" if one.own_phone else normalise.phone_key(d.phone)
        return Facts(
            species=d.species,
            names=frozenset((normalise.name_key(d.last_name, d.first_name, d.animal_name),)),
            birth_date=d.birth_date,
            suffixes=_set(suffix),
            ssns=frozenset(ssns),
            licenses=frozenset(licenses),
            addresses=_set(address),
            phones=_set(phone),
        )

    def _fetch(self, facts: Sequence[Facts]) -> None:
        wanted = {
            (name, one.birth_date) for one in facts for name in one.names if one.birth_date is not None
        } - self._asked
        if not wanted:
            return
        self._asked |= wanted
        rows = store.candidates(self._connection, self._jurisdiction, sorted(wanted))
        people = people_of(rows)
        steward.reconcile(self._connection, self._jurisdiction, people)
        for person_id, descriptions in people.items():
            # A person met before is in memory already, with this file's descriptions.
            if person_id not in self._people:
                self._people[person_id] = descriptions
                for one in descriptions:
                    self._remember(person_id, one)

    def _place(self, one: Reported, facts: Facts, changes: Changes) -> None:
        candidates = {
            person_id
            for name in facts.names
            if facts.birth_date is not None
            for person_id in self._named.get((facts.species, name, facts.birth_date), ())
        }
        person_id = joins(facts, [(candidate, self._people[candidate]) for candidate in candidates])
        one.description_id = next(self._ids)
        if person_id is None:
            person_id = next(self._ids)
            self._people[person_id] = []
            changes.new[person_id] = []
        if person_id in changes.new:
            changes.new[person_id].append(one)
        else:
            changes.joined.add(person_id)
        one.person_id = person_id
        self._people[person_id].append(facts)
        self._remember(person_id, facts)

    def _remember(self, person_id: UUID, facts: Facts) -> None:
        if facts.birth_date is not None:
            for name in facts.names:
                self._named[(facts.species, name, facts.birth_date)].add(person_id)

    def _move_on(self, again: Sequence[Reported]) -> list[tuple[UUID, UUID, dt.datetime]]:
        moved = []
        for one in again:
            known = self._known[one.content]
            if one.reported_at > known.reported_at:
                known.reported_at = one.reported_at
                moved.append((known.person_id, known.description_id, one.reported_at))
        return moved

    def _write(
        self, fresh: Sequence[Reported], facts: Sequence[Facts], fingerprints: dict[str, bytes]
    ) -> None:
        if not fresh:
            return
        rows = [_row(self._jurisdiction, one, fact) for one, fact in zip(fresh, facts, strict=True)]
        keys = [
            (self._jurisdiction, fingerprints[one.content], one.person_id.bytes, one.description_id.bytes)
            for one in fresh
        ]
        identifiers = [
            (
                self._jurisdiction,
                one.person_id.bytes,
                one.description_id.bytes,
                ordinal,
                qualifier,
                issuer,
                self._vault.encrypt(value.encode(), one.description_id.bytes),
                identifier_hash(self._vault, qualifier, value),
                normalise.is_filler(qualifier, value),
            )
            for one in fresh
            for ordinal, (qualifier, issuer, value) in enumerate(one.identifiers, 1)
        ]
        store.add_descriptions(self._connection, rows, keys, identifiers)


@dataclass(slots=True)
class Changes:
    """The persons a batch touched: `new` with descriptions, `joined` by one, `again` reported later."""

    new: dict[UUID, list[Reported]] = field(default_factory=dict)
    joined: set[UUID] = field(default_factory=set)
    again: set[UUID] = field(default_factory=set)


def identifier_hash(vault: Vault, qualifier: str, value: str) -> bytes:
    """Return the keyed hash by which identifiers of one kind are compared."""
    return vault.keyed_hash(f"identifier:{qualifier}", normalise.identifier_key(qualifier, value))


def people_of(rows: Sequence[Row]) -> dict[UUID, list[Facts]]:
    """Return each person's descriptions as facts, from rows of statement `candidates` (ordered)."""
    people: dict[UUID, list[Facts]] = {}
    group: list[Row] = []
    for row in rows:
        if group and group[-1][1] != row[1]:
            people.setdefault(group[0][0], []).append(_stored_facts(group))
            group = []
        group.append(row)
    if group:
        people.setdefault(group[0][0], []).append(_stored_facts(group))
    return people


def _stored_facts(rows: Sequence[Row]) -> Facts:
    _, _, species, name, birth_date, suffix, address, phone = rows[0][:8]
    return Facts(
        species=species,
        names=frozenset((name,)),
        birth_date=birth_date,
        suffixes=_set(suffix),
        ssns=frozenset(bytes(row[10]) for row in rows if row[8] == SSN),
        licenses=frozenset((row[9], bytes(row[10])) for row in rows if row[8] == LICENSE),
        addresses=_set(address),
        phones=_set(phone),
    )


def newest_first(rows: Sequence[Row]) -> dict[UUID, Person]:
    """Return persons with their descriptions newest first, from rows of statement `descriptions`."""
    people: dict[UUID, list[Row]] = defaultdict(list)
    for row in rows:
        people[row[0]].append(row)
    return {
        person_id: Person(
            person_id,
            version=group[0][20],
            updated_at=_NEVER,
            descriptions=[_description(row) for row in sorted(group, key=_age, reverse=True)],
        )
        for person_id, group in people.items()
    }


def _age(row: Row) -> tuple[Any, ...]:
    return (row[2], row[1])


def _description(row: Row) -> Description:
    (
        _, _, reported_at, species, last_name, first_name, middle_name, prefix, suffix, birth_date, gender,
        animal_name, line1, line2, city, state, postal_code, country, phone, location_code, _,
    ) = row  # fmt: skip
    return Description(
        last_name=last_name,
        first_name=first_name,
        birth_date=birth_date,
        middle_name=middle_name,
        prefix=prefix,
        suffix=suffix,
        gender=gender,
        species=species,
        animal_name=animal_name,
        phone=phone,
        location_code=location_code,
        address=Address(line1, line2, city, state, postal_code, country),
        reported_at=reported_at,
    )


def _row(jurisdiction: str, one: Reported, facts: Facts) -> tuple[Any, ...]:
    d, a = one.description, one.description.address
    (name,) = facts.names
    return (
        jurisdiction, one.person_id.bytes, one.description_id.bytes, d.species, name, d.last_name,
        d.first_name, d.middle_name, d.prefix, d.suffix, _only(facts.suffixes), d.birth_date, d.gender,
        d.animal_name,
        a.line1, a.line2, a.city, a.state, a.postal_code, a.country, _only(facts.addresses), d.phone,
        _only(facts.phones), d.location_code, one.reported_at, one.reported_at,
    )  # fmt: skip


def _set(text: str) -> frozenset[str]:
    return frozenset((text,)) if text else frozenset()


def _only(values: frozenset[str]) -> str:
    return next(iter(values), "")
