"""Arrays as statements get them: PostgreSQL gives back what was put in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.store import arrays
from gateway.store.database import Database
from tests.support.databases import TestDatabase

_DAYS = st.dates(min_value=dt.date(1, 1, 1))
_TYPES: dict[str, tuple[Callable[[Iterable[Any]], arrays.Array], st.SearchStrategy[Any]]] = {
    "uuid[]": (arrays.uuids, st.uuids()),
    "text[]": (arrays.texts, st.text(st.characters(exclude_characters="\0", codec="utf-8"))),
    "bytea[]": (arrays.byte_strings, st.binary()),
    "date[]": (arrays.dates, _DAYS),
    "timestamp with time zone[]": (arrays.instants, st.datetimes(timezones=st.just(dt.UTC))),
    "smallint[]": (arrays.smalls, st.integers(-(2**15), 2**15 - 1)),
    "integer[]": (arrays.integers, st.integers(-(2**31), 2**31 - 1)),
    "boolean[]": (arrays.booleans, st.booleans()),
}


@pytest.mark.parametrize("name", _TYPES)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_an_array_comes_back_as_it_was_sent(database: TestDatabase, name: str, data: st.DataObject) -> None:
    encode, elements = _TYPES[name]
    values = data.draw(st.lists(elements))
    opened = Database(database.url)
    try:
        with opened.connection() as connection:
            row = connection.execute(f"SELECT %s::{name}, pg_typeof(%s)::text".encode(), [encode(values)] * 2)
            assert row.fetchone() == (values, name)
    finally:
        opened.close()


def test_a_list_is_still_taken_as_ever(database: TestDatabase) -> None:
    opened = Database(database.url)
    try:
        with opened.connection() as connection:
            found = connection.execute("SELECT %s::text[], %s::date[]", [["a", 'b"'], [None]]).fetchone()
            assert found == (["a", 'b"'], [None])
    finally:
        opened.close()
