"""Which prescriber a PRE names: by NPI, else by DEA number with its suffix, else by licence.

Whichever of these was seen with another names the same prescriber. A number that several NPIs have used (a
hospital's DEA number) is shared: by itself it names nobody of them, but a prescriber of its own.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from psycopg import Connection

from gateway.core.ids import uuid7
from gateway.core.records import Prescriber
from gateway.ingest.values import PrescriberValue
from gateway.mapping.practitioner import render_prescriber
from gateway.mapping.tables import Mappings
from gateway.store import parties as store
from gateway.store.database import Row
from gateway.store.parties import Identifier


@dataclass(slots=True)
class _Entry:
    """A prescriber with its identifiers, and whether it must be written."""

    prescriber: Prescriber
    identifiers: dict[Identifier, bool] = field(default_factory=dict)
    changed: bool = False

    @property
    def has_npi(self) -> bool:
        return any(kind == "npi" for kind, _ in self.identifiers)


class Prescribers:
    """The prescribers of one file, one batch after another, inside its transaction."""

    def __init__(self, connection: Connection[Row], mappings: Mappings, now: dt.datetime) -> None:
        self._connection = connection
        self._mappings = mappings
        self._now = now
        self._entries: dict[UUID, _Entry] = {}
        self._named: dict[Identifier, UUID] = {}
        self._seen: dict[PrescriberValue, UUID] = {}
        self._asked: set[Identifier] = set()
        self._pointed: set[Identifier] = set()

    def resolve(self, values: Iterable[PrescriberValue]) -> dict[PrescriberValue, Prescriber]:
        """Return the prescriber of each value, stored; values in the order of the file."""
        fresh = [value for value in dict.fromkeys(values) if value not in self._seen]
        self._fetch({pair for value in fresh for pair in value.identifiers} - self._asked)
        for value in fresh:
            entry = self._who(value)
            self._learn(entry, value)
            self._seen[value] = entry.prescriber.prescriber_id
        self._write()
        return {value: self._entries[self._seen[value]].prescriber for value in dict.fromkeys(values)}

    def _fetch(self, identifiers: set[Identifier]) -> None:
        if not identifiers:
            return
        self._asked |= identifiers
        found = store.prescribers_named(self._connection, identifiers)
        ids = [one for one in {owner for owner, _ in found.values()} if one not in self._entries]
        for one in store.prescribers(self._connection, ids).values():
            self._entries[one.prescriber_id] = _Entry(one)
        for owner, kind, value, shared in store.prescriber_identifiers(self._connection, ids):
            self._entries[owner].identifiers[(kind, value)] = shared
            self._named.setdefault((kind, value), owner)
        for pair, (owner, _) in found.items():
            self._named.setdefault(pair, owner)

    def _who(self, value: PrescriberValue) -> _Entry:
        npi = next((pair for pair in value.identifiers if pair[0] == "npi"), None)
        others = [pair for pair in value.identifiers if pair[0] != "npi"]
        if npi is not None:
            known = self._owner(npi)
            if known is not None:
                return known
            # Known so far by another number only, and by no other NPI: it is the same one.
            for pair in others:
                owner = self._owner(pair)
                if owner is not None and not owner.has_npi and not owner.identifiers[pair]:
                    return owner
            return self._new()
        for pair in others:
            owner = self._owner(pair)
            if owner is not None and not owner.identifiers[pair]:
                return owner
        for pair in others:
            owner = self._owner(pair)
            if owner is not None and not owner.has_npi:
                return owner  # the shared number's own prescriber
        return self._new()

    def _learn(self, entry: _Entry, value: PrescriberValue) -> None:
        has_npi = bool(value.npi) or entry.has_npi
        for pair in value.identifiers:
            owner = self._owner(pair)
            if owner is None:
                self._point(pair, entry, shared=False)
            elif owner is not entry:
                if owner.identifiers[pair]:
                    # Shared already: its own prescriber is made when it comes without an NPI.
                    if not has_npi and owner.has_npi:
                        self._point(pair, entry, shared=True)
                elif has_npi and owner.has_npi:
                    self._point(pair, owner, shared=True)
                elif has_npi:
                    self._point(pair, entry, shared=False)
        one = entry.prescriber
        for name in ("last_name", "first_name", "middle_name", "phone"):
            said = getattr(value, name)
            if said and said != getattr(one, name):
                setattr(one, name, said)
                entry.changed = True

    def _owner(self, pair: Identifier) -> _Entry | None:
        owner = self._named.get(pair)
        return None if owner is None else self._entries[owner]

    def _point(self, pair: Identifier, entry: _Entry, *, shared: bool) -> None:
        before = self._owner(pair)
        if before is not None and before is not entry:
            del before.identifiers[pair]
            before.changed = True
        entry.identifiers[pair] = shared
        entry.changed = True
        self._named[pair] = entry.prescriber.prescriber_id
        self._pointed.add(pair)

    def _new(self) -> _Entry:
        one = Prescriber(uuid7(), 0, self._now)
        entry = self._entries[one.prescriber_id] = _Entry(one, changed=True)
        return entry

    def _write(self) -> None:
        rendered = []
        for entry in self._entries.values():
            if entry.changed:
                entry.changed = False
                _show(entry)
                one = entry.prescriber
                one.version, one.updated_at = one.version + 1, self._now
                rendered.append((one, render_prescriber(one, self._mappings)))
        store.put_prescribers(self._connection, rendered, self._mappings.version, self._now)
        store.put_prescriber_identifiers(
            self._connection,
            [
                (pair, self._named[pair], self._entries[self._named[pair]].identifiers[pair])
                for pair in sorted(self._pointed)
            ],
        )
        self._pointed.clear()


def stored(connection: Connection[Row], ids: Sequence[UUID]) -> list[Prescriber]:
    """Return prescribers as they are shown."""
    entries = {one.prescriber_id: _Entry(one) for one in store.prescribers(connection, ids).values()}
    for owner, kind, value, shared in store.prescriber_identifiers(connection, ids):
        entries[owner].identifiers[(kind, value)] = shared
    for entry in entries.values():
        _show(entry)
    return [entry.prescriber for entry in entries.values()]


def _show(entry: _Entry) -> None:
    """Put the identifiers into the prescriber as shown: nobody with an NPI is shown with a shared number."""
    by_kind: dict[str, list[str]] = defaultdict(list)
    for (kind, value), shared in sorted(entry.identifiers.items()):
        if not (shared and entry.has_npi):
            by_kind[kind].append(value)
    one = entry.prescriber
    one.npi = by_kind["npi"][0] if by_kind["npi"] else ""
    one.deas = by_kind["dea"]
    one.licenses = [
        (state, number) for state, _, number in (value.partition(":") for value in by_kind["license"])
    ]
