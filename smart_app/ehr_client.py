"""The app as a SMART client of one EHR: authorize, exchange the code, check the id_token, read.

Sources: SMART App Launch 2.2 (launch, scopes, client authentication), RFC 7636 (PKCE, S256 only),
RFC 9207 (issuer in the response), OpenID Connect Core 3.1.3.7 (id_token). The access token goes to the
EHR's own FHIR base only; references elsewhere are never followed with it.
"""

from __future__ import annotations

import re
import time
from base64 import b64encode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import quote, quote_plus, urlencode, urlsplit

import jwt

from smart_app.discovery import Configuration, Discovery, DiscoveryFailed
from smart_app.errors import EhrFailed, LaunchRefused, OutboundRefused
from smart_app.keys import Keyring
from smart_app.outbound import DISCOVERY_BYTES, Answer, Outbound, OutboundFailed
from smart_app.registrations import Registration
from smart_app.session import Launch

_ID = re.compile(r"^[A-Za-z0-9.-]{1,64}$")
_USERS = ("Practitioner", "PractitionerRole")
_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class Context:
    """What the token response says: the patient in the chart, and who looks. The token is never in `repr`."""

    access_token: str = field(repr=False)
    token_ends: float
    scope: str
    patient: str
    fhir_user: str
    #: What a card brought along, as it came; unread and untrusted: see `smart_app.order`.
    app_context: object = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class User:
    """The practitioner who looks, with the role and organisation that the EHR offers."""

    practitioner: dict[str, Any]
    role: dict[str, Any] | None
    organization: dict[str, Any] | None


class EhrClient:
    """Talks to registered EHRs, each by its own registration."""

    def __init__(self, outbound: Outbound, discovery: Discovery, keys: Keyring, redirect_uri: str) -> None:
        self._outbound = outbound
        self._discovery = discovery
        self._keys = keys
        self._redirect_uri = redirect_uri

    def authorize_url(self, ehr: Registration, launch: Launch, state: str, handle: str) -> str:
        """Return where the browser goes to be authorized. `handle` is the EHR's own launch value."""
        configuration = self._configuration(ehr)
        if configuration.authorization_endpoint is None:
            raise EhrFailed("The EHR names no authorization endpoint.", detail="no authorization_endpoint")
        challenge = urlsafe_b64encode(sha256(launch.verifier.encode()).digest()).rstrip(b"=").decode()
        query = urlencode(
            {
                "response_type": "code",
                "client_id": ehr.client_id,
                "redirect_uri": self._redirect_uri,
                "scope": ehr.scope,
                "state": state,
                "aud": ehr.iss,
                "launch": handle,
                "nonce": launch.nonce,
                "code_challenge": challenge,
                "code_challenge_method": "S256",
            }
        )
        endpoint = configuration.authorization_endpoint
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{query}"

    def check_issuer(self, ehr: Registration, sent: str | None) -> None:
        """Return when the response's `iss` is this EHR's issuer (RFC 9207). Raises LaunchRefused."""
        configuration = self._configuration(ehr)
        if sent is None and not configuration.iss_in_response:
            return
        if sent is None or sent != (configuration.issuer or ehr.iss):
            raise LaunchRefused(
                "The answer did not come from the EHR that was asked. Open the PDMP again from the chart.",
                detail="iss of the authorization response is missing or another's",
            )

    def exchange(self, ehr: Registration, launch: Launch, code: str) -> Context:
        """Return the context behind `code`. Raises EhrFailed or LaunchRefused."""
        configuration = self._configuration(ehr)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": launch.verifier,
        }
        headers = {}
        match ehr.token_endpoint_auth_method:
            case "private_key_jwt":
                form["client_assertion_type"] = _JWT_BEARER
                form["client_assertion"] = self._keys.assertion(
                    ehr.client_id, configuration.token_endpoint, configuration.assertion_algorithm
                )
            case "client_secret_basic":
                # RFC 6749 2.3.1: form-encoded first; the same text for the ids that SMART servers give out.
                pair = f"{quote_plus(ehr.client_id)}:{quote_plus(ehr.client_secret or '')}"
                headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
            case _:
                form["client_id"] = ehr.client_id
                form["client_secret"] = ehr.client_secret or ""
        try:
            answer = self._outbound.post(
                configuration.token_endpoint, body=form, headers=headers, limit=DISCOVERY_BYTES
            )
            data = answer.json_object()
        except (OutboundFailed, OutboundRefused) as error:
            raise EhrFailed(
                "The EHR did not confirm the launch. Open the PDMP again from the chart.",
                detail=f"token endpoint: {error}",
            ) from None
        if answer.status != 200:
            raise LaunchRefused(
                "The EHR did not confirm the launch. Open the PDMP again from the chart.",
                detail=f"token endpoint: status {answer.status}, {_code(data.get('error'))}",
            )
        return self._context(ehr, configuration, launch, data)

    def _context(
        self, ehr: Registration, configuration: Configuration, launch: Launch, data: dict[str, Any]
    ) -> Context:
        token, kind, patient = data.get("access_token"), data.get("token_type"), data.get("patient")
        if not isinstance(token, str) or not token or str(kind).lower() != "bearer":
            raise EhrFailed("The EHR's answer holds no access token.", detail="token response")
        if not isinstance(patient, str) or not _ID.match(patient):
            raise LaunchRefused(
                "The EHR did not say which patient's chart is open.", detail="no patient in token response"
            )
        claims = self._id_token(ehr, configuration, launch, data.get("id_token"))
        user = claims.get("fhirUser")
        if not isinstance(user, str):
            raise LaunchRefused("The EHR did not say who is looking.", detail="no fhirUser")
        seconds = data.get("expires_in")
        granted = data.get("scope")
        return Context(
            access_token=token,
            token_ends=time.time() + (float(seconds) if isinstance(seconds, int) else 300.0),
            scope=granted if isinstance(granted, str) else ehr.scope,
            patient=patient,
            fhir_user=_user(ehr.iss, user),
            app_context=data.get("appContext"),
        )

    def _id_token(
        self, ehr: Registration, configuration: Configuration, launch: Launch, token: object
    ) -> dict[str, Any]:
        if not isinstance(token, str) or configuration.jwks_uri is None or configuration.issuer is None:
            raise LaunchRefused("The EHR did not say who is looking.", detail="no id_token, issuer or keys")
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            claims: dict[str, Any] = jwt.decode(
                token,
                self._discovery.key(configuration.jwks_uri, kid),
                algorithms=["RS256"],
                audience=ehr.client_id,
                issuer=configuration.issuer,
                leeway=60,
                options={"require": ["iss", "sub", "aud", "exp", "iat"]},
            )
        except (jwt.PyJWTError, DiscoveryFailed) as error:
            raise LaunchRefused(
                "The EHR's statement about who is looking does not hold.",
                detail=f"id_token: {type(error).__name__}",
            ) from None
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if several and claims.get("azp") != ehr.client_id:
            raise LaunchRefused("The EHR's statement about who is looking does not hold.", detail="azp")
        if claims.get("nonce") != launch.nonce:
            raise LaunchRefused("The EHR's statement about who is looking does not hold.", detail="nonce")
        return claims

    def patient(self, ehr: Registration, token: str, patient: str) -> dict[str, Any]:
        """Return the Patient in the chart. Raises EhrFailed."""
        resource = self._read(ehr, token, f"Patient/{patient}")
        if resource.get("id") != patient:
            raise EhrFailed("The EHR answered with another patient.", detail="Patient.id differs")
        return resource

    def user(self, ehr: Registration, token: str, fhir_user: str, scope: str) -> User:
        """Return the practitioner behind `fhir_user` and, where the scope lets us, role and organisation.

        Raises EhrFailed when the practitioner can't be read.
        """
        role: dict[str, Any] | None = None
        if fhir_user.startswith("PractitionerRole/"):
            role = self._read(ehr, token, fhir_user)
            fhir_user = self._local(ehr, role.get("practitioner"), "Practitioner") or ""
            if not fhir_user:
                raise EhrFailed("The EHR's record of the user names no practitioner.", detail="role")
        practitioner = self._read(ehr, token, fhir_user)
        if role is None and _covers(scope, "PractitionerRole"):
            role = self._role(ehr, token, fhir_user)
        organization = None
        place = self._local(ehr, (role or {}).get("organization"), "Organization")
        if place and _covers(scope, "Organization"):
            organization = self._optional(ehr, token, place)
        return User(practitioner, role, organization)

    def _role(self, ehr: Registration, token: str, practitioner: str) -> dict[str, Any] | None:
        bundle = self._optional(ehr, token, f"PractitionerRole?practitioner={quote(practitioner, safe='')}")
        entries = (bundle or {}).get("entry")
        for entry in entries if isinstance(entries, list) else []:
            resource = entry.get("resource") if isinstance(entry, dict) else None
            if (
                isinstance(resource, dict)
                and resource.get("resourceType") == "PractitionerRole"
                and self._local(ehr, resource.get("practitioner"), "Practitioner") == practitioner
            ):
                return resource
        return None

    def _optional(self, ehr: Registration, token: str, path: str) -> dict[str, Any] | None:
        try:
            return self._read(ehr, token, path)
        except EhrFailed:
            return None

    def _local(self, ehr: Registration, reference: object, kind: str) -> str | None:
        """Return the `Type/id` of a reference to this EHR's own `kind`, or None."""
        text = reference.get("reference") if isinstance(reference, dict) else None
        return _relative(ehr.iss, text, (kind,)) if isinstance(text, str) else None

    def _read(self, ehr: Registration, token: str, path: str) -> dict[str, Any]:
        kind = path.split("/")[0].split("?")[0]
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/fhir+json, application/json;q=0.9",
        }
        try:
            answer: Answer = self._outbound.get(f"{ehr.iss.rstrip('/')}/{path}", headers=headers)
            if answer.status == 401:
                raise EhrFailed(
                    "The EHR's permission for this page has ended. Open the PDMP again from the chart.",
                    detail=f"{kind}: status 401",
                )
            if answer.status != 200:
                raise EhrFailed(f"The EHR did not give its {kind} record.", detail=f"status {answer.status}")
            resource = answer.json_object()
        except (OutboundFailed, OutboundRefused) as error:
            raise EhrFailed(f"The EHR did not give its {kind} record.", detail=str(error)) from None
        expected = "Bundle" if "?" in path else kind
        if resource.get("resourceType") != expected:
            raise EhrFailed(f"The EHR did not give its {kind} record.", detail="another resource type")
        return resource

    def _configuration(self, ehr: Registration) -> Configuration:
        try:
            return self._discovery.of(ehr.iss)
        except DiscoveryFailed as error:
            raise EhrFailed(
                "The EHR's SMART configuration can't be read. Try again in a minute.", detail=str(error)
            ) from None


def _user(iss: str, text: str) -> str:
    reference = _relative(iss, text, _USERS)
    if reference is None:
        raise LaunchRefused(
            "The PDMP answers practitioners only, and the EHR names another kind of user.",
            detail="fhirUser is no Practitioner of this EHR",
        )
    return reference


def _relative(iss: str, text: str, kinds: tuple[str, ...]) -> str | None:
    own = text.removeprefix(iss.rstrip("/") + "/")
    kind, _, rest = own.partition("/")
    return f"{kind}/{rest}" if kind in kinds and _ID.match(rest) else None


def _covers(scope: str, kind: str) -> bool:
    """Return whether `scope` (v1 or v2) lets us read and search `kind`."""
    for word in scope.split():
        match = re.match(r"^(?:user|patient)/(\w+|\*)\.(read|\*|c?r?u?d?s?)$", word)
        if match and match[1] in (kind, "*") and (match[2] in ("read", "*") or "r" in match[2]):
            return True
    return False


def _code(value: object) -> str:
    return value if isinstance(value, str) and re.match(r"^[a-z_]{1,40}$", value) else "no error code"
