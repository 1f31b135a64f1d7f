"""The log: JSON, known fields only, exceptions without their text."""

from __future__ import annotations

import json
import logging

from gateway.core.log import REQUEST_ID, JsonFormatter


def line(**record: object) -> dict[str, object]:
    made = logging.LogRecord("gateway.web", logging.INFO, "x.py", 1, "request", (), None)
    made.__dict__.update(record)
    document: dict[str, object] = json.loads(JsonFormatter().format(made))
    return document


def test_known_fields_are_written_and_others_are_dropped() -> None:
    written = line(status=200, patient="Loretta Fenwick", birth_date="1968-04-11")
    assert written["status"] == 200
    assert "Loretta" not in json.dumps(written)
    assert "1968" not in json.dumps(written)


def test_an_exception_is_told_by_class_and_place_only() -> None:
    try:
        raise ValueError("Loretta Fenwick")
    except ValueError as error:
        written = line(exc_info=(type(error), error, error.__traceback__))
    assert written["error"] == "ValueError"
    assert "test_log.py" in str(written["places"])
    assert "Loretta" not in json.dumps(written)


def test_a_line_is_one_line_whatever_is_in_it() -> None:
    assert "\n" not in JsonFormatter().format(
        logging.LogRecord("a", logging.INFO, "x.py", 1, "one\ntwo\u2028three", (), None)
    )


def test_the_request_id_is_on_every_line_of_a_request() -> None:
    token = REQUEST_ID.set("r-1")
    try:
        assert line()["request_id"] == "r-1"
    finally:
        REQUEST_ID.reset(token)
    assert "request_id" not in line()
