"""The patient page of a standalone launch, and its answer: one exact question, never a list.

The door looks the person up, audits it, and says who it is or why it can't tell; guessing is bounded here, by
account and by app.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import re

import flask
from flask import Request

from gateway.auth import sessions
from gateway.core.disclosure import PatientIdentifier, PatientQuery
from gateway.core.errors import TooMany
from gateway.disclose import choose
from gateway.disclose.choose import NotChosen
from gateway.oauth import pages, pending, steps
from gateway.oauth.form import read_choices
from gateway.oauth.pages import PatientPage
from gateway.oauth.server import AuthorizationServer
from gateway.oauth.steps import Step
from gateway.store import consents

_FIELDS = ("given", "family", "birthdate", "identifier", "postal_code")
_LONGEST = 100
#: In ten minutes: questions of an account that found nobody, all its questions, those of one app's users.
_MISSES, _QUESTIONS, _OF_CLIENT, _WINDOW = 15, 200, 3000, 600
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_POSTAL_CODE = re.compile(r"\d{5}(?:-?\d{4})?", re.ASCII)
_SSN = re.compile(r"\d{9}", re.ASCII)
_LICENCE = re.compile(r"(?:([A-Za-z]{2})[: ]+)?([A-Za-z0-9-]{1,20})", re.ASCII)
_PERSON_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


class _Mistyped(Exception):
    """A field that can't be meant so; its text is for the user."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


def page(
    server: AuthorizationServer,
    step: Step,
    *,
    problem: str | None = None,
    field: str = "",
    values: dict[str, str] | None = None,
) -> flask.Response:
    """Return the page, with what was typed before and why it did not do."""
    return pages.patient_page(
        PatientPage(
            request=step.handle,
            csrf=sessions.csrf_token(server.services.vault, step.handle, step.session),
            client_name=steps.client_name(step.client),
            user_name=step.session.display_name,
            problem=problem,
            problem_field=field,
            values={name: (values or {}).get(name, "") for name in _FIELDS},
            form_action_origins=steps.origins(step.client, step.pending.parameters["redirect_uri"]),
        )
    )


def answer(request: Request, server: AuthorizationServer, request_id: str) -> flask.Response:
    """Return the redirect to the next step, or the page again with a problem.

    Raises PageProblem, Elsewhere, InvalidRequest, Unavailable.
    """
    fields, _ = read_choices(request, "scope")
    step = steps.of_form(request, fields, server)
    if not step.needs_patient:
        return pending.next_step(server, step.handle)
    values = {name: " ".join(fields.get(name, "").split()) for name in _FIELDS}
    try:
        query = _query(values, server.services.settings.jurisdiction)
        _count(server, step)
    except _Mistyped as mistyped:
        return page(server, step, problem=str(mistyped), field=mistyped.field, values=values)
    except TooMany as error:
        minutes = -(-(error.retry_after or _WINDOW) // 60)
        told = f"Too many patients were looked for. Try again in {minutes} minutes."
        return page(server, step, problem=told, values=values)
    services = server.services
    found = choose.choose_patient(
        services.database,
        services.clock,
        services.vault,
        services.mappings,
        client_id=step.client.client_id,
        account_id=step.session.account_id,
        supervisor_id=None,
        query=query,
        request_id=request_id,
    )
    if isinstance(found, NotChosen):
        _miss(server, step)
        return page(server, step, problem=found.reason, values=values)
    with services.database.connection() as connection:
        chosen = consents.choose_person(
            connection,
            step.pending.pending_hash,
            session_hash=step.session.session_hash,
            jurisdiction=services.mappings.jurisdiction.code,
            person_id=found.person_id,
            now=services.clock.now(),
        )
    if not chosen:
        raise pending.ended()
    return pending.next_step(server, step.handle)


def _count(server: AuthorizationServer, step: Step) -> None:
    throttle, account_id = server.throttle, step.session.account_id
    throttle.check(f"patient-missed:{account_id}", limit=_MISSES, seconds=_WINDOW)
    throttle.count(f"patient:{account_id}", limit=_QUESTIONS, seconds=_WINDOW)
    throttle.count(f"patients:{step.client.client_id}", limit=_OF_CLIENT, seconds=_WINDOW)


def _miss(server: AuthorizationServer, step: Step) -> None:
    # The last one is told as what it is; the next question is not asked.
    with contextlib.suppress(TooMany):
        name = f"patient-missed:{step.session.account_id}"
        server.throttle.count(name, limit=_MISSES, seconds=_WINDOW)


def _query(values: dict[str, str], jurisdiction: str) -> PatientQuery:
    """Return the question. Raises _Mistyped."""
    for name, value in values.items():
        if len(value) > _LONGEST or not value.isprintable():
            raise _Mistyped(name, f"A field may hold {_LONGEST} characters.")
    for name in ("given", "family"):
        if not values[name]:
            raise _Mistyped(name, "Give the patient's whole name: given name and family name.")
    birth_date = _birth_date(values["birthdate"])
    if not values["identifier"] and not values["postal_code"]:
        raise _Mistyped("identifier", "Give an identifier of the patient, or the ZIP code of the home.")
    postal_code = values["postal_code"]
    if postal_code and not _POSTAL_CODE.fullmatch(postal_code):
        raise _Mistyped("postal_code", "A ZIP code has five digits, or nine.")
    return PatientQuery(
        names=((values["family"], values["given"]),),
        birth_date=birth_date,
        identifiers=_identifiers(values["identifier"], jurisdiction),
        addresses=(("", "", postal_code),) if postal_code else (),
    )


def _birth_date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text if _DATE.fullmatch(text) else "")
    except ValueError:
        raise _Mistyped("birthdate", "Give the birth date as year, month and day: 1980-01-31.") from None


def _identifiers(text: str, jurisdiction: str) -> tuple[PatientIdentifier, ...]:
    """Return what the field may mean: our id of a person, a social security number, a driver's licence.

    A licence is of this jurisdiction unless it is written as ST:NUMBER.
    """
    if not text:
        return ()
    if _PERSON_ID.fullmatch(text.lower()):
        return (PatientIdentifier("person", text.lower()),)
    licence = _LICENCE.fullmatch(text)
    if licence is None:
        raise _Mistyped("identifier", "An identifier is a driver's license or a social security number.")
    number = licence[2].upper()
    found = [PatientIdentifier("license", number, issuer=(licence[1] or jurisdiction).upper())]
    digits = text.replace("-", "")
    if _SSN.fullmatch(digits):
        found.insert(0, PatientIdentifier("ssn", digits))
    return tuple(found)
