"""What we publish about ourselves: the SMART and OpenID configurations, and our public keys.

SMART 2.2, "Conformance", and OpenID Connect Discovery section 3: JSON whatever `Accept` says, every address
absolute and from the settings, nothing listed that does not work. The OpenID configuration is served at the
issuer and below the FHIR base, where some clients look for it.
"""

from __future__ import annotations

from typing import Any

import flask
import orjson

from gateway.auth.jwks import ALGORITHMS
from gateway.auth.keys import ID_TOKEN_ALGORITHM, PUBLISHED_SECONDS
from gateway.auth.scopes import CONTEXTS, SEARCHED, TYPES
from gateway.oauth.client_authentication import METHODS
from gateway.oauth.server import AuthorizationServer
from gateway.oauth.token import GRANTS

_CAPABILITIES = (
    "launch-ehr",
    "launch-standalone",
    "authorize-post",
    "client-public",
    "client-confidential-symmetric",
    "client-confidential-asymmetric",
    "sso-openid-connect",
    "context-banner",
    "context-style",
    "context-ehr-patient",
    "context-ehr-encounter",
    "context-standalone-patient",
    "permission-offline",
    "permission-online",
    "permission-patient",
    "permission-user",
    "permission-v1",
    "permission-v2",
)
_WORDS = ("openid", "fhirUser", "launch", "launch/patient", "offline_access", "online_access")
#: Type -> what is served of it; `s` where it can be searched.
_READ = {name: "rs" if name in SEARCHED else "r" for name in sorted(TYPES - {"Encounter"})}
_SCOPES = (
    *_WORDS,
    *(f"{context}/*.{letters}" for context in ("patient", "user") for letters in ("rs", "read")),
    *(f"{context}/{name}.{letters}" for context in CONTEXTS for name, letters in _READ.items()),
    *(f"{context}/MedicationDispense.read" for context in CONTEXTS),
)


def smart_configuration(server: AuthorizationServer) -> flask.Response:
    """Return the document of {fhir}/.well-known/smart-configuration."""
    return _json(configuration(server))


def configuration(server: AuthorizationServer) -> dict[str, Any]:
    """Return the SMART configuration's members."""
    return {
        "issuer": server.issuer,
        "jwks_uri": server.jwks_uri,
        "authorization_endpoint": server.authorization_endpoint,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "authorization_response_iss_parameter_supported": True,
        "token_endpoint": server.token_endpoint,
        "revocation_endpoint": server.revocation_endpoint,
        "introspection_endpoint": server.introspection_endpoint,
        "introspection_endpoint_auth_methods_supported": list(METHODS),
        "introspection_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "grant_types_supported": list(GRANTS),
        "token_endpoint_auth_methods_supported": list(METHODS),
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "revocation_endpoint_auth_methods_supported": list(METHODS),
        "revocation_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "scopes_supported": list(_SCOPES),
        "code_challenge_methods_supported": ["S256"],
        "capabilities": list(_CAPABILITIES),
    }


def openid_configuration(server: AuthorizationServer) -> flask.Response:
    """Return the document of {issuer}/.well-known/openid-configuration."""
    members = {
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ID_TOKEN_ALGORITHM],
        "claims_supported": [
            *("iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "amr", "fhirUser"),
        ],
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
    }
    return _json({**configuration(server), **members})


def jwks(server: AuthorizationServer) -> flask.Response:
    """Return our public keys. Raises Unavailable."""
    return _json(server.services.keys.jwks(), seconds=PUBLISHED_SECONDS)


def _json(value: dict[str, Any], *, seconds: int = 300) -> flask.Response:
    headers = {"Cache-Control": f"public, max-age={seconds}"}
    return flask.Response(orjson.dumps(value), content_type="application/json", headers=headers)
