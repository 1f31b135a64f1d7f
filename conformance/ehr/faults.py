"""The ways in which the double can be told to misbehave; `"faults"` in its file names them.

Each says what the double then does. In every case of `Fault` a good client refuses to show anything. In
every case of `HookFault` a good CDS service still answers, and a good app still shows the launch's patient.
"""

from __future__ import annotations

from enum import StrEnum


class Fault(StrEnum):
    """One misbehaviour. The value is its name in the file."""

    #: The authorization answer carries another `state` than was sent (RFC 6749 §10.12).
    WRONG_STATE = "wrong-state"
    #: The authorization answer carries no `state`.
    MISSING_STATE = "missing-state"
    #: The authorization answer's `iss` is another server's (RFC 9207 §2.4: mix-up).
    WRONG_ISS = "wrong-iss"
    #: The authorization answer has no `iss` although discovery promises one (RFC 9207 §2.4).
    MISSING_ISS = "missing-iss"
    #: Authorization ends in `access_denied`.
    ACCESS_DENIED = "access-denied"
    #: The launch handle is past its time when the chart hands it out.
    EXPIRED_LAUNCH = "expired-launch"
    #: Discovery offers PKCE `plain` and no S256 (SMART 2.2: S256 is a must, plain must not be there).
    DISCOVERY_WITHOUT_S256 = "discovery-without-s256"
    #: The token endpoint answers `invalid_grant` whatever is sent.
    TOKEN_REFUSED = "token-refused"
    #: The token answer names no patient.
    TOKEN_WITHOUT_PATIENT = "token-without-patient"
    #: The token answer has no id_token although `openid` was granted.
    TOKEN_WITHOUT_ID_TOKEN = "token-without-id-token"
    #: The id_token is for another client.
    ID_TOKEN_AUDIENCE = "id-token-audience"
    #: The id_token is another issuer's.
    ID_TOKEN_ISSUER = "id-token-issuer"
    #: The id_token's `nonce` is not the one that was sent.
    ID_TOKEN_NONCE = "id-token-nonce"
    #: The id_token expired an hour ago.
    ID_TOKEN_EXPIRED = "id-token-expired"
    #: The id_token is signed with a key that is not in the JWKS, under the published `kid`.
    ID_TOKEN_SIGNATURE = "id-token-signature"
    #: The id_token has `alg` none and no signature.
    ID_TOKEN_UNSIGNED = "id-token-unsigned"
    #: The id_token has no `fhirUser`.
    FHIR_USER_MISSING = "fhir-user-missing"
    #: `fhirUser` lies on another server; the access token must not travel there.
    FHIR_USER_ELSEWHERE = "fhir-user-elsewhere"
    #: The Patient read answers another patient's resource than the one asked for.
    OTHER_PATIENT = "other-patient"
    #: The Patient read answers 500.
    PATIENT_UNAVAILABLE = "patient-unavailable"


class HookFault(StrEnum):
    """One thing that an order screen may do badly, by its name in the file. CDS Hooks 2.0 §prefetch."""

    #: No `prefetch` at all.
    PREFETCH_MISSING = "prefetch-missing"
    #: Every prefetch key is null: the EHR says that it has none of it.
    PREFETCH_NULL = "prefetch-null"
    #: Only the last of the prefetch keys is sent.
    PREFETCH_PARTIAL = "prefetch-partial"
    #: Every prefetch key holds an OperationOutcome, as a failed search leaves it.
    PREFETCH_OUTCOME = "prefetch-outcome"
    #: Neither `fhirServer` nor `fhirAuthorization`: what is not prefetched can't be had.
    NO_FHIR_ACCESS = "no-fhir-access"
    #: The token answer's `appContext` names another patient than the launch.
    APP_CONTEXT_OTHER_PATIENT = "app-context-other-patient"
    #: The token answer's `appContext` is cut off in the middle.
    APP_CONTEXT_BROKEN = "app-context-broken"
