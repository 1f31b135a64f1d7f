"""The SMART authorization server. One file per endpoint and per grant; `routes` is the table of them."""

from __future__ import annotations

from gateway.oauth.routes import blueprint

__all__ = ["blueprint"]
