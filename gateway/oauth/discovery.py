"""What we publish about ourselves: the SMART configuration and our public keys.

SMART 2.2, "Conformance": JSON whatever `Accept` says, every address absolute and from the settings, nothing
listed that does not work. `issuer` is left out until there is OpenID Connect, as the guide asks;
`code_challenge_methods_supported` is required of every server, and is what the code flow will demand.
"""

from __future__ import annotations

from typing import Any

import flask
import orjson

from gateway.auth.jwks import ALGORITHMS
from gateway.auth.keys import PUBLISHED_SECONDS
from gateway.oauth.client_authentication import METHODS
from gateway.oauth.server import AuthorizationServer
from gateway.oauth.token import GRANTS

_CAPABILITIES = ("client-confidential-asymmetric", "permission-v1", "permission-v2")
_SCOPES = (
    "system/MedicationDispense.rs",
    "system/MedicationDispense.read",
    "system/MedicationRequest.r",
    "system/Patient.r",
    "system/Organization.r",
    "system/Practitioner.r",
)


def smart_configuration(server: AuthorizationServer) -> flask.Response:
    """Return the document of {fhir}/.well-known/smart-configuration."""
    return _json(configuration(server))


def configuration(server: AuthorizationServer) -> dict[str, Any]:
    """Return the SMART configuration's members."""
    return {
        "jwks_uri": server.jwks_uri,
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


def jwks(server: AuthorizationServer) -> flask.Response:
    """Return our public keys. Raises Unavailable."""
    return _json(server.services.keys.jwks(), seconds=PUBLISHED_SECONDS)


def _json(value: dict[str, Any], *, seconds: int = 300) -> flask.Response:
    headers = {"Cache-Control": f"public, max-age={seconds}"}
    return flask.Response(orjson.dumps(value), content_type="application/json", headers=headers)
