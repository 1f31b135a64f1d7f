"""Arrays and single values in PostgreSQL's binary form, made for thousands of them at once.

Psycopg finds out anew for each array what its elements are, element by element, and asks a function of Python
for each; here the caller says what they are. Binary form: `array_send` and the `send` functions of each type.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import lru_cache
from struct import Struct
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEADER = Struct("!iiiii")
_EMPTY = Struct("!iii")
_LENGTH = Struct("!i")
_SMALL, _DATE, _INSTANT = Struct("!h"), Struct("!i"), Struct("!q")
# Types of elements and of their arrays, which are the same in every installation (pg_type.dat).
_BOOL, _BYTEA, _INT2, _INT4, _TEXT, _DATE_OID, _TIMESTAMPTZ, _UUID = 16, 17, 21, 23, 25, 1082, 1184, 2950
_DAY_0 = dt.date(2000, 1, 1).toordinal()
_INSTANT_0 = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


class Array(bytes):
    """An array in binary form, as a parameter of a statement; a class a type of element."""


class Uuids(Array):
    """uuid[]."""


class Texts(Array):
    """text[]."""


class ByteStrings(Array):
    """bytea[]."""


class Dates(Array):
    """date[]."""


class Instants(Array):
    """timestamptz[]."""


class Smalls(Array):
    """smallint[]."""


class Integers(Array):
    """integer[]."""


class Booleans(Array):
    """boolean[]."""


_OIDS: dict[type[Array], int] = {
    Uuids: 2951,
    Texts: 1009,
    ByteStrings: 1001,
    Dates: 1182,
    Instants: 1185,
    Smalls: 1005,
    Integers: 1007,
    Booleans: 1000,
}


class _Dumper(Dumper):
    format = Format.BINARY

    def __init__(self, cls: type, context: AdaptContext | None = None) -> None:
        super().__init__(cls, context)
        # Of the instance: a class with a type of its own would be taken for ordinary lists of it too.
        self.oid = _OIDS[cls]

    def dump(self, obj: Buffer) -> Buffer:
        return obj


def register(connection: Connection[Any]) -> None:
    """Have `connection` take these arrays as parameters."""
    for kind in _OIDS:
        connection.adapters.register_dumper(kind, _Dumper)


def uuids(values: Iterable[UUID]) -> Uuids:
    """Return uuid[]."""
    return Uuids(_fixed(_UUID, 16, [value.bytes for value in values]))


def texts(values: Iterable[str]) -> Texts:
    """Return text[]."""
    return Texts(_varying(_TEXT, [value.encode() for value in values]))


def byte_strings(values: Iterable[bytes]) -> ByteStrings:
    """Return bytea[]."""
    return ByteStrings(_varying(_BYTEA, list(values)))


def dates(values: Iterable[dt.date]) -> Dates:
    """Return date[]."""
    return Dates(_fixed(_DATE_OID, 4, [date(value) for value in values]))


def instants(values: Iterable[dt.datetime]) -> Instants:
    """Return timestamptz[]."""
    return Instants(_fixed(_TIMESTAMPTZ, 8, [instant(value) for value in values]))


def smalls(values: Iterable[int]) -> Smalls:
    """Return smallint[]."""
    return Smalls(_fixed(_INT2, 2, [_SMALL.pack(value) for value in values]))


def integers(values: Iterable[int]) -> Integers:
    """Return integer[]."""
    return Integers(_fixed(_INT4, 4, [_LENGTH.pack(value) for value in values]))


def booleans(values: Iterable[bool]) -> Booleans:
    """Return boolean[]."""
    return Booleans(_fixed(_BOOL, 1, [b"\1" if value else b"\0" for value in values]))


@lru_cache(maxsize=16384)
def date(value: dt.date) -> bytes:
    """Return a date as its column takes it."""
    return _DATE.pack(value.toordinal() - _DAY_0)


@lru_cache(maxsize=16384)
def instant(value: dt.datetime) -> bytes:
    """Return a timestamptz as its column takes it; `value` has a zone."""
    return _INSTANT.pack((value - _INSTANT_0) // _MICROSECOND)


@lru_cache(maxsize=4096)
def text_array(values: tuple[str, ...]) -> bytes:
    """Return a text[] as its column takes it."""
    return bytes(texts(values))


def _fixed(oid: int, length: int, encoded: list[bytes]) -> bytes:
    if not encoded:
        return _EMPTY.pack(0, 0, oid)
    return _HEADER.pack(1, 0, oid, len(encoded), 1) + _LENGTH.pack(length).join((b"", *encoded))


def _varying(oid: int, encoded: list[bytes]) -> bytes:
    if not encoded:
        return _EMPTY.pack(0, 0, oid)
    pieces = [_HEADER.pack(1, 0, oid, len(encoded), 1)]
    for one in encoded:
        pieces += (_LENGTH.pack(len(one)), one)
    return b"".join(pieces)
