"""The consent page and its answer: what the user grants, for whom, and the code that the app gets.

The answer chooses among what the stored request allows; nothing else of the form counts. One transaction
closes the request, uses the launch, and writes consent and code: of two answers one wins.
"""

from __future__ import annotations

import datetime as dt
import logging
from urllib.parse import urlsplit
from uuid import UUID

import flask
from flask import Request
from psycopg import Connection

from gateway.auth import sessions
from gateway.auth.scopes import ScopeSet
from gateway.core.access import Role
from gateway.core.ids import opaque_token, uuid7
from gateway.disclose import choose
from gateway.oauth import authorization_code, choices, context, pages, pending, steps
from gateway.oauth.errors import AccessDenied, InvalidRequest
from gateway.oauth.form import read_choices
from gateway.oauth.pages import ConsentPage
from gateway.oauth.pending import Reply
from gateway.oauth.server import AuthorizationServer
from gateway.oauth.steps import Step
from gateway.store import consents, launches
from gateway.store.consents import NewCode, NewConsent
from gateway.store.database import Row

#: How long an offline consent lasts, whatever is refreshed meanwhile.
OFFLINE = dt.timedelta(days=180)
#: Without a refresh token: the code's life and the access token's.
_ONE_TOKEN = dt.timedelta(seconds=authorization_code.SECONDS + 900)

_log = logging.getLogger("gateway.oauth")


def page(server: AuthorizationServer, step: Step, request_id: str) -> flask.Response:
    """Return the consent page of a request whose user and patient are known. Raises Unavailable."""
    scopes = pending.scopes(step.pending)
    redirect_uri = step.pending.parameters["redirect_uri"]
    return pages.consent_page(
        ConsentPage(
            request=step.handle,
            csrf=sessions.csrf_token(server.services.vault, step.handle, step.session),
            client_name=steps.client_name(step.client),
            client_uri=step.client.metadata.get("client_uri"),
            user_name=step.session.display_name,
            supervisors=[
                (str(account_id), name) for account_id, name in steps.supervisors(server, step.session)
            ],
            patient=_patient(server, step, request_id),
            scopes=choices.lines(scopes),
            offline="offline_access" in scopes.texts,
            redirect_host=urlsplit(redirect_uri).hostname or "",
            form_action_origins=steps.origins(step.client, redirect_uri),
        )
    )


def _patient(server: AuthorizationServer, step: Step, request_id: str) -> list[str] | None:
    """Return who the patient is, through the door, which records that it was shown to this user."""
    if step.person_id is None:
        return None
    services = server.services
    shown = choose.patient_lines(
        services.database,
        services.clock,
        services.mappings,
        client_id=step.client.client_id,
        account_id=step.session.account_id,
        supervisor_id=None,
        person_id=step.person_id,
        request_id=request_id,
    )
    return list(shown) or None


def answer(request: Request, server: AuthorizationServer) -> flask.Response:
    """Return the redirect to the app with a code, or with the user's no.

    Raises PageProblem, Elsewhere, InvalidRequest, Unavailable.
    """
    fields, ticked = read_choices(request, "scope")
    step = steps.of_form(request, fields, server)
    decision = fields.get("decision")
    if decision not in ("allow", "deny"):
        raise InvalidRequest("decision must be allow or deny.")
    if step.needs_patient:
        return pending.next_step(server, step.handle)
    if decision == "deny":
        return pending.refuse(server, step.pending, AccessDenied("The user said no."))
    granted = choices.chosen(pending.scopes(step.pending), ticked)
    if not granted:
        return pending.refuse(server, step.pending, AccessDenied("The user granted nothing."))
    supervisor_id = _supervisor(server, step, fields.get("supervisor"))
    return _allow(server, step, granted, supervisor_id)


def again(server: AuthorizationServer, step: Step) -> flask.Response | None:
    """Return the redirect with a code for what this user granted before and still grants; else None.

    For prompt=none: same app, same patient, every scope, and an offline consent is never made unseen.
    """
    scopes = pending.scopes(step.pending)
    if "offline_access" in scopes.texts:
        return None
    with server.services.database.connection() as connection:
        found = consents.covered(
            connection,
            client_id=step.client.client_id,
            account_id=step.session.account_id,
            person_id=step.person_id,
            scopes=scopes.texts,
            now=server.services.clock.now(),
        )
    if found is None:
        return None
    (supervisor_id,) = found
    acting = [account_id for account_id, _ in steps.supervisors(server, step.session)]
    if step.session.role is Role.DELEGATE and supervisor_id not in acting:
        return None
    return _allow(server, step, scopes, supervisor_id)


def _allow(
    server: AuthorizationServer, step: Step, granted: ScopeSet, supervisor_id: UUID | None
) -> flask.Response:
    reply = Reply.of(step.pending)
    code = opaque_token()
    now = server.services.clock.now()
    with server.services.database.transaction() as connection:
        if not consents.answer_pending(
            connection, step.pending.pending_hash, session_hash=step.session.session_hash, now=now
        ):
            raise pending.ended()
        if step.pending.launch_hash is not None:
            taken = launches.take(
                connection,
                step.pending.launch_hash,
                step.client.client_id,
                now,
                account_id=step.session.account_id,
            )
            if taken is None:
                # Used or ended since it was found: the request stays answered, the app is told.
                refused = AccessDenied("The launch has ended, or was used. Open the app from the EHR again.")
                return pending.redirect_error(server, reply, refused, client_id=step.client.client_id)
        consent = _consent(server, connection, step, granted, supervisor_id, now)
        consents.add_consent(
            connection,
            consent,
            NewCode(
                code_hash=consents.secret_hash(code),
                redirect_uri=reply.redirect_uri,
                code_challenge=step.pending.parameters["code_challenge"],
                nonce=step.pending.parameters["nonce"],
                expires_at=now + dt.timedelta(seconds=authorization_code.SECONDS),
            ),
        )
    _log.info("consent_given", extra={"client": step.client.client_id, "consent": str(consent.consent_id)})
    return pending.redirect(reply.url(server.issuer, code=code))


def _consent(
    server: AuthorizationServer,
    connection: Connection[Row],
    step: Step,
    granted: ScopeSet,
    supervisor_id: UUID | None,
    now: dt.datetime,
) -> NewConsent:
    launch = step.launch
    jurisdiction = launch.jurisdiction if launch else server.services.settings.jurisdiction
    offline = "offline_access" in granted.texts
    online = "online_access" in granted.texts and not offline
    ends = now + (OFFLINE if offline else _ONE_TOKEN)
    if online:
        ends = consents.session_end(connection, step.session.session_hash) or ends
    return NewConsent(
        consent_id=uuid7(),
        client_id=step.client.client_id,
        account_id=step.session.account_id,
        supervisor_id=supervisor_id,
        jurisdiction=step.pending.jurisdiction or jurisdiction,
        person_id=step.person_id,
        encounter_id=launch.encounter_id if launch else None,
        launch_id=launch.launch_id if launch else None,
        scope=str(granted),
        context=context.kept(
            jurisdiction=jurisdiction,
            launch=launch.context if launch else {},
            supervisor_npi=consents.npi_of_account(connection, supervisor_id) if supervisor_id else None,
            identifier_base=server.services.identifier_base,
        ),
        session_hash=step.session.session_hash,
        session_bound=online,
        auth_time=step.session.auth_time,
        created_at=now,
        expires_at=ends,
    )


def _supervisor(server: AuthorizationServer, step: Step, chosen: str | None) -> UUID | None:
    """Return for whom a delegate acts: one of the active supervisors. Raises InvalidRequest."""
    if step.session.role is not Role.DELEGATE:
        return None
    for account_id, _ in steps.supervisors(server, step.session):
        if str(account_id) == chosen:
            return account_id
    raise InvalidRequest("Choose for whom you act.")
