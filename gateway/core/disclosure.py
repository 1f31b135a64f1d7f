"""What is asked of the one door, and what it answers: values only.

`gateway.fhir_api` makes the queries and renders the answers; `gateway.disclose` turns one into the other.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from gateway.core.access import OPEN, DenialReason, Practitioner, Window


@dataclass(frozen=True, slots=True)
class PatientIdentifier:
    """An identifier of the asked-for patient: `kind` is `person` (ours), `ssn` or `license`.

    `issuer` is the state of a licence, or empty. `value` never reaches a log or an answer.
    """

    kind: str
    value: str = field(repr=False)
    issuer: str = ""


@dataclass(frozen=True, slots=True)
class PatientQuery:
    """The person a requester means. `names` are (family, given) pairs, every one that was sent.

    Each field may be empty; masked or absent values are left out by whoever builds this.
    """

    names: tuple[tuple[str, str], ...] = field(repr=False)
    birth_date: dt.date | None = field(repr=False)
    suffixes: tuple[str, ...] = ()
    identifiers: tuple[PatientIdentifier, ...] = ()
    addresses: tuple[tuple[str, str, str], ...] = field(default=(), repr=False)
    """(line, city, postal code) triples."""
    phones: tuple[str, ...] = field(default=(), repr=False)
    animal: bool = False
    animal_name: str = ""


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """One call of $pdmp-history. `organizations`: per organisation sent, its NPI and DEA numbers.

    `computed_facts`: the answer shall carry the computed figures as well; alerts it carries in any case.
    """

    patient: PatientQuery
    practitioner: Practitioner
    organizations: tuple[frozenset[str], ...] = ()
    computed_facts: bool = False


@dataclass(frozen=True, slots=True)
class DispenseQuery:
    """One search of MedicationDispense. `patient` and `ids` are logical ids as sent, unverified.

    Date bounds are inclusive calendar dates; `codes` and `types` are (system or None, code); `updated_*`
    instants are inclusive lower and exclusive upper bounds; `not_…` are ranges left out.
    `statuses` None means: everything but entered-in-error.
    """

    patient: str | None = None
    ids: tuple[str, ...] = ()
    statuses: frozenset[str] | None = None
    prepared: Window = OPEN
    not_prepared: tuple[tuple[dt.date, dt.date], ...] = ()
    handed_over: Window | None = None
    not_handed_over: tuple[tuple[dt.date, dt.date], ...] = ()
    codes: tuple[tuple[str | None, str], ...] = ()
    types: tuple[tuple[str | None, str], ...] = ()
    kinds: frozenset[str] | None = None
    """What `types` mean by the jurisdiction's table (`supply-type`): the door fills this in. None is any."""
    updated_from: dt.datetime | None = None
    updated_before: dt.datetime | None = None
    not_updated: tuple[tuple[dt.datetime, dt.datetime], ...] = ()
    include: frozenset[str] = frozenset()
    """Of `patient`, `performer`, `prescription`."""
    count: int = 100
    after: tuple[dt.date, UUID] | None = None
    """Keyset cursor: the last row of the page before."""


class Entry(NamedTuple):
    """One stored resource: `body` is its JSON, complete, with relative references.

    A tuple, because a history makes hundreds of them and a frozen dataclass takes twice as long to make.
    """

    type: str
    id: str
    body: bytes

    def __repr__(self) -> str:
        return f"Entry(type={self.type!r}, id={self.id!r})"


@dataclass(frozen=True, slots=True)
class Disclosed:
    """A history. `entries`: Patient first, dispensations newest first, what was computed, what they name.

    `grant_id` is the disclosure grant that it leaves; None where a user's consent is the grant.
    """

    grant_id: UUID | None
    window: Window
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class NoData:
    """Nobody of that name and birth date, or a person without a dispensation in the window.

    `known` tells the two apart; only the second leaves a grant, so that an earlier period can be asked for.
    """

    window: Window
    known: bool
    grant_id: UUID | None = None
    limited: bool = False
    """The token's scopes open a part of the dispensations only: that none was found says less, then."""


@dataclass(frozen=True, slots=True)
class Unresolved:
    """Candidates, but none that the evidence settles. `kinds` of identifier that would: in words."""

    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """Policy said no."""

    reason: DenialReason


HistoryAnswer = Disclosed | NoData | Unresolved | Refused


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a search: exact `total`, matches newest first, included resources, the next cursor.

    `grant_id` is the disclosure grant that it stands on; None where a user's consent is the grant.
    """

    total: int
    matches: tuple[Entry, ...]
    included: tuple[Entry, ...]
    next: tuple[dt.date, UUID] | None
    grant_id: UUID | None
