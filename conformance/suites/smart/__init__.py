"""SMART App Launch 2.2 authorization servers, as apps see them. One file a subject; here is their order.

A test's id is Inferno's id of the test that looks at the same (SMART App Launch and (g)(10) test kits), with
the case after a dot; `own_…` are ours. Launches that many tests share come before tests that end tokens.
"""

from __future__ import annotations

from conformance.run.outcomes import Test
from conformance.suites.smart import (
    access,
    authorize,
    backend,
    cors,
    discovery,
    introspection,
    launches,
    openid,
    refresh,
)

TESTS: tuple[Test, ...] = (
    *discovery.TESTS,
    *launches.TESTS,
    *openid.TESTS,
    *access.TESTS,
    *cors.TESTS,
    *introspection.TESTS,
    *refresh.TESTS,
    *backend.TESTS,
    *authorize.TESTS,
)
