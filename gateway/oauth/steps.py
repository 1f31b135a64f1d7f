"""A request whose user is known, and what goes with it: app, launch, patient, for whom a delegate may act.

Every page and every form of the flow begins here, so that no step is taken for another session, another user
than the launch's, or a request that has ended.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

import flask
from flask import Request

from gateway.auth import delegations, sessions
from gateway.auth.sessions import Session
from gateway.core.access import Role
from gateway.oauth import pending
from gateway.oauth.errors import AccessDenied
from gateway.oauth.pending import PageProblem
from gateway.oauth.server import AuthorizationServer
from gateway.store import launches
from gateway.store.clients import Client
from gateway.store.consents import Pending
from gateway.store.launches import Launch

_RECEIVING = frozenset({Role.PRACTITIONER, Role.PHARMACIST, Role.DELEGATE})
#: What a user's scopes can reach without a patient: who is who.
_WITHOUT_PATIENT = frozenset({"Practitioner", "Organization"})


class Elsewhere(Exception):
    """The request goes on, or ends, by `response` instead of the page that was asked for."""

    def __init__(self, response: flask.Response) -> None:
        super().__init__()
        self.response = response


@dataclass(frozen=True, slots=True)
class Step:
    """A request and its user. `handle` names it in URL and form."""

    handle: str
    pending: Pending
    session: Session
    client: Client
    launch: Launch | None

    @property
    def person_id(self) -> UUID | None:
        """Return the patient, launched or chosen."""
        return self.launch.person_id if self.launch else self.pending.person_id

    @property
    def needs_patient(self) -> bool:
        """Return whether the app asks for what only a patient's context opens, and there is none yet."""
        return self.person_id is None and any(
            scope.text == "launch/patient"
            or (bool(scope.letters) and scope.resource_type not in _WITHOUT_PATIENT)
            for scope in pending.scopes(self.pending)
        )


def current_session(request: Request, server: AuthorizationServer) -> Session | None:
    """Return who is signed in with this browser, or None. Raises Unavailable."""
    services = server.services
    return sessions.current(services.database, services.clock, services.settings, request.cookies)


def fresh_enough(found: Pending, session: Session, now: dt.datetime) -> bool:
    """Return whether the user signed in lately enough for the request's prompt and max_age."""
    if session.auth_time >= found.created_at:
        return True
    if {"login", "select_account"} & set(found.parameters["prompt"]):
        return False
    max_age = found.parameters["max_age"]
    return max_age is None or (now - session.auth_time).total_seconds() <= max_age


def take(server: AuthorizationServer, found: Pending, handle: str, session: Session) -> Step:
    """Return the request as this user's. Raises Elsewhere with a no for the app, PageProblem, Unavailable."""
    client = server.find_client(found.client_id)
    if client is None:
        raise pending.ended()
    launch = None
    if found.launch_hash is not None:
        with server.services.database.connection() as connection:
            launch = launches.find(
                connection, found.launch_hash, found.client_id, server.services.clock.now()
            )
        if launch is None:
            raise _denied(
                server, found, "The launch has ended, or was used. Open the app from the EHR again."
            )
        if launch.account_id != session.account_id:
            raise PageProblem(
                "Opened for another user",
                "Your health record opened this app for another user than the one who is signed in here. "
                "Sign out here, then open the app from the patient's chart again.",
                status=403,
                detail="launch of another user",
            )
    if session.role not in _RECEIVING:
        raise _denied(server, found, "Accounts of the user's role receive no histories.")
    if session.role is Role.DELEGATE and not supervisors(server, session):
        raise _denied(server, found, "The user is a delegate, and acts for no active supervisor.")
    pending.bind(server, found, session)
    return Step(handle, found, session, client, launch)


def of_form(request: Request, fields: Mapping[str, str], server: AuthorizationServer) -> Step:
    """Return the request that a form answers, if the form is one that we gave to this very session.

    Raises PageProblem for a forged form, Elsewhere when the user must sign in again.
    """
    handle = fields.get("request", "")
    found = pending.find(server, handle)
    session = current_session(request, server)
    if session is None or found.session_hash != session.session_hash:
        raise Elsewhere(pending.next_step(server, handle))
    services = server.services
    genuine = sessions.same_origin(request, services.settings) and sessions.check_csrf(
        services.vault, handle, session, fields.get("csrf", "")
    )
    if not genuine:
        raise PageProblem(
            "This form was not ours",
            "It did not come from a page that we showed you just now. Go back to the app and start again.",
            status=403,
            detail="csrf or origin",
        )
    return take(server, found, handle, session)


def supervisors(server: AuthorizationServer, session: Session) -> list[tuple[UUID, str]]:
    """Return for whom the user may act, with names; empty for everybody but delegates."""
    if session.role is not Role.DELEGATE:
        return []
    return delegations.active_supervisors(server.services.database, session.account_id)


def client_name(client: Client) -> str:
    """Return what users know the app by."""
    return str(client.metadata.get("client_name") or client.client_id)


def origins(client: Client, redirect_uri: str) -> tuple[str, ...]:
    """Return where the browser may be sent after the form: Chromium holds a page's `form-action` against
    every redirect that follows, the app's own ones too."""
    metadata = client.metadata
    urls = [redirect_uri, *metadata.get("redirect_uris", ()), *metadata.get("launch_uris", ())]
    urls += metadata.get("allowed_origins", ())
    found = (urlsplit(url) for url in urls)
    return tuple(dict.fromkeys(f"{parts.scheme}://{parts.netloc}" for parts in found if parts.netloc))


def _denied(server: AuthorizationServer, found: Pending, why: str) -> Elsewhere:
    return Elsewhere(pending.refuse(server, found, AccessDenied(why)))
