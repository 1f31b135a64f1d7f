"""Serve the double with gunicorn: one process, since its state is in memory, and threads."""

from __future__ import annotations

from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from conformance.ehr.app import create_app
from conformance.ehr.context import Ehr
from conformance.ehr.settings import Settings


class _Server(BaseApplication):  # type: ignore[misc]
    def __init__(self, app: Flask, options: dict[str, Any]) -> None:
        self._app = app
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._app


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises BadBook when the file can't be read."""
    app = create_app(Ehr.of(settings))
    options = {
        "bind": settings.bind,
        "workers": 1,
        "worker_class": "gthread",
        "threads": 8,
        "graceful_timeout": 3,
        "control_socket_disable": True,
        "proc_name": "ehr-double",
        # Launch handles and codes travel in URLs: no access log.
        "accesslog": None,
        "loglevel": "warning",
    }
    _Server(app, options).run()
