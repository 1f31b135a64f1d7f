"""The page for an EHR's engineer at `/docs`, and the OpenAPI document of the OAuth and operation endpoints.

The commands on the page are run by a test against a running gateway, in the page's order.
"""

from __future__ import annotations

from gateway.docs.routes import blueprint

__all__ = ["blueprint"]
