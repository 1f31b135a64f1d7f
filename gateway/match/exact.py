"""Whom an exact name, birth date and ZIP code mean: one person, or nobody that can be told.

For a user who chooses the patient by hand and has no identifier at hand. A ZIP code is weak evidence, so
everything must fit to the letter and one person alone; no similarity is looked at.
"""

from __future__ import annotations

from psycopg import Connection

from gateway.core.disclosure import PatientQuery
from gateway.match import normalise
from gateway.match.lookup import Ambiguous, Found, Unknown
from gateway.match.resolve import KINDS
from gateway.store import persons as store
from gateway.store.database import Row


def by_postal_code(
    connection: Connection[Row], jurisdiction: str, query: PatientQuery
) -> Found | Unknown | Ambiguous:
    """Return whom `query` means by one name, the birth date and a ZIP code (its first five digits)."""
    codes = [code[:5] for _, _, code in query.addresses if code]
    if len(query.names) != 1 or query.birth_date is None or len(codes) != 1:
        return Ambiguous(KINDS[:2])
    [(family, given)] = query.names
    found = store.of_postal_code(
        connection,
        jurisdiction,
        name_key=normalise.name_key(family, given, ""),
        birth_date=query.birth_date,
        postal_code=codes[0],
    )
    if len(found) == 1:
        return Found(found[0])
    return Ambiguous(KINDS[:2]) if found else Unknown()
