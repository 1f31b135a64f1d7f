"""The WSGI entrance: `gateway.wsgi:application()`, called in each worker after fork."""

from __future__ import annotations

from flask import Flask

from gateway.app import create_app
from gateway.core.settings import Settings


def application() -> Flask:
    """Return the gateway for the process's environment. Raises Misconfigured, which stops the start."""
    return create_app(Settings.from_env())
