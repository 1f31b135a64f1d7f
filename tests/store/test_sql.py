"""Named statements as they are sent."""

from __future__ import annotations

import re

import psycopg

from gateway.store.sql import numbered, queries
from tests.support.databases import TestDatabase


def test_what_is_sent_has_no_comments() -> None:
    for statement in queries("dispensations.sql").values():
        assert not re.search(r"^\s*--", statement, re.MULTILINE)


def test_a_numbered_statement_names_each_place_once() -> None:
    statement = numbered("dispensations.sql", "page")
    assert len(set(statement.names)) == len(statement.names)
    assert set(map(int, re.findall(r"\$(\d+)", statement.text))) == set(range(1, len(statement.names) + 1))
    assert "%(" not in statement.text


def test_a_numbered_statement_answers_as_the_named_one(database: TestDatabase) -> None:
    parameters = {"jurisdiction": "KY", "person_id": "00000000-0000-7000-8000-000000000000"}
    statement = numbered("dispensations.sql", "person")
    with psycopg.connect(database.url) as connection:
        named = connection.execute(queries("dispensations.sql")["person"], parameters).fetchall()
        cursor = psycopg.RawCursor(connection)
        assert cursor.execute(statement.text, statement.values(parameters)).fetchall() == named
