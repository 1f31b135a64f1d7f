"""What a steward is shown: a person with its descriptions and what was done about it; the links in doubt.

Being shown a person is a disclosure like any other: its audit row is there before a line is. Of identifiers
only the kind and the last four characters are shown: enough to compare, not to copy.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from gateway.core.errors import NotFound
from gateway.stewardship.actions import Desk
from gateway.store import stewardship as store
from gateway.store.database import Row
from gateway.store.stewardship import Action, Review
from gateway.store.vault import Vault

#: ASAP PAT02.
_KINDS = {
    "01": "military ID",
    "02": "state-issued ID",
    "03": "unique system ID",
    "04": "permanent resident card",
    "05": "passport",
    "06": "driver's licence",
    "07": "SSN",
    "08": "tribal ID",
}
_LAST = 4


def person(desk: Desk, vault: Vault, person_id: UUID) -> dict[str, Any]:
    """Return a person as a steward sees it, audited. Raises NotFound."""
    jurisdiction = desk.mappings.jurisdiction.code
    with desk.database.transaction() as connection:
        stored = store.persons(connection, jurisdiction, [person_id]).get(person_id)
        about = [person_id] if stored else []
        desk.audit(connection, "show", "disclosed" if stored else "no-data", about, about)
        if stored is not None:
            identifiers: dict[UUID, list[str]] = defaultdict(list)
            for row in store.shown_identifiers(connection, jurisdiction, person_id):
                identifiers[row[0]].append(_identifier(vault, row))
            replaces = store.replaced(connection, jurisdiction, [person_id]).get(person_id, ())
            return {
                "person": str(person_id),
                "species": stored.species,
                "version": stored.version,
                "merged_into": None if stored.merged_into is None else str(stored.merged_into),
                "replaces": [str(one) for one in replaces],
                "never_join": sorted(
                    str(other)
                    for pair in store.forbidden_with(connection, jurisdiction, [person_id])
                    for other in pair
                    if other != person_id
                ),
                "descriptions": [
                    _description(row, identifiers[row[0]])
                    for row in store.shown(connection, jurisdiction, person_id)
                ],
                "actions": [_action(one) for one in store.actions_of(connection, jurisdiction, [person_id])],
            }
    raise NotFound("There is no person with that id.")


def queue(desk: Desk) -> list[dict[str, Any]]:
    """Return the links in doubt, oldest first, audited.

    Two persons come once, by the oldest doubt about them; those that meanwhile are one are left out.
    """
    jurisdiction = desk.mappings.jurisdiction.code
    with desk.database.transaction() as connection:
        found = [one for one in store.reviews(connection, jurisdiction) if one.now[0] != one.now[1]]
        about = sorted({person_id for one in found for person_id in one.now})
        desk.audit(connection, "review", "disclosed" if found else "no-data", (), about)
    distinct: dict[frozenset[UUID], Review] = {}
    for one in found:
        distinct.setdefault(frozenset(one.now), one)
    return [_review(one) for one in distinct.values()]


def _description(row: Row, identifiers: Sequence[str]) -> dict[str, Any]:
    (
        description_id, last, first, middle, suffix, born, gender, animal, line1, line2, city, state,
        postal_code, phone, first_reported, last_reported, dispensations, dispensers,
    ) = row  # fmt: skip
    return {
        "description": str(description_id),
        "name": " ".join(filter(None, (first, middle, last, suffix))),
        "animal": animal or None,
        "born": born.isoformat() if born else None,
        "gender": gender or None,
        "address": ", ".join(
            filter(None, (line1, line2, city, " ".join(filter(None, (state, postal_code)))))
        ),
        "phone": phone or None,
        "identifiers": list(identifiers),
        "reported": [first_reported.date().isoformat(), last_reported.date().isoformat()],
        "dispensations": dispensations,
        "dispensers": list(dispensers),
    }


def _identifier(vault: Vault, row: Row) -> str:
    description_id, qualifier, issuer, sealed, filler = row
    value = vault.decrypt(bytes(sealed), description_id.bytes).decode()
    kind = _KINDS.get(qualifier, "other identifier")
    issued = f" of {issuer}" if issuer else ""
    return f"{kind}{issued} …{value[-_LAST:]}{' (filler)' if filler else ''}"


def _action(one: Action) -> dict[str, Any]:
    return {
        "action": str(one.action_id),
        "kind": one.kind,
        "person": str(one.person_id),
        "other": str(one.other_person_id),
        "steward": one.username,
        "reason": one.reason,
        "at": one.at.isoformat(timespec="seconds"),
        "undoes": str(one.undoes) if one.undoes else None,
        "undone_by": str(one.undone_by) if one.undone_by else None,
    }


def _review(one: Review) -> dict[str, Any]:
    return {
        "review": str(one.review_id),
        "persons": sorted(str(person_id) for person_id in one.now),
        "description": str(one.description_id) if one.description_id else None,
        "probability": one.probability,
        "agreeing": list(one.agreeing),
        "disagreeing": list(one.disagreeing),
        "since": one.created_at.date().isoformat(),
    }
