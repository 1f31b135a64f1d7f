"""What a service does when data are not sent along."""

from __future__ import annotations

from typing import Any

from conformance.run.outcomes import Test, expect
from conformance.suites.cds_hooks.session import HookSession

_OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "not-found"}]}
_ORDER = ("order-sign", "order-select", "patient-view")


def _hook(session: HookSession) -> str:
    """Return a hook that is answered with a card when everything is there."""
    served = {service.get("hook") for service in session.services()}
    for hook in _ORDER:
        if hook in served and session.cards(hook):
            return hook
    return next(hook for hook in _ORDER if hook in served)


def _poor(session: HookSession, hook: str) -> dict[str, dict[str, Any] | None]:
    keys = session.prefetch(hook).keys()
    return {
        "missing": None,
        "null": dict.fromkeys(keys),
        "OperationOutcome": dict.fromkeys(keys, _OUTCOME),
        "partial": dict(list(session.prefetch(hook).items())[:1]),
    }


def poor_prefetch(session: HookSession) -> None:
    """Without data and without a FHIR server: 412, or cards that need none; never another answer."""
    hook = _hook(session)
    for what, prefetch in _poor(session, hook).items():
        answer = session.call(hook, prefetch=prefetch)
        expect(answer.status in (200, 412), f"prefetch {what}: status {answer.status}")
        if answer.status == 200:
            expect(isinstance(answer.json().get("cards"), list), f"prefetch {what}: no array `cards`")


def extra_keys(session: HookSession) -> None:
    """Keys that were not asked for are no reason to fail."""
    hook = _hook(session)
    prefetch = {**session.prefetch(hook), "something": {"resourceType": "Basic", "id": "x"}}
    answer = session.call(hook, prefetch=prefetch, extension={"org.example": {"a": 1}})
    expect(answer.status == 200, f"status {answer.status}")


TESTS = (
    Test("prefetch-poor", "Missing data are fetched, not needed, or 412", ("pre-3", "pre-4"), poor_prefetch),
    Test("prefetch-extra", "Unknown keys and extensions are taken", ("ext-1",), extra_keys),
)
