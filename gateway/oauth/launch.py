"""POST {base}/auth/launch: an EHR opens a launch of a registered app, for one of our users and one patient.

Ours, beside SMART 2.2 ("Launch App: EHR Launch"), which leaves to EHR and server how `launch` is made. The
EHR is a client registered with `trusted_ehr`; it calls with a Backend Services token of scope `__launch` and
gets the handle that it passes to the app's launch address. A handle authenticates nobody: the user signs in,
and must be the one named here. Request (JSON):

    client_id   the app: registered with launch_uris and the scope launch
    user        {"npi"} or {"username"}: an account of ours
    patient     {"id"}: our id of a person; or a FHIR Patient, matched as $pdmp-history matches one
    encounter   optional: an Encounter, readable with the launch's tokens
    intent      optional: text for the app
    appContext  optional: text for the app, as CDS Hooks links carry it
"""

from __future__ import annotations

import datetime as dt
import logging
import re
from typing import Any
from uuid import UUID

import flask
import orjson
from flask import Request

from gateway.auth import bearer
from gateway.auth.scopes import ScopeSet
from gateway.auth.strict_json import parse_object
from gateway.core.access import Principal, Role
from gateway.core.disclosure import PatientQuery
from gateway.core.errors import BadRequest, Category, GatewayError, TooLarge, Unauthenticated
from gateway.core.ids import opaque_token, uuid7
from gateway.disclose.launching import patient_for_launch
from gateway.fhir import encounter, patient_query, wire
from gateway.oauth.errors import (
    NO_STORE,
    AccessDenied,
    InsufficientScope,
    InvalidRequest,
    InvalidToken,
    UnresolvedPatient,
)
from gateway.oauth.server import AuthorizationServer
from gateway.store import launches
from gateway.store.launches import NewLaunch, User
from gateway.web import guard

SCOPE = "__launch"
SECONDS = 300

_MAX_BYTES = 131_072
# A hospital's busiest minute; and one app launched over and over by a loop.
_LAUNCHES_A_MINUTE = 600
_LONGEST_INTENT = 200
_LONGEST_CONTEXT = 4000
_MEMBERS = frozenset({"client_id", "user", "patient", "encounter", "intent", "appContext"})
_RECEIVING = frozenset({Role.PRACTITIONER.value, Role.PHARMACIST.value, Role.DELEGATE.value})
_PERSON_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)

_log = logging.getLogger("gateway.oauth")


def answer(request: Request, server: AuthorizationServer, request_id: str) -> flask.Response:
    """Return the handle, our `iss` and its life in seconds. Raises OAuthError, TooMany, Unavailable."""
    caller = _trusted(request, server)
    server.throttle.count(f"launch:{caller.client_id}", limit=_LAUNCHES_A_MINUTE, seconds=60)
    asked = _read(request)
    client_id = _launched(asked.get("client_id"), server)
    context = _context(asked)
    received = _encounter(asked.get("encounter"))
    user = _user(asked.get("user"), server)
    person_id = _person(asked.get("patient"), server, caller, user, request_id)
    handle = opaque_token()
    now = server.services.clock.now()
    encounter_id = uuid7() if received is not None else None
    jurisdiction = server.services.mappings.jurisdiction.code
    opened = NewLaunch(
        launch_hash=launches.handle_hash(handle),
        launch_id=uuid7(),
        client_id=client_id,
        opened_by=caller.client_id,
        account_id=user.account_id,
        jurisdiction=jurisdiction,
        person_id=person_id,
        encounter_id=encounter_id,
        context=context,
        created_at=now,
        expires_at=now + dt.timedelta(seconds=SECONDS),
    )
    with server.services.database.transaction() as connection:
        launches.open_launch(connection, opened)
        if received is not None and encounter_id is not None:
            resource = encounter.ours(received, encounter_id=encounter_id, person_id=person_id)
            launches.keep_encounter(
                connection,
                jurisdiction=jurisdiction,
                person_id=person_id,
                encounter_id=encounter_id,
                sealed=launches.seal_encounter(server.services.vault, encounter_id, resource),
                now=now,
            )
    server.purge_when_due()
    _log.info("launch_opened", extra={"client": caller.client_id, "launched": client_id})
    body = {"launch": handle, "iss": server.fhir_base, "expires_in": SECONDS}
    return flask.Response(orjson.dumps(body), content_type="application/json", headers=NO_STORE)


def _trusted(request: Request, server: AuthorizationServer) -> Principal:
    """Return the EHR behind the token. Raises InvalidToken, InsufficientScope, AccessDenied."""
    services = server.services
    try:
        caller = bearer.authenticate(
            request.headers.get("Authorization"),
            database=services.database,
            keys=services.keys,
            clock=services.clock,
            issuer=server.issuer,
            audience=server.fhir_base,
            check_revoked=True,
        )
    except Unauthenticated as error:
        raise InvalidToken(
            error.public, detail=error.detail, sent="Authorization" in request.headers
        ) from None
    guard.client_is(caller.client_id)
    if caller.consent_id is not None or SCOPE not in caller.scopes:
        raise InsufficientScope(f"A Backend Services token of scope {SCOPE} is needed.", scope=SCOPE)
    client = server.find_client(caller.client_id)
    if client is None or not client.active or not client.trusted_ehr:
        raise AccessDenied("Only a client that is registered with trusted_ehr opens launches.")
    return caller


def _read(request: Request) -> dict[str, Any]:
    wire.check_json_body(request.content_type)
    body = request.get_data(cache=False)
    if len(body) > _MAX_BYTES:
        raise TooLarge(f"The body may hold {_MAX_BYTES} bytes.")
    asked = wire.read_object(body)
    try:
        parse_object(body)
    except ValueError:
        raise InvalidRequest("The body must be a JSON object without repeated names.") from None
    if asked.keys() - _MEMBERS:
        # A misspelt `encounter` would be lost without a word.
        raise InvalidRequest(f"The body may hold {', '.join(sorted(_MEMBERS))}, and nothing else.")
    return asked


def _launched(client_id: object, server: AuthorizationServer) -> str:
    """Return the id of the app. A trusted EHR may learn what of a registration is in the way."""
    if not isinstance(client_id, str) or not client_id.isprintable():
        raise InvalidRequest("client_id is missing: the app that is launched.")
    client = server.find_client(client_id)
    if client is None or not client.active:
        raise InvalidRequest("client_id names no active client.")
    if not client.metadata.get("launch_uris"):
        raise InvalidRequest("The client of client_id is registered without launch_uris.")
    if "launch" not in ScopeSet.parse(client.scope).texts:
        raise InvalidRequest("The client of client_id is registered without the scope launch.")
    return client.client_id


def _context(asked: dict[str, Any]) -> dict[str, Any]:
    limits = {"intent": _LONGEST_INTENT, "appContext": _LONGEST_CONTEXT}
    context = {name: asked[name] for name in limits if asked.get(name) is not None}
    for name, value in context.items():
        # PostgreSQL's jsonb takes no NUL.
        if not isinstance(value, str) or not 0 < len(value) <= limits[name] or "\0" in value:
            raise InvalidRequest(f"{name} must be a text of at most {limits[name]} characters.")
    if "intent" in context and not context["intent"].isprintable():
        raise InvalidRequest("intent must be printable.")
    return context


def _user(asked: object, server: AuthorizationServer) -> User:
    if not isinstance(asked, dict) or len(asked) != 1 or not asked.keys() <= {"npi", "username"}:
        raise InvalidRequest('user must be {"npi": …} or {"username": …}.')
    ((kind, name),) = asked.items()
    if not isinstance(name, str) or not name.isprintable():
        raise InvalidRequest(f"user.{kind} must be a text.")
    find = launches.user_by_npi if kind == "npi" else launches.user_by_username
    with server.services.database.connection() as connection:
        found = find(connection, name)
    if found is None:
        raise InvalidRequest(f"user: no active account has this {kind}.")
    if found.role not in _RECEIVING:
        raise InvalidRequest("user: an account of this role receives no histories.")
    return found


def _person(
    asked: object, server: AuthorizationServer, caller: Principal, user: User, request_id: str
) -> UUID:
    services = server.services
    try:
        return patient_for_launch(
            services.database,
            services.clock,
            services.vault,
            services.mappings,
            caller,
            _patient(asked, server),
            account_id=user.account_id,
            request_id=request_id,
        )
    except GatewayError as error:
        code = {Category.NOT_FOUND: "unknown_patient", Category.CONFLICT: "ambiguous_patient"}
        if error.category in code:
            raise UnresolvedPatient(error.public, detail=error.detail, code=code[error.category]) from None
        if error.category is Category.FORBIDDEN:
            raise AccessDenied(error.public, detail=error.detail) from None
        raise


def _patient(asked: object, server: AuthorizationServer) -> PatientQuery | UUID:
    if not isinstance(asked, dict):
        raise InvalidRequest('patient is missing: {"id": …} or a FHIR Patient.')
    if "resourceType" not in asked:
        person_id = asked.get("id")
        if asked.keys() != {"id"} or not isinstance(person_id, str) or not _PERSON_ID.fullmatch(person_id):
            raise InvalidRequest("patient must be a FHIR Patient, or hold `id` alone: our id of a person.")
        return UUID(person_id)
    if asked["resourceType"] != "Patient":
        raise InvalidRequest("patient must be a FHIR Patient.")
    try:
        return patient_query.read(asked, person_system=f"{server.services.identifier_base}/fhir/sid/person")
    except patient_query.Incomplete as error:
        raise InvalidRequest(str(error)) from None


def _encounter(asked: object) -> dict[str, Any] | None:
    if asked is None:
        return None
    if not isinstance(asked, dict):
        raise BadRequest("encounter must be an Encounter resource.")
    return encounter.checked(asked)
