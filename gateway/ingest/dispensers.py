"""Which dispenser a PHA names: whoever any of NPI, NCPDP or DEA number already names.

Identifiers that name two dispensers name none. A dispenser that the jurisdiction's table or the settings
mark as an opioid treatment programme (42 CFR Part 2) is restricted, for good: taking the mark away is a
decision of people, not of a file.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable
from uuid import UUID

from psycopg import Connection

from gateway.core.ids import uuid7
from gateway.core.records import Address, Dispenser
from gateway.ingest import versions
from gateway.ingest.values import PharmacyValue
from gateway.mapping.organization import render_dispenser
from gateway.mapping.tables import Mappings
from gateway.store import ingest
from gateway.store import parties as store
from gateway.store.database import Row

PART2 = "part2"

_BATCH = 1_000


class Conflict(Exception):
    """The identifiers of one PHA name two dispensers."""


class Dispensers:
    """The dispensers of one file, inside its transaction."""

    def __init__(
        self, connection: Connection[Row], mappings: Mappings, part2: frozenset[str], now: dt.datetime
    ) -> None:
        self._connection = connection
        self._mappings = mappings
        self._part2 = part2
        self._now = now
        self._looked_up: set[store.Identifier] = set()
        self._named: dict[store.Identifier, UUID] = {}
        self._known: dict[UUID, Dispenser] = {}
        self._has: dict[UUID, set[store.Identifier]] = {}

    def look_up(self, pharmacies: Iterable[PharmacyValue]) -> None:
        """Look up at once whom these name: a file may have hundreds, and each alone is three queries."""
        wanted = {pair for one in pharmacies for pair in one.identifiers} - self._looked_up
        if not wanted:
            return
        self._looked_up |= wanted
        self._named |= store.dispensers_named(self._connection, sorted(wanted))
        unknown = list(set(self._named.values()) - self._known.keys())
        if unknown:
            self._known |= store.dispensers(self._connection, unknown)
            for dispenser_id, kind, value in store.dispenser_identifiers(self._connection, unknown):
                self._has.setdefault(dispenser_id, set()).add((kind, value))

    def find(self, pharmacy: PharmacyValue) -> Dispenser | None:
        """Return who this is, or None when nobody has its identifiers yet. Raises Conflict."""
        self.look_up((pharmacy,))
        named = {self._named[pair] for pair in pharmacy.identifiers if pair in self._named}
        if len(named) > 1:
            raise Conflict
        return self._known[named.pop()] if named else None

    def keep(self, pharmacy: PharmacyValue, known: Dispenser | None) -> tuple[Dispenser, bool]:
        """Return the dispenser as it is after this PHA, stored, and whether it has just become restricted."""
        before = known or Dispenser(uuid7(), 0, self._now)
        after = _merged(before, pharmacy)
        has = self._has.setdefault(before.dispenser_id, set())
        gained = [pair for pair in pharmacy.identifiers if pair not in has]
        numbers = {value for kind, value in (*has, *gained) if kind in ("npi", "dea")}
        newly = before.restriction is None and not numbers.isdisjoint(self._part2)
        if newly:
            after.restriction = PART2
        if gained or after != before:
            after.version, after.updated_at = before.version + 1, self._now
            resource = render_dispenser(after, self._mappings)
            store.put_dispenser(self._connection, after, resource, self._mappings.version, gained)
            self._known[after.dispenser_id] = after
            has.update(gained)
            self._named.update((pair, after.dispenser_id) for pair in gained)
        return after, newly and known is not None


def _merged(before: Dispenser, pharmacy: PharmacyValue) -> Dispenser:
    """Return `before` with what this PHA says; what it leaves empty stays."""
    a = pharmacy.address
    # An address is taken whole: parts of two would make one that nobody has.
    address = a if a.line1 or a.city else before.address
    return dataclasses.replace(
        before,
        name=pharmacy.name or before.name,
        npi=pharmacy.npi or before.npi,
        ncpdp=pharmacy.ncpdp or before.ncpdp,
        dea=pharmacy.dea or before.dea,
        permit=pharmacy.permit or before.permit,
        phone=pharmacy.phone or before.phone,
        address=Address(address.line1, address.line2, address.city, address.state, address.postal_code),
    )


def restrict(connection: Connection[Row], mappings: Mappings, dispenser_id: UUID) -> None:
    """Mark what a dispenser reported before it was known to be a programme under 42 CFR Part 2."""
    jurisdiction = mappings.jurisdiction.code
    wanted = ingest.unrestricted_versions(connection, jurisdiction, dispenser_id)
    for start in range(0, len(wanted), _BATCH):
        marked = []
        for row in ingest.versions(connection, jurisdiction, wanted[start : start + _BATCH]):
            dispensation = versions.from_row(row)[0]
            dispensation.restriction = PART2
            marked.append(((row[0], row[1], row[2]), *versions.rendered(dispensation, mappings)))
        ingest.restrict_versions(connection, jurisdiction, marked)
