"""`python -m smart_app`: serve the app under gunicorn. `python -m smart_app jwks`: print its public keys.

`jwks` makes the keys when there are none, needs no server, and prints a JSON Web Key Set: what an EHR or
the gateway is given when it registers the app's keys inline. Exit 2 when the settings are not usable.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from smart_app import log
from smart_app.app import create_app
from smart_app.errors import Misconfigured
from smart_app.keys import Keyring
from smart_app.settings import Settings


class _Server(BaseApplication):  # type: ignore[misc]
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        options: dict[str, Any] = {
            "bind": self._settings.bind,
            "workers": self._settings.workers,
            "worker_class": "gthread",
            "threads": self._settings.threads,
            "timeout": 60,
            "graceful_timeout": 10,
            "proc_name": "pdmp-app",
            "control_socket_disable": True,
            # Codes, states and handles travel in URLs: no access log.
            "accesslog": None,
            "loglevel": "warning",
            "worker_tmp_dir": None,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        # In each worker, after the fork: pools and threads are the worker's own.
        log.configure(self._settings.log_level)
        return create_app(self._settings)


def main(words: list[str]) -> int:
    """Run the verb in `words`; return the exit code."""
    try:
        settings = Settings.from_env()
        keys = Keyring.open(settings.keys_dir)
    except Misconfigured as error:
        sys.stderr.write(f"smart_app: {error.public}\n")
        return 2
    if words == ["jwks"]:
        sys.stdout.write(json.dumps(keys.jwks(), indent=1) + "\n")
        return 0
    if words:
        sys.stderr.write("usage: python -m smart_app [jwks]\n")
        return 2
    _Server(settings).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
