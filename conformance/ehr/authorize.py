"""The authorization endpoint, GET and POST. RFC 6749 §4.1.1–2, RFC 7636, RFC 9207, SMART 2.2 §ehr-launch.

No login and no consent is asked: the launch handle was minted for a practitioner who is signed in and
clicked, and an EHR approves its own embedded apps beforehand. The handle therefore carries the session; in
the frame the request arrives without the EHR's cookie. When the cookie does come it must be the same user's.
"""

from __future__ import annotations

import re
import secrets
from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from conformance.ehr import scopes
from conformance.ehr.book import Client
from conformance.ehr.context import Ehr, current
from conformance.ehr.faults import Fault
from conformance.ehr.sessions import signed_in
from conformance.ehr.state import CODE_LIFE, Code

blueprint = Blueprint("authorize", __name__)

# RFC 7636 §4.2: BASE64URL of a SHA-256 digest is 43 characters.
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


class _Refused(Exception):
    """An error that goes back to the client, which is known by now (RFC 6749 §4.1.2.1)."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(error)
        self.error = error
        self.description = description


@blueprint.route("/auth/authorize", methods=["GET", "POST"])
def authorize() -> BaseResponse:
    """Answer a redirect with `code`, `state`, `iss`, or with an error; a page when the client is unknown."""
    ehr = current()
    asked: MultiDict[str, str] = request.form if request.method == "POST" else request.args
    client = ehr.book.content().clients.get(_only(asked, "client_id") or "")
    redirect_uri = _only(asked, "redirect_uri")
    if client is None or redirect_uri not in client.redirect_uris:
        # RFC 6749 §4.1.2.1: never redirect to an address that is not proved to be the client's.
        return _page("The app that asks is not registered here with this redirect address.")
    answer = {"iss": ehr.settings.issuer}
    if state := _only(asked, "state"):
        answer["state"] = state
    try:
        answer["code"] = _code(ehr, client, redirect_uri, asked)
    except _Refused as refused:
        answer |= {"error": refused.error, "error_description": refused.description}
    return _back(redirect_uri, _spoiled(ehr, answer))


def _code(ehr: Ehr, client: Client, redirect_uri: str, asked: MultiDict[str, str]) -> str:
    """Return a new code. Raises _Refused; the launch handle is used up only when all else is right."""
    if Fault.ACCESS_DENIED in ehr.book.content().faults:
        raise _Refused("access_denied", "The double is told to refuse.")
    if any(len(asked.getlist(name)) > 1 for name in asked):
        raise _Refused("invalid_request", "A parameter is sent twice.")
    for name in ("request", "request_uri", "response_mode"):
        if name in asked and asked[name] != "query":
            raise _Refused("invalid_request", f"{name} is not supported.")
    if asked.get("response_type") != "code":
        raise _Refused("unsupported_response_type", "response_type must be code.")
    if not asked.get("state"):
        raise _Refused("invalid_request", "state is missing.")
    if asked.get("aud") != ehr.settings.fhir_base:
        raise _Refused("invalid_request", "aud is not this server's FHIR base.")
    challenge = asked.get("code_challenge", "")
    # SMART 2.2 §considerations-for-pkce-support: S256 always, "plain" never, for confidential clients too.
    if asked.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(challenge):
        raise _Refused("invalid_request", "PKCE with S256 is required.")
    scope = _scope(client, asked.get("scope", ""))
    launch = ehr.state.launches.get(asked.get("launch", ""))
    session = signed_in(ehr)
    if launch is None or launch.client_id != client.client_id:
        raise _Refused("invalid_request", "launch is unknown, used or too old.")
    if session is not None and session.practitioner != launch.practitioner:
        raise _Refused("access_denied", "Another user is signed in than the one who opened the app.")
    # Of two requests with the same handle only one gets here with it.
    if ehr.state.launches.take(asked["launch"]) is None:
        raise _Refused("invalid_request", "launch is unknown, used or too old.")
    return ehr.state.codes.put(
        Code(
            client_id=client.client_id,
            redirect_uri=redirect_uri,
            challenge=challenge,
            scope=scope,
            nonce=asked.get("nonce"),
            practitioner=launch.practitioner,
            patient=launch.patient,
            expires=ehr.state.now() + CODE_LIFE,
            app_context=launch.app_context,
        )
    )


def _scope(client: Client, asked: str) -> str:
    wanted = asked.split(" ")
    if "launch" not in wanted:
        raise _Refused("invalid_scope", "An EHR launch needs the scope launch.")
    if any(scope.startswith("launch/") for scope in wanted):
        # The chart has chosen the patient; asking to choose one is a standalone launch.
        raise _Refused("invalid_scope", "An EHR launch does not choose its context: leave launch/… out.")
    granted = scopes.granted(asked, client.scope)
    if "launch" not in granted.split():
        raise _Refused("invalid_scope", "The registration does not cover these scopes.")
    return granted


def _spoiled(ehr: Ehr, answer: dict[str, str]) -> dict[str, str]:
    faults = ehr.book.content().faults
    if Fault.WRONG_STATE in faults:
        answer["state"] = secrets.token_urlsafe(16)
    if Fault.MISSING_STATE in faults:
        answer.pop("state", None)
    if Fault.WRONG_ISS in faults:
        answer["iss"] = "https://another-ehr.example"
    if Fault.MISSING_ISS in faults:
        answer.pop("iss", None)
    return answer


def _back(redirect_uri: str, answer: dict[str, str]) -> BaseResponse:
    joint = "&" if "?" in redirect_uri else "?"
    response = redirect(f"{redirect_uri}{joint}{urlencode(answer)}", 302)
    response.headers["Cache-Control"] = "no-store"
    return response


def _page(message: str) -> Response:
    response = Response(render_template("error.html", title="The app can't be opened", message=message), 400)
    response.headers["Cache-Control"] = "no-store"
    return response


def _only(asked: MultiDict[str, str], name: str) -> str | None:
    """Return the parameter when it is there exactly once."""
    values = asked.getlist(name)
    return values[0] if len(values) == 1 else None
