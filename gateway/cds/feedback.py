"""POST {base}/cds-services/{id}/feedback: what became of our cards (CDS Hooks 2.0, "Feedback").

Kept: the card's id, the outcome, the time, and the reason when it is one of ours. Comments and foreign codes
are free text of a chart, so they are not. Repeated or late feedback changes nothing twice.
"""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from gateway.audit.card_feedback import Feedback
from gateway.cds.cards import REASONS
from gateway.core.errors import BadRequest

_MOST = 100
_OUTCOMES = ("accepted", "overridden")


def read(body: dict[str, Any], *, reason_system: str, now: dt.datetime) -> list[Feedback]:
    """Return the feedback, in the order sent. Raises BadRequest."""
    items = body.get("feedback")
    if not isinstance(items, list) or not 1 <= len(items) <= _MOST:
        raise BadRequest(f"feedback must be a list of 1 to {_MOST} items.")
    return [_item(item, reason_system, now) for item in items]


def _item(item: object, reason_system: str, now: dt.datetime) -> Feedback:
    if not isinstance(item, dict):
        raise BadRequest("Each item of feedback must be an object.")
    if item.get("outcome") not in _OUTCOMES:
        raise BadRequest("feedback.outcome must be accepted or overridden.")
    try:
        card_id = UUID(item["card"])
    except (KeyError, ValueError, TypeError, AttributeError):
        raise BadRequest("feedback.card must be the uuid of a card.") from None
    return Feedback(
        card_id=card_id,
        outcome=item["outcome"],
        reason=_reason(item.get("overrideReason"), reason_system),
        # A clock that is ahead must not make an outcome final.
        outcome_at=min(_moment(item.get("outcomeTimestamp")), now),
    )


def _moment(value: object) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or moment.year < 2000:
        raise BadRequest("feedback.outcomeTimestamp must be a date and time with its offset.")
    return moment.astimezone(dt.UTC)


def _reason(value: object, reason_system: str) -> str:
    if value is None:
        return ""
    coding = value.get("reason") if isinstance(value, dict) else None
    if not isinstance(coding, dict):
        return "other"
    code = coding.get("code")
    return code if coding.get("system") == reason_system and code in REASONS else "other"
