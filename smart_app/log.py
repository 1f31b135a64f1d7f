"""JSON lines on standard error. Events have constant names; only the fields named here are written.

No URL, query, header, body or exception text is ever a field: each may hold a code, a handle or a name.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import sys

_FIELDS = ("route", "method", "status", "ms", "kind", "detail", "place")


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.msg if record.name.startswith("smart_app") else record.getMessage(),
        }
        line.update({f: getattr(record, f) for f in _FIELDS if getattr(record, f, None) is not None})
        return json.dumps(line, ensure_ascii=True)


def configure(level: str) -> None:
    """Write the log of this process to standard error from `level` on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # Connection pools of these log addresses at lower levels.
    for name in ("urllib3", "requests", "werkzeug", "psycopg.pool"):
        logging.getLogger(name).setLevel(logging.ERROR)
