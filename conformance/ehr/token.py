"""The token endpoint: an authorization code becomes an access token with its launch context.

RFC 6749 §4.1.3–4 and §5, RFC 7636 §4.6, SMART 2.2 §obtain-access-token, OpenID Connect Core §2.
No refresh tokens and no client_credentials: an embedded app needs neither.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from typing import Any

from flask import Blueprint, Response, jsonify, request

from conformance.ehr.chart import encounter_id
from conformance.ehr.clients import InvalidClient, authenticate
from conformance.ehr.context import Ehr, current
from conformance.ehr.faults import Fault, HookFault
from conformance.ehr.keys import SigningKey, unsigned
from conformance.ehr.state import TOKEN_LIFE, Code, SpentCode, Token

blueprint = Blueprint("token", __name__)

# RFC 7636 §4.1.
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")

_ID_TOKEN_LIFE = 300


@blueprint.post("/auth/token")
def token() -> Response:
    """Answer a token response, or an RFC 6749 §5.2 error; never cached."""
    ehr = current()
    if request.args or request.mimetype != "application/x-www-form-urlencoded":
        return _error("invalid_request", "Send a form in the body, nothing in the query.")
    if any(len(request.form.getlist(name)) > 1 for name in request.form):
        return _error("invalid_request", "A parameter is sent twice.")
    if Fault.TOKEN_REFUSED in ehr.book.content().faults:
        return _error("invalid_grant", "The double is told to refuse.")
    # Before the client is looked at: a wrong grant type is always exactly 400.
    if request.form.get("grant_type") != "authorization_code":
        return _error("unsupported_grant_type", "grant_type must be authorization_code.")
    try:
        client = authenticate(ehr, request)
    except InvalidClient as refused:
        answer = _error("invalid_client", refused.description)
        if refused.basic:
            answer.status_code = 401
            answer.headers["WWW-Authenticate"] = 'Basic realm="EHR double"'
        return answer
    name = request.form.get("code", "")
    code = ehr.state.codes.get(name)
    if code is not None and code.client_id != client.client_id:
        # Another client's attempt neither learns that the code lives nor uses it up.
        return _error("invalid_grant", "The code is unknown, used or too old.")
    code = ehr.state.codes.take(name)
    if code is None:
        if ehr.state.spent_codes.get(name):
            ehr.state.tokens.drop_where(lambda issued: issued.code == name)
        return _error("invalid_grant", "The code is unknown, used or too old.")
    ehr.state.spent_codes.put_new(name, SpentCode(ehr.state.now() + TOKEN_LIFE))
    if code.redirect_uri != request.form.get("redirect_uri"):
        return _error("invalid_grant", "redirect_uri is not the one of the authorization request.")
    if not _proves(request.form.get("code_verifier", ""), code.challenge):
        return _error("invalid_grant", "code_verifier does not fit code_challenge.")
    return _uncached(jsonify(_answer(ehr, code, name)))


def _answer(ehr: Ehr, code: Code, name: str) -> dict[str, Any]:
    faults = ehr.book.content().faults
    issued = Token(
        client_id=code.client_id,
        scope=code.scope,
        practitioner=code.practitioner,
        patient=code.patient,
        code=name,
        expires=ehr.state.now() + TOKEN_LIFE,
    )
    body: dict[str, Any] = {
        "access_token": ehr.state.tokens.put(issued),
        "token_type": "Bearer",
        "expires_in": TOKEN_LIFE,
        "scope": code.scope,
        "encounter": encounter_id(code.patient),
        # The chart page shows the patient's banner above the frame.
        "need_patient_banner": False,
    }
    if Fault.TOKEN_WITHOUT_PATIENT not in faults:
        body["patient"] = code.patient
    if code.app_context is not None:
        # CDS Hooks 2.0 §link: the app gets the card's context with its token, by no other way.
        body["appContext"] = _app_context(ehr, code.app_context)
    if "openid" in code.scope.split() and Fault.TOKEN_WITHOUT_ID_TOKEN not in faults:
        body["id_token"] = _id_token(ehr, code)
    return body


def _app_context(ehr: Ehr, text: str) -> str:
    faults = ehr.book.content().hook_faults
    if HookFault.APP_CONTEXT_BROKEN in faults:
        return text[: len(text) // 2]
    if HookFault.APP_CONTEXT_OTHER_PATIENT in faults:
        context = json.loads(text)
        for part in context["parameter"]:
            if part["name"] == "patient":
                part["resource"]["id"] = "another-patient"
        return json.dumps(context)
    return text


def _id_token(ehr: Ehr, code: Code) -> str:
    faults = ehr.book.content().faults
    now = int(ehr.state.now())
    claims: dict[str, Any] = {
        "iss": ehr.settings.issuer,
        # Opaque and stable for the user, who is the practitioner's record here.
        "sub": hashlib.sha256(f"{ehr.settings.issuer} {code.practitioner}".encode()).hexdigest()[:32],
        "aud": code.client_id,
        "iat": now,
        "exp": now + _ID_TOKEN_LIFE,
    }
    if "fhirUser" in code.scope.split() and Fault.FHIR_USER_MISSING not in faults:
        base = ehr.settings.fhir_base
        if Fault.FHIR_USER_ELSEWHERE in faults:
            base = "https://another-ehr.example/fhir"
        claims["fhirUser"] = f"{base}/Practitioner/{code.practitioner}"
    if code.nonce is not None:
        claims["nonce"] = code.nonce
    if Fault.ID_TOKEN_AUDIENCE in faults:
        claims["aud"] = "another-client"
    if Fault.ID_TOKEN_ISSUER in faults:
        claims["iss"] = "https://another-ehr.example"
    if Fault.ID_TOKEN_NONCE in faults:
        claims["nonce"] = "another-nonce"
    if Fault.ID_TOKEN_EXPIRED in faults:
        claims |= {"iat": now - 3900, "exp": now - 3600}
    if Fault.ID_TOKEN_UNSIGNED in faults:
        return unsigned(claims)
    if Fault.ID_TOKEN_SIGNATURE in faults:
        return SigningKey().sign(claims, kid=ehr.key.kid)
    return ehr.key.sign(claims)


def _proves(verifier: str, challenge: str) -> bool:
    if not _VERIFIER.fullmatch(verifier):
        return False
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
    return hmac.compare_digest(digest, challenge.encode())


def _error(error: str, description: str) -> Response:
    answer = jsonify({"error": error, "error_description": description})
    answer.status_code = 400
    return _uncached(answer)


def _uncached(answer: Response) -> Response:
    # SMART 2.2: both headers, on errors too.
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Pragma"] = "no-cache"
    return answer
