"""Bundles, joined from the bytes of stored resources: nothing stored is parsed on the way out.

FHIR R4, section 2.33 (Bundle); bdl-1: only searchset and history carry `total`; bdl-7: `fullUrl` is unique.
A stored body is a complete JSON object; the entry around it is written here, with an absolute `fullUrl`.
"""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from gateway.core.disclosure import Entry

_MATCH = b',"search":{"mode":"match"}}'
_INCLUDE = b',"search":{"mode":"include"}}'


def collection(
    fhir_base: str, entries: Iterable[Entry], *, bundle_id: str, timestamp: str, profile: str
) -> bytes:
    """Return a Bundle of type collection as JSON. Never with `total` (bdl-1)."""
    parts = [
        b'{"resourceType":"Bundle","id":',
        orjson.dumps(bundle_id),
        b',"meta":{"profile":[',
        orjson.dumps(profile),
        b']},"type":"collection","timestamp":',
        orjson.dumps(timestamp),
        b',"entry":[',
    ]
    _append(parts, f"{fhir_base}/".encode(), entries, b"}", first=True)
    parts.append(b"]}")
    return b"".join(parts)


def searchset(
    fhir_base: str,
    *,
    total: int,
    self_link: str,
    next_link: str | None,
    matches: Iterable[Entry],
    included: Iterable[Entry] = (),
) -> bytes:
    """Return a Bundle of type searchset as JSON; matches come first, then what was included."""
    parts = [
        b'{"resourceType":"Bundle","type":"searchset","total":',
        str(total).encode(),
        b',"link":[{"relation":"self","url":',
        orjson.dumps(self_link),
        b"}",
    ]
    if next_link is not None:
        parts += (b',{"relation":"next","url":', orjson.dumps(next_link), b"}")
    parts.append(b'],"entry":[')
    base, start = f"{fhir_base}/".encode(), len(parts)
    _append(parts, base, matches, _MATCH, first=True)
    _append(parts, base, included, _INCLUDE, first=len(parts) == start)
    if len(parts) == start:
        # An empty array is not JSON of FHIR (section 2.6.2): the property is left out.
        parts[-1] = b"]}"
    else:
        parts.append(b"]}")
    return b"".join(parts)


def _append(parts: list[bytes], base: bytes, entries: Iterable[Entry], tail: bytes, *, first: bool) -> None:
    # Types and ids are ours (letters, digits, hyphens): they need no escaping inside a JSON string.
    heads: dict[str, bytes] = {}
    for kind, key, body in entries:
        head = heads.get(kind)
        if head is None:
            head = heads[kind] = b',{"fullUrl":"%s%s/' % (base, kind.encode())
        if first:
            parts.append(head[1:])
            first = False
        else:
            parts.append(head)
        parts += (key.encode(), b'","resource":', body, tail)
