"""`/healthz`: this process answers. `/readyz`: what it depends on answers too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import flask
import orjson
from flask import Blueprint

from gateway.web.guard import public


@dataclass(frozen=True, slots=True)
class Readiness:
    """What was found: database reachable, its migrations applied, the cache reachable."""

    database: bool
    migrated: bool
    cache: bool

    @property
    def ready(self) -> bool:
        """Return whether requests can be served: a missing cache only makes them slower."""
        return self.database and self.migrated


def blueprint(readiness: Callable[[], Readiness]) -> Blueprint:
    """Return both addresses; `readiness` looks at the things we depend on."""
    made = Blueprint("health", __name__)

    @made.get("/healthz")
    @public()
    def healthz() -> flask.Response:
        return flask.Response(b'{"status":"ok"}', content_type="application/json")

    @made.get("/readyz")
    @public()
    def readyz() -> flask.Response:
        found = readiness()
        document = {
            "status": "ready" if found.ready else "not-ready",
            "database": "ok" if found.database else "unavailable",
            "migrations": "ok" if found.migrated else "missing" if found.database else "unknown",
            "cache": "ok" if found.cache else "degraded",
        }
        status = 200 if found.ready else 503
        return flask.Response(orjson.dumps(document), status, content_type="application/json")

    return made
