"""What the double says about itself: SMART configuration, OpenID configuration, JWKS, CapabilityStatement.

SMART App Launch 2.2 §conformance; OpenID Connect Discovery 1.0 §3; RFC 9207 §3. Public, for any origin.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

from conformance.ehr import scopes
from conformance.ehr.context import current
from conformance.ehr.faults import Fault

blueprint = Blueprint("discovery", __name__)

CAPABILITIES = (
    "launch-ehr",
    "authorize-post",
    "client-confidential-asymmetric",
    "client-confidential-symmetric",
    "sso-openid-connect",
    "context-banner",
    "context-ehr-patient",
    "context-ehr-encounter",
    "permission-patient",
    "permission-user",
    "permission-v1",
    "permission-v2",
)


@blueprint.get("/fhir/.well-known/smart-configuration")
def smart_configuration() -> Response:
    """Answer the SMART configuration of the FHIR base, always `application/json`."""
    ehr = current()
    base = ehr.settings.base_url
    body: dict[str, Any] = {
        "issuer": ehr.settings.issuer,
        "jwks_uri": f"{base}/.well-known/jwks.json",
        "authorization_endpoint": f"{base}/auth/authorize",
        "token_endpoint": ehr.settings.token_endpoint,
        "token_endpoint_auth_methods_supported": [
            "private_key_jwt",
            "client_secret_basic",
            "client_secret_post",
        ],
        "token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
        "grant_types_supported": ["authorization_code"],
        "response_types_supported": ["code"],
        "scopes_supported": scopes.supported(),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "capabilities": list(CAPABILITIES),
    }
    if Fault.DISCOVERY_WITHOUT_S256 in ehr.book.content().faults:
        body["code_challenge_methods_supported"] = ["plain"]
    return _public(jsonify(body))


@blueprint.get("/.well-known/openid-configuration")
def openid_configuration() -> Response:
    """Answer the OpenID provider's configuration."""
    ehr = current()
    base = ehr.settings.base_url
    return _public(
        jsonify(
            {
                "issuer": ehr.settings.issuer,
                "authorization_endpoint": f"{base}/auth/authorize",
                "token_endpoint": ehr.settings.token_endpoint,
                "jwks_uri": f"{base}/.well-known/jwks.json",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "authorization_response_iss_parameter_supported": True,
            }
        )
    )


@blueprint.get("/.well-known/jwks.json")
def jwks() -> Response:
    """Answer the public keys: id_tokens are signed with the RSA one, hook tokens with the EC one."""
    ehr = current()
    answer = _public(jsonify({"keys": [*ehr.key.jwks()["keys"], *ehr.hook_key.jwks()["keys"]]}))
    # They die with the process, and a client may keep the set as long as this says (RFC 9111).
    answer.headers["Cache-Control"] = "max-age=60"
    return answer


@blueprint.get("/fhir/metadata")
def metadata() -> Response:
    """Answer the CapabilityStatement, with the `oauth-uris` that older clients read instead of discovery."""
    ehr = current()
    base = ehr.settings.base_url
    searches = {"PractitionerRole": ["_id", "practitioner"]}
    body = {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-01",
        "kind": "instance",
        "implementation": {"description": "EHR double", "url": ehr.settings.fhir_base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "security": {
                    "service": [
                        {
                            "coding": [
                                {
                                    "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
                                    "code": "SMART-on-FHIR",
                                }
                            ]
                        }
                    ],
                    "extension": [
                        {
                            "url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
                            "extension": [
                                {"url": "authorize", "valueUri": f"{base}/auth/authorize"},
                                {"url": "token", "valueUri": ehr.settings.token_endpoint},
                            ],
                        }
                    ],
                },
                "resource": [
                    {
                        "type": kind,
                        "interaction": [{"code": "read"}, {"code": "search-type"}],
                        "searchParam": [
                            {"name": name, "type": "token" if name == "_id" else "reference"}
                            for name in searches.get(kind, ["_id"])
                        ],
                    }
                    for kind in scopes.SERVED
                ],
            }
        ],
    }
    answer = _public(jsonify(body))
    answer.mimetype = "application/fhir+json"
    return answer


def _public(answer: Response) -> Response:
    answer.headers["Access-Control-Allow-Origin"] = "*"
    return answer
