"""Feedback, where a service takes it."""

from __future__ import annotations

from typing import Any

from conformance.run.outcomes import Omit, Skip, Test, expect
from conformance.suites.cds_hooks.session import HookSession

_HOOKS = ("order-sign", "order-select", "patient-view")


def accepted(session: HookSession) -> None:
    """Feedback may be a batch, repeated and late; it is answered 200 each time."""
    path, card = _card(session)
    reason = next(iter(card.get("overrideReasons", [])), None)
    overridden: dict[str, Any] = {
        "card": card["uuid"],
        "outcome": "overridden",
        "outcomeTimestamp": "2026-01-02T03:04:05Z",
    }
    if reason:
        kept = {name: reason[name] for name in ("system", "code") if name in reason}
        overridden["overrideReason"] = {"reason": kept, "userComment": "x"}
    later = {"card": card["uuid"], "outcome": "accepted", "outcomeTimestamp": "2026-01-02T03:05:05Z"}
    for batch in ([overridden], [overridden], [later, overridden]):
        answer = session.http.post(path, {"feedback": batch}, session.bearer(path))
        if answer.status == 404:
            raise Omit("the service takes no feedback")
        expect(answer.status == 200, f"status {answer.status}")


def needs_token(session: HookSession) -> None:
    """Feedback needs a token of its own."""
    path, card = _card(session)
    item = {"card": card["uuid"], "outcome": "accepted", "outcomeTimestamp": "2026-01-02T03:04:05Z"}
    service = path.removesuffix("/feedback")
    for headers in ({}, session.bearer(service)):
        answer = session.http.post(path, {"feedback": [item]}, headers)
        if answer.status == 404:
            raise Omit("the service takes no feedback")
        expect(answer.status == 401, f"status {answer.status}")


def _card(session: HookSession) -> tuple[str, dict[str, Any]]:
    served = {service.get("hook") for service in session.services()}
    for hook in (hook for hook in _HOOKS if hook in served):
        for card in session.cards(hook):
            if card.get("uuid"):
                return f"{session.path(hook)}/feedback", card
    raise Skip("no card with a uuid")


TESTS = (
    Test("feedback-accepted", "Feedback is taken, as often as it comes", ("feed-1",), accepted),
    Test("feedback-token", "Feedback is authenticated like a call", ("feed-2",), needs_token),
)
