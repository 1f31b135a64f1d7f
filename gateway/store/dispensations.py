"""Reads of patient data. Every function takes the `Grant` whose predicate it puts into its SQL.

Returned bodies are the stored resources, byte for byte; nothing is parsed here.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any
from uuid import UUID

import orjson
from psycopg import Connection, RawCursor

from gateway.core.access import OPEN, Grant, Slice
from gateway.core.disclosure import DispenseQuery, Entry
from gateway.core.ids import uuid7
from gateway.core.records import Counted
from gateway.store.sql import numbered, queries

_NDC = "http://hl7.org/fhir/sid/ndc"
_RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
#: The places of `Counted` in a row of the page.
_COUNTED: Callable[[Any], Counted] = itemgetter(0, 1, *range(10, 19))
_VOIDED = "entered-in-error"
_LIVE = "completed"


@dataclass(frozen=True, slots=True)
class AuditContext:
    """What the audit row says beside the grant: which interaction, of which request.

    `grant_id` is the disclosure grant that it stands on; None where a user's consent is the grant.
    """

    interaction: str
    grant_id: UUID | None
    request_id: str
    other_resources: tuple[str, ...] = ()


@dataclass(slots=True)
class DispensationPage:
    """Rows of one page, and the references that they need, by id and current version."""

    total: int = 0
    remaining: int = 0
    """Rows behind the cursor, those of this page among them."""
    patient: Entry | None = None
    dispenses: list[Entry] = field(default_factory=list)
    requests: list[Entry] = field(default_factory=list)
    dispensers: dict[UUID, int] = field(default_factory=dict)
    prescribers: dict[UUID, int] = field(default_factory=dict)
    columns: list[Counted] = field(default_factory=list)
    last: tuple[dt.date, UUID] | None = None


def page(
    connection: Connection[Any],
    grant: Grant,
    query: DispenseQuery,
    audit: AuditContext,
    *,
    with_requests: bool,
    with_patient: bool,
    with_references: bool = True,
    with_columns: bool = False,
    new_grant: bool = False,
) -> DispensationPage:
    """Return one page of the grant's person and write its audit row, in one statement.

    Without `with_references` the page says nothing of dispensers and prescribers. `with_columns` adds what
    arithmetic needs of each row, in the order of the rows. With `new_grant` the disclosure grant that `audit`
    names is left behind by the same statement. Durable on return in autocommit mode. Order: newest
    `whenPrepared` first, ties by id.
    """
    parameters = _parameters(grant, query, audit)
    with_requests = with_requests and grant.reach.requests
    parameters["with_requests"] = with_requests
    parameters["with_patient"] = with_patient
    parameters["with_references"] = with_references
    parameters["with_columns"] = with_columns
    parameters["new_grant"] = new_grant
    statement = numbered("dispensations.sql", "page")
    cursor = RawCursor(connection)
    found = cursor.execute(statement.text, statement.values(parameters), binary=True).fetchall()
    [whole] = [row for row in found if row[0] is None]
    rows = [row for row in found if row[0] is not None]
    # UNION ALL promises no order, though it keeps the one it meets: sorting what is sorted costs little.
    rows.sort(key=itemgetter(1, 0), reverse=True)
    return DispensationPage(
        total=whole[4],
        remaining=whole[5],
        patient=None if whole[2] is None else Entry("Patient", str(grant.person_id), whole[2]),
        dispenses=[Entry("MedicationDispense", row[0], row[2]) for row in rows],
        requests=[Entry("MedicationRequest", row[0], row[3]) for row in rows] if with_requests else [],
        dispensers=dict(zip(whole[6] or (), whole[7] or (), strict=True)),
        prescribers=dict(zip(whole[8] or (), whole[9] or (), strict=True)),
        columns=list(map(_COUNTED, rows)) if with_columns else [],
        last=(rows[-1][1], UUID(rows[-1][0])) if rows else None,
    )


def one(
    connection: Connection[Any],
    grant: Grant,
    resource_type: str,
    dispensation_id: UUID,
    version: int | None = None,
) -> Entry | None:
    """Return a MedicationDispense or MedicationRequest of the grant's person, voided ones too, or None.

    Its current version, or the one asked for: superseded ones are kept as they were, but for their mapping.
    """
    of_dispense = resource_type == "MedicationDispense"
    if not of_dispense and not grant.reach.requests:
        return None
    row = connection.execute(
        queries("dispensations.sql")["dispensation"],
        {
            **_extent(grant),
            "dispensation_id": dispensation_id,
            "version": version,
            "slices": _slices(grant.reach.dispenses) if of_dispense else None,
        },
        binary=True,
    ).fetchone()
    if row is None:
        return None
    return Entry(resource_type, str(dispensation_id), row[1 if of_dispense else 2])


def refers_to(connection: Connection[Any], grant: Grant, named_id: UUID) -> bool:
    """Return whether a dispensation of the grant's person names this pharmacy or prescriber."""
    values = {**_extent(grant), "named_id": named_id}
    [row] = connection.execute(queries("dispensations.sql")["refers_to"], values).fetchall()
    return bool(row[0])


def encounter(connection: Connection[Any], grant: Grant, encounter_id: UUID) -> bytes | None:
    """Return the Encounter of the launch that the grant's consent followed, as it was sealed, or None."""
    row = connection.execute(
        queries("dispensations.sql")["encounter"],
        {
            "jurisdiction": grant.jurisdiction,
            "person_id": grant.person_id,
            "consent_id": grant.consent_id,
            "encounter_id": encounter_id,
        },
        binary=True,
    ).fetchone()
    return None if row is None else bytes(row[0])


def patient(connection: Connection[Any], grant: Grant) -> Entry | None:
    """Return the Patient of the grant's person."""
    row = connection.execute(
        queries("dispensations.sql")["person"],
        {"jurisdiction": grant.jurisdiction, "person_id": grant.person_id},
        binary=True,
    ).fetchone()
    return None if row is None else Entry("Patient", str(grant.person_id), row[1])


class ReferenceCache:
    """Rendered Organizations and Practitioners of this process, kept by id and version.

    They are not patient data and few; a row that names a newer version than the kept one fetches it.
    Bounded: the whole is dropped when it grows past `limit`, which a state's tables hardly reach.
    """

    def __init__(self, limit: int = 100_000) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, UUID], tuple[int, Entry]] = {}

    def entries(
        self, connection: Connection[Any], resource_type: str, wanted: dict[UUID, int]
    ) -> list[Entry]:
        """Return the entries of `wanted` (id to lowest acceptable version), fetching what is missing."""
        kept = self._kept
        found: list[Entry] = []
        missing: list[UUID] = []
        for key, version in wanted.items():
            hit = kept.get((resource_type, key))
            if hit is not None and hit[0] >= version:
                found.append(hit[1])
            else:
                missing.append(key)
        if missing:
            found.extend(self._fetch(connection, resource_type, missing))
        return found

    def _fetch(self, connection: Connection[Any], resource_type: str, ids: list[UUID]) -> Iterable[Entry]:
        name = "dispensers" if resource_type == "Organization" else "prescribers"
        rows = connection.execute(queries("dispensations.sql")[name], {"ids": ids}, binary=True).fetchall()
        fresh = []
        with self._lock:
            if len(self._kept) + len(rows) > self._limit:
                self._kept.clear()
            for key, version, body in rows:
                entry = Entry(resource_type, str(key), body)
                self._kept[(resource_type, key)] = (version, entry)
                fresh.append(entry)
        return fresh


#: One a process: ids are unique across databases.
REFERENCES = ReferenceCache()


def _parameters(grant: Grant, query: DispenseQuery, audit: AuditContext) -> dict[str, Any]:
    sold = query.handed_over
    ndcs, rxcuis = _codes(query.codes or None)
    live, voided = _statuses(query.statuses)
    after_day, after_id = query.after or (None, None)
    return {
        **_extent(grant),
        "prepared_start": query.prepared.start,
        "prepared_end": query.prepared.end,
        "by_sold": sold is not None,
        "sold_start": (sold or OPEN).start,
        "sold_end": (sold or OPEN).end,
        "not_prepared": _ranges(query.not_prepared, closed=True),
        "not_sold": _ranges(query.not_handed_over, closed=True),
        "not_updated": _ranges(query.not_updated, closed=False),
        "ids": _uuids(query.ids) if query.ids else None,
        "live": live,
        "voided": voided,
        "kinds": None if query.kinds is None else sorted(query.kinds),
        "slices": _slices(grant.reach.dispenses),
        "ndcs": ndcs,
        "rxcuis": rxcuis,
        "updated_from": query.updated_from,
        "updated_before": query.updated_before,
        "after_day": after_day,
        "after_id": after_id,
        "count": query.count,
        "audit_id": uuid7(),
        "interaction": audit.interaction,
        "client_id": grant.client_id,
        "account_id": grant.account_id,
        "delegate_id": grant.delegate_id,
        "consent_id": grant.consent_id,
        "practitioner": grant.practitioner.label(),
        "purpose": grant.purpose.value,
        "grant_id": audit.grant_id,
        "request_id": audit.request_id,
        "other_resources": list(audit.other_resources),
    }


def _ranges(ranges: Sequence[tuple[dt.date, dt.date]], *, closed: bool) -> str | None:
    """Return a multirange as PostgreSQL writes it, or None for none: so the common search pays nothing."""
    end = "]" if closed else ")"
    texts = [f"[{low.isoformat()},{high.isoformat()}{end}" for low, high in ranges]
    return "{" + ",".join(texts) + "}" if texts else None


def _statuses(statuses: frozenset[str] | None) -> tuple[bool, bool]:
    if statuses is None:
        return True, False
    return _LIVE in statuses, _VOIDED in statuses


def _codes(codes: Sequence[tuple[str | None, str]] | None) -> tuple[list[str] | None, list[str] | None]:
    if codes is None:
        return None, None
    ndcs = [code.replace("-", "") for system, code in codes if system in (None, _NDC)]
    rxcuis = [code for system, code in codes if system in (None, _RXNORM) and code]
    return ndcs, rxcuis


def _uuids(texts: Iterable[str]) -> list[UUID]:
    """Return those of `texts` that are ids of ours; another id simply matches nothing."""
    found = []
    for text in texts:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found


def _extent(grant: Grant) -> dict[str, Any]:
    return {
        "jurisdiction": grant.jurisdiction,
        "person_id": grant.person_id,
        "restricted": grant.restricted,
        "window_start": grant.window.start,
        "window_end": grant.window.end,
    }


def _slices(slices: Sequence[Slice] | None) -> str | None:
    """Return the slices as `pdmp.in_a_slice` reads them; None is no limit."""
    return None if slices is None else orjson.dumps([_slice(one) for one in slices]).decode()


def _slice(one: Slice) -> dict[str, Any]:
    ndcs, rxcuis = _codes(one.codes)
    return {
        # Unlike a search, a scope that does not speak of the status opens every status.
        "live": one.statuses is None or _LIVE in one.statuses,
        "voided": one.statuses is None or _VOIDED in one.statuses,
        "kinds": None if one.kinds is None else sorted(one.kinds),
        "ndcs": ndcs,
        "rxcuis": rxcuis,
        "first": one.prepared.start,
        "last": one.prepared.end,
        "left_out": _ranges(one.not_prepared, closed=True),
    }
