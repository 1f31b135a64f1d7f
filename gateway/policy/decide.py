"""The verdict, and the only maker of `Grant`.

`may_ask` comes before any person is looked for, so that a refused caller learns nothing about who exists.
`decide_history` and `decide_context` then turn facts and a person into a Grant or a Denied; with a user's
token `decide_user_history` and `decide_user` do, and the person is the consent's.
"""

from __future__ import annotations

import calendar
import datetime as dt
from uuid import UUID

from gateway.core.access import DenialReason, Denied, Grant, Purpose, Verdict, Window
from gateway.policy.facts import ContextFacts, RequestFacts, UserFacts, UserRequestFacts
from gateway.policy.rules import (
    CALLER_RULES,
    CONTEXT_RULES,
    REQUEST_RULES,
    USER_REQUEST_RULES,
    USER_RULES,
    UserIsActive,
    account_named,
)

#: 42 CFR 2.31, 2.33: programme records go to those who treat the patient, and to no other purpose.
_PART2_PURPOSES = frozenset({Purpose.TREATMENT})


def may_ask(facts: RequestFacts) -> Denied | None:
    """Return why this caller may not ask for anybody's history, or None."""
    for rule in REQUEST_RULES:
        reason = rule.verify(facts)
        if reason is not None:
            return Denied(reason)
    return None


def may_call(facts: RequestFacts | UserFacts) -> Denied | None:
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
        reach=facts.reach,
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
        reach=facts.reach,
    )


def may_act(facts: UserFacts) -> Denied | None:
    """Return why this user may see nobody's history by this client, or None."""
    for rule in USER_RULES:
        reason = rule.verify(facts)
        if reason is not None:
            return Denied(reason)
    return None


def may_ask_as_user(facts: UserRequestFacts) -> Denied | None:
    """Return why this user may not ask for anybody's history in this way, or None."""
    denied = may_act(facts.user)
    if denied is not None:
        return denied
    for rule in USER_REQUEST_RULES:
        reason = rule.verify(facts)
        if reason is not None:
            return Denied(reason)
    return None


def decide_user_history(
    facts: UserRequestFacts, *, jurisdiction: str, person_id: UUID | None, today: dt.date, default_months: int
) -> Verdict:
    """Return a Grant for the default look-back, ending today, or the reason against it.

    `person_id` is whom the request means, None when it means nobody that is known: denied alike.
    """
    denied = may_ask_as_user(facts)
    if denied is not None:
        return denied
    window = Window(months_before(today, default_months), today)
    return _of_consent(facts.user, jurisdiction, person_id, window)


def decide_user(
    facts: UserFacts, *, jurisdiction: str, person_id: UUID | None, today: dt.date, max_months: int | None
) -> Verdict:
    """Return a Grant for the rows of the consent's patient, or the reason against it.

    `person_id` is the person asked for, or None where the consent alone says who. The window is the
    jurisdiction's maximum look-back; an open start where it has none.
    """
    denied = may_act(facts)
    if denied is not None:
        return denied
    window = Window(None if max_months is None else months_before(today, max_months), None)
    return _of_consent(facts, jurisdiction, person_id or facts.person_id, window)


def decide_choice(facts: UserFacts, *, jurisdiction: str, person_id: UUID, today: dt.date) -> Verdict:
    """Return a Grant to show a user who the chosen person is, before anything was consented to."""
    denied = may_act(facts)
    return denied if denied is not None else _granted(facts, jurisdiction, person_id, Window(today, today))


def decide_launch(facts: UserFacts, *, jurisdiction: str, person_id: UUID, today: dt.date) -> Verdict:
    """Return a Grant for an EHR to open a launch about a person for a user, or the reason against it.

    The user's own rights are judged when the user consents: a delegate has chosen no supervisor yet.
    """
    for rule in (*CALLER_RULES, UserIsActive()):
        reason = rule.verify(facts)
        if reason is not None:
            return Denied(reason)
    return _granted(facts, jurisdiction, person_id, Window(today, today))


def _of_consent(facts: UserFacts, jurisdiction: str, person_id: UUID | None, window: Window) -> Verdict:
    if facts.person_id is None:
        return Denied(DenialReason.NO_PATIENT)
    if person_id != facts.person_id:
        return Denied(DenialReason.NOT_IN_CONTEXT)
    return _granted(facts, jurisdiction, facts.person_id, window)


def _granted(facts: UserFacts, jurisdiction: str, person_id: UUID, window: Window) -> Grant:
    return Grant(
        jurisdiction=jurisdiction,
        person_id=person_id,
        client_id=facts.client.client_id,
        account_id=facts.rights.account_id,
        practitioner=facts.rights.practitioner,
        purpose=facts.purpose,
        window=window,
        restricted=facts.purpose in _PART2_PURPOSES,
        reach=facts.reach,
        delegate_id=facts.account.account_id if facts.supervisor else None,
        consent_id=facts.consent_id,
    )


def months_before(day: dt.date, months: int) -> dt.date:
    """Return the same day of the month `months` earlier, or that month's last day where it is shorter."""
    total = day.year * 12 + day.month - 1 - months
    year, month = divmod(total, 12)
    return dt.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
