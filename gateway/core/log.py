"""The log: one JSON object a line on standard error; constant events, fields by allow-list, no people.

A field that is not listed here is dropped, so that a careless `extra=` cannot carry patient data out; an
exception is told by its class and the places it passed through, never by its text, which may quote a row.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import sys
import traceback
from contextvars import ContextVar
from types import TracebackType
from typing import TextIO

#: The id of the request that this thread is serving; empty outside a request.
REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")

#: Everything that a line may hold besides time, level, logger, event and request id.
FIELDS = frozenset(
    {
        "method", "route", "status", "ms", "client", "account", "grant", "category", "detail", "error",
        "interaction", "rows", "count", "bytes", "outcome", "reason", "version", "port", "pid",
        "signal", "file_sha256", "control_number", "records", "refused", "job", "table", "seconds",
        "host", "attempt",
    }
)  # fmt: skip


class JsonFormatter(logging.Formatter):
    """Renders a record as one line of JSON. The message is the event's name; write it as a constant."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        line: dict[str, object] = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        request_id = REQUEST_ID.get()
        if request_id:
            line["request_id"] = request_id
        for name, value in record.__dict__.items():
            if name in FIELDS and value is not None:
                line[name] = value if isinstance(value, int | float | str) else str(value)
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
            line["places"] = places(record.exc_info[2])
        return json.dumps(line, ensure_ascii=True)


class StandardError(logging.StreamHandler[TextIO]):
    """Writes to whatever standard error is at that moment, so that a redirected one is followed."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:
        """Return standard error."""
        return sys.stderr

    @stream.setter
    def stream(self, value: TextIO) -> None:
        raise AttributeError("the log goes to standard error")


def places(trace: TracebackType | None) -> list[str]:
    """Return where an exception passed, innermost last: `file.py:12 function`. No values, no source text."""
    return [
        f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(trace)
    ]


def configure(level: str) -> None:
    """Send the whole process's log to standard error as JSON, from `level` on. Safe to call again."""
    root = logging.getLogger()
    for handler in root.handlers:
        if isinstance(handler.formatter, JsonFormatter):
            root.setLevel(level)
            return
    handler = StandardError()
    handler.setFormatter(JsonFormatter())
    root.addHandler(handler)
    root.setLevel(level)
