"""May this client ask who is who? The rules of Patient/$match, where no practitioner is named.

The scope that opens it is registered for a client by the program, and no wildcard holds it.
"""

from __future__ import annotations

from gateway.core.access import Denied
from gateway.policy.facts import RequestFacts
from gateway.policy.rules import CALLER_RULES, PurposeIsPermitted

MATCH_RULES = (*CALLER_RULES, PurposeIsPermitted())


def may_match(facts: RequestFacts) -> Denied | None:
    """Return why this client may not match patients, or None."""
    for rule in MATCH_RULES:
        reason = rule.verify(facts)
        if reason is not None:
            return Denied(reason)
    return None
