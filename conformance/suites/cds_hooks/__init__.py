"""CDS Hooks 2.0 services of a PDMP, as a CDS client sees them. One file a subject; here is their order."""

from __future__ import annotations

from conformance.run.outcomes import Test
from conformance.suites.cds_hooks import (
    cards,
    discovery,
    feedback,
    nothing_given_away,
    prefetch,
    requests,
    trust,
)

TESTS: tuple[Test, ...] = (
    *discovery.TESTS,
    *cards.TESTS,
    *prefetch.TESTS,
    *requests.TESTS,
    *trust.TESTS,
    *feedback.TESTS,
    *nothing_given_away.TESTS,
)
