"""One file into the store: batch after batch, inside one transaction under the jurisdiction's lock.

A batch asks once what stands under its record keys, decides every record in the order of the file, resolves
prescribers and persons of what is to be stored, renders, and copies. Several actions on one key follow each
other, within a batch and across. What is not stored leaves no trace: no person, prescriber or dispenser
comes into being for a record that is refused, a duplicate or a void.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from uuid import UUID

from psycopg import Connection

from gateway.core.ids import uuid7s
from gateway.core.records import Dispensation, Dispenser
from gateway.ingest import versions
from gateway.ingest.decide import VOID, Outcome, Standing, decide
from gateway.ingest.dispensers import Conflict, Dispensers, restrict
from gateway.ingest.people import People
from gateway.ingest.prescribers import Prescribers
from gateway.ingest.report import Finding, error, warning
from gateway.ingest.values import PharmacyValue, RecordValue
from gateway.ingest.versions import Version
from gateway.mapping.tables import Mappings
from gateway.store import ingest as store
from gateway.store.database import Row
from gateway.store.ingest import Key, VersionId
from gateway.store.vault import Vault

#: Records a batch: large enough to make statements few, small enough to bound memory.
BATCH = 4_000

_NOT_YET = UUID(int=0)
_HASH = 32


@dataclass(slots=True, eq=False)
class _State:
    """One record key in a batch: what stands, what stood in the database, and what this batch adds."""

    key: Key
    stored: VersionId | None
    standing: Standing | None
    pending: Version | None = None
    plans: list[_Plan] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Plan:
    """A version to be added. `record` is None for a void of a whole file."""

    state: _State
    outcome: Outcome
    dispensation_id: UUID
    version: int
    ordinal: int
    status: str
    record: RecordValue | None


class Loader:
    """Loads one submission. `now` is when it was received, and the time of all that it changes."""

    def __init__(
        self,
        connection: Connection[Row],
        vault: Vault,
        mappings: Mappings,
        *,
        part2: frozenset[str],
        submission_id: UUID,
        now: dt.datetime,
    ) -> None:
        self._connection = connection
        self._vault = vault
        self._mappings = mappings
        self._jurisdiction = mappings.jurisdiction.code
        self._submission_id = submission_id
        self._now = now
        self._dispensers = Dispensers(connection, mappings, part2, now)
        self._prescribers = Prescribers(connection, mappings, now)
        self._people = People(connection, vault, mappings, now)
        self._ids = uuid7s()
        self._kept: dict[PharmacyValue, Dispenser | Conflict] = {}

    def load(self, records: Iterable[RecordValue]) -> Iterable[tuple[RecordValue, Outcome | None]]:
        """Yield every record with what became of it; None: its pharmacy's identifiers name two."""
        remaining = iter(records)
        while batch := list(islice(remaining, BATCH)):
            store.refresh_statistics(self._connection)
            yield from self._load(batch)

    def dispenser(self, pharmacy: PharmacyValue) -> Dispenser | None:
        """Return the dispenser of a zero report, made if need be; None: its identifiers name two."""
        found = self._keep(pharmacy)
        return None if isinstance(found, Conflict) else found

    def void_submission(self, submission_id: UUID) -> tuple[int, list[str]]:
        """Void what stands from that submission. Returns how many, and the Rx numbers revised since."""
        rows = store.submission_versions(self._connection, self._jurisdiction, submission_id)
        brought: dict[UUID, tuple[Key, int]] = {}
        for dispensation_id, version, dispenser_id, *parts in rows:
            brought[dispensation_id] = (self._key(dispenser_id, *parts), version)
        states = self._states([key for key, _ in brought.values()])
        revised, count = [], 0
        numbers = {row[0]: row[3] for row in rows}
        for dispensation_id, (key, version) in brought.items():
            state = states[key]
            if state.standing is None or state.standing.voided:
                continue
            if state.standing.version != version:
                revised.append(numbers[dispensation_id])
                continue
            self._plan(state, Outcome.VOIDED, None, ordinal=1, status=VOID)
            count += 1
        self._write(states.values())
        return count, revised

    def _load(self, batch: Sequence[RecordValue]) -> list[tuple[RecordValue, Outcome | None]]:
        # A PHA with a record that is not a void stores something of a new pharmacy, in any case.
        telling = {record.pharmacy for record in batch if record.status != VOID}
        pharmacies = dict.fromkeys(record.pharmacy for record in batch)
        self._dispensers.look_up(pharmacies)
        parties = {
            pharmacy: self._keep(pharmacy) if pharmacy in telling else self._party(pharmacy)
            for pharmacy in pharmacies
        }
        keys = [self._record_key(parties[record.pharmacy], record) for record in batch]
        states = self._states([key for key in keys if isinstance(key, tuple)])
        outcomes: list[tuple[RecordValue, Outcome | None]] = []
        for record, key in zip(batch, keys, strict=True):
            if isinstance(key, Conflict):
                outcomes.append((record, None))
                continue
            if key is None:
                outcomes.append((record, Outcome.UNMATCHED))  # a void of a pharmacy that nobody knows
                continue
            state = states[key]
            outcome = decide(record.status, record.content_hash, state.standing)
            if outcome.stores:
                self._plan(state, outcome, record, ordinal=record.ordinal, status=record.status)
            outcomes.append((record, outcome))
        self._write(states.values())
        return outcomes

    def _plan(
        self, state: _State, outcome: Outcome, record: RecordValue | None, *, ordinal: int, status: str
    ) -> None:
        before = state.standing
        dispensation_id = next(self._ids) if before is None else before.dispensation_id
        version = 1 if before is None else before.version + 1
        contents = [] if before is None else before.contents
        if record is not None and outcome is not Outcome.VOIDED:
            contents = [one for one in contents if one != record.content_hash] + [record.content_hash]
        person_id = _NOT_YET if before is None else before.person_id
        state.standing = Standing(person_id, dispensation_id, version, outcome is Outcome.VOIDED, contents)
        state.plans.append(_Plan(state, outcome, dispensation_id, version, ordinal, status, record))

    def _write(self, states: Iterable[_State]) -> None:
        changed = [state for state in states if state.plans]
        if not changed:
            return
        plans = sorted((plan for state in changed for plan in state.plans), key=lambda plan: plan.ordinal)
        told = [plan.record for plan in plans if plan.record and plan.outcome is not Outcome.VOIDED]
        prescribers = self._prescribers.resolve([record.prescriber for record in told])
        described = self._people.resolve([(record, self._dispenser(record)) for record in told])
        originals = self._originals(changed)
        written: list[Version] = []
        for plan in plans:
            state = plan.state
            if plan.record is None or plan.outcome is Outcome.VOIDED:
                made = self._void(plan, originals)
            else:
                record = plan.record
                reported = described[record.patient]
                dispensation = versions.from_record(
                    record,
                    dispensation_id=plan.dispensation_id,
                    version=plan.version,
                    person_id=reported.person_id,
                    description=reported.description,
                    dispenser=self._dispenser(record),
                    prescriber=prescribers[record.prescriber],
                    recorded_at=self._now,
                )
                made = Version(
                    state.key,
                    dispensation,
                    reported.description_id,
                    self._submission_id,
                    plan.ordinal,
                    plan.status,
                    versions.sealed_pickup(self._vault, record, plan.dispensation_id),
                    record.content_hash,
                )
            if state.pending is not None:
                state.pending.superseded_at = self._now
            state.pending = made
            written.append(made)
        self._store(changed, written)

    def _void(self, plan: _Plan, originals: dict[Key, _Original]) -> Version:
        pending = plan.state.pending
        if pending is not None:
            before, description_id = pending.dispensation, pending.description_id
            pickup, content_hash = pending.pickup, pending.content_hash
        else:
            before, description_id, pickup, content_hash = originals[plan.state.key]
        return Version(
            plan.state.key,
            versions.voided(before, version=plan.version, recorded_at=self._now),
            description_id,
            self._submission_id,
            plan.ordinal,
            plan.status,
            pickup,
            content_hash,
        )

    def _originals(self, changed: Sequence[_State]) -> dict[Key, _Original]:
        """Return what stands in the database under keys whose first action here is a void."""
        wanted = {
            state.stored: state.key
            for state in changed
            if state.stored is not None and state.plans[0].outcome is Outcome.VOIDED
        }
        rows = store.versions(self._connection, self._jurisdiction, list(wanted))
        return {wanted[(row[0], row[1], row[2])]: versions.from_row(row) for row in rows}

    def _store(self, changed: Sequence[_State], written: Sequence[Version]) -> None:
        superseded = [state.stored for state in changed if state.stored is not None]
        store.supersede(self._connection, self._jurisdiction, superseded, self._now)
        store.add_versions(
            self._connection, (versions.row_of(self._jurisdiction, one, self._mappings) for one in written)
        )
        new_keys, changed_keys = [], []
        for state in changed:
            standing, pending = state.standing, state.pending
            if standing is None or pending is None:
                continue
            person_id = standing.person_id = pending.dispensation.person_id
            if state.stored is None:
                new_keys.append(
                    (
                        self._jurisdiction,
                        state.key[0].bytes,
                        *state.key[1:],
                        person_id.bytes,
                        standing.dispensation_id.bytes,
                        standing.version,
                        standing.voided,
                        b"".join(standing.contents),
                    )
                )
            else:
                changed_keys.append(
                    (state.key, person_id, standing.version, standing.voided, b"".join(standing.contents))
                )
        store.add_record_keys(self._connection, new_keys)
        store.change_record_keys(self._connection, self._jurisdiction, changed_keys)

    def _states(self, keys: Sequence[Key]) -> dict[Key, _State]:
        states = {key: _State(key, None, None) for key in keys}
        distinct = list(states)
        if not distinct:
            return states
        for place, person_id, dispensation_id, version, voided, contents in store.record_states(
            self._connection, self._jurisdiction, distinct
        ):
            state = states[distinct[place - 1]]
            state.stored = (person_id, dispensation_id, version)
            state.standing = Standing(
                person_id,
                dispensation_id,
                version,
                voided,
                [contents[start : start + _HASH] for start in range(0, len(contents), _HASH)],
            )
        return states

    def _party(self, pharmacy: PharmacyValue) -> Dispenser | Conflict | None:
        """Return whom a PHA names, as things stand now."""
        if pharmacy in self._kept:
            return self._kept[pharmacy]
        try:
            return self._dispensers.find(pharmacy)
        except Conflict as conflict:
            return conflict

    def _keep(self, pharmacy: PharmacyValue) -> Dispenser | Conflict:
        """Return whom a PHA names, stored with what it says of them; made if need be."""
        if pharmacy not in self._kept:
            known = self._party(pharmacy)
            if isinstance(known, Conflict):
                self._kept[pharmacy] = known
            else:
                self._kept[pharmacy], newly = self._dispensers.keep(pharmacy, known)
                if newly and known is not None:
                    restrict(self._connection, self._mappings, known.dispenser_id)
        return self._kept[pharmacy]

    def _dispenser(self, record: RecordValue) -> Dispenser:
        found = self._kept[record.pharmacy]
        if isinstance(found, Conflict):
            raise found
        return found

    def _record_key(
        self, dispenser: Dispenser | Conflict | None, record: RecordValue
    ) -> Key | Conflict | None:
        if dispenser is None or isinstance(dispenser, Conflict):
            return dispenser
        return self._key(
            dispenser.dispenser_id,
            record.rx_number,
            record.written_on,
            record.filled_on,
            record.fill_number,
            record.partial_fill,
            record.product_id,
        )

    def _key(
        self,
        dispenser_id: UUID,
        rx_number: str,
        written_on: dt.date,
        filled_on: dt.date,
        fill_number: int,
        partial_fill: str,
        product_id: str,
    ) -> Key:
        """Return the record key by the fields that the jurisdiction's table names."""
        fields = self._mappings.jurisdiction.record_key
        number = rx_number if "rx_number" in fields else ""
        if "written_on" in fields:
            number += f"\x1f{written_on:%Y%m%d}"
        if "product_id" in fields:
            number += f"\x1f{product_id}"
        return (
            dispenser_id,
            number,
            filled_on if "filled_on" in fields else dt.date.min,
            fill_number if "fill_number" in fields else 0,
            partial_fill if "partial_fill" in fields else "",
        )


_Original = tuple[Dispensation, UUID, bytes | None, bytes]


def finding_of(outcome: Outcome | None) -> Finding | None:
    """Return what the answer says about an outcome, if anything."""
    return _FINDINGS.get(outcome)


_FINDINGS: dict[Outcome | None, Finding] = {
    None: error("dispenser-conflict", "PHA", "PHA01", "The pharmacy's identifiers name two dispensers."),
    Outcome.NO_ORIGINAL: warning(
        "no-original", "DSP", "DSP01", "There is no record to revise; it was taken as new."
    ),
    Outcome.DUPLICATE: warning(
        "duplicate", "DSP", "DSP01", "The same record was sent before; nothing changed."
    ),
    Outcome.CONFLICT: error(
        "conflict",
        "DSP",
        "DSP01",
        "Another record stands under this number, date and fill; revise or void it.",
    ),
    Outcome.ALREADY_VOIDED: error(
        "voided",
        "DSP",
        "DSP01",
        "The same record was sent before and voided; a revision makes it live again.",
    ),
    Outcome.UNMATCHED: error("unmatched", "DSP", "DSP01", "There is no record to void."),
}
