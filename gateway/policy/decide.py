"""The verdict, and the only maker of `Grant`.

`may_ask` comes before any person is looked for, so that a refused caller learns nothing about who exists.
`decide_history` and `decide_context` then turn facts and a person into a Grant or a Denied.
"""

from __future__ import annotations

import calendar
import datetime as dt
from uuid import UUID

from gateway.core.access import DenialReason, Denied, Grant, Purpose, Verdict, Window
from gateway.policy.facts import ContextFacts, RequestFacts
from gateway.policy.rules import CALLER_RULES, CONTEXT_RULES, REQUEST_RULES, account_named

#: 42 CFR 2.31, 2.33: programme records go to those who treat the patient, and to no other purpose.
_PART2_PURPOSES = frozenset({Purpose.TREATMENT})


def may_ask(facts: RequestFacts) -> Denied | None:
    """Return why this caller may not ask for anybody's history, or None."""
    for rule in REQUEST_RULES:
        reason = rule.verify(facts)
        if reason is not None:
            return Denied(reason)
    return None


def may_call(facts: RequestFacts) -> Denied | None:
    """Return why this client may not use the operation at all, whoever it acts for, or None."""
    for rule in CALLER_RULES:
        reason = rule.verify(facts)
        if reason is not None:
            return Denied(reason)
    return None


def decide_history(
    facts: RequestFacts, *, jurisdiction: str, person_id: UUID, today: dt.date, default_months: int
) -> Verdict:
    """Return a Grant for the default look-back, ending today, or the reason against it."""
    denied = may_ask(facts)
    if denied is not None:
        return denied
    account = account_named(facts)
    if account is None:
        return Denied(DenialReason.UNKNOWN_PRACTITIONER)
    return Grant(
        jurisdiction=jurisdiction,
        person_id=person_id,
        client_id=facts.client.client_id,
        account_id=account.account_id,
        practitioner=facts.practitioner,
        purpose=facts.purpose,
        window=Window(months_before(today, default_months), today),
        restricted=facts.purpose in _PART2_PURPOSES,
    )


def decide_context(
    facts: ContextFacts, *, jurisdiction: str, person_id: UUID | None, today: dt.date, max_months: int | None
) -> Verdict:
    """Return a Grant for rows inside an earlier answer, or the reason against it.

    `person_id` is the person asked for, or None where the grant alone says who. The window is the
    jurisdiction's maximum look-back; an open start where it has none.
    """
    for rule in CONTEXT_RULES:
        reason = rule.verify(facts)
        if reason is not None:
            return Denied(reason)
    live = facts.grants[0]
    if person_id is not None and live.person_id != person_id:
        return Denied(DenialReason.NOT_IN_CONTEXT)
    return Grant(
        jurisdiction=jurisdiction,
        person_id=live.person_id,
        client_id=facts.client.client_id,
        account_id=live.account.account_id,
        practitioner=live.practitioner,
        purpose=live.purpose,
        window=Window(None if max_months is None else months_before(today, max_months), None),
        restricted=live.purpose in _PART2_PURPOSES,
    )


def months_before(day: dt.date, months: int) -> dt.date:
    """Return the same day of the month `months` earlier, or that month's last day where it is shorter."""
    total = day.year * 12 + day.month - 1 - months
    year, month = divmod(total, 12)
    return dt.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
