"""Links to the next page: opaque, unalterable, of use only to the client and user they were made for.

A link carries the whole search, the place to go on from, and the grant that the search stands on, or nothing
where a user's consent is the grant; it lives as long as that, because the door judges each page anew. It is
encrypted: an id of a patient or a drug code must not stand in an address that a proxy logs.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from dataclasses import dataclass
from urllib.parse import parse_qsl
from uuid import UUID

import orjson

from gateway.core.access import Principal
from gateway.core.errors import BadRequest
from gateway.fhir.search_params import Search
from gateway.services import Services

PARAMETER = "_page"


@dataclass(frozen=True, slots=True)
class Continuation:
    """What a link holds: the search's parameters, where to go on, under which grant."""

    pairs: tuple[tuple[str, str], ...]
    after: tuple[dt.date, UUID]
    grant_id: UUID | None


def token(
    services: Services,
    principal: Principal,
    search: Search,
    *,
    after: tuple[dt.date, UUID],
    grant_id: UUID | None,
) -> str:
    """Return the text of a link's `_page` parameter: URL-safe characters only."""
    clear = orjson.dumps([search.text, after[0], after[1], grant_id])
    sealed = services.vault.seal_link(clear, _context(principal))
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def read(services: Services, principal: Principal, text: str) -> Continuation:
    """Return what a link's `_page` holds. Raises BadRequest when it was altered, or made for another."""
    try:
        sealed = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (UnicodeEncodeError, binascii.Error):
        sealed = b""
    clear = services.vault.open_link(sealed, _context(principal))
    if clear is None:
        raise BadRequest("This page link is not one that was given to you. Search again.")
    query, day, key, grant = orjson.loads(clear)
    return Continuation(
        tuple(parse_qsl(query)), (dt.date.fromisoformat(day), UUID(key)), UUID(grant) if grant else None
    )


def _context(principal: Principal) -> bytes:
    whose = f"{principal.account_id or ''}\0{principal.consent_id or ''}"
    return b"page-link\0%s\0%s" % (principal.client_id.encode(), whose.encode())
