"""The schemas of the OpenAPI document: forms and answers by the RFCs and by SMART App Launch 2.2."""

from __future__ import annotations

from typing import Any

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

Json = dict[str, Any]


def schemas() -> Json:
    text: Json = {"type": "string"}
    texts: Json = {"type": "array", "items": text}
    uri: Json = {"type": "string", "format": "uri"}
    return {
        "SmartConfiguration": _object(
            {
                "issuer": uri,
                "jwks_uri": uri,
                "authorization_endpoint": uri,
                "token_endpoint": uri,
                "introspection_endpoint": uri,
                "revocation_endpoint": uri,
                "grant_types_supported": texts,
                "scopes_supported": texts,
                "response_types_supported": texts,
                "token_endpoint_auth_methods_supported": texts,
                "token_endpoint_auth_signing_alg_values_supported": texts,
                "code_challenge_methods_supported": texts,
                "capabilities": texts,
            },
            "token_endpoint",
            "grant_types_supported",
            "code_challenge_methods_supported",
            "capabilities",
        ),
        "Jwks": _object({"keys": {"type": "array", "items": {"type": "object"}}}, "keys"),
        "AuthorizationRequest": _object(
            {
                "response_type": {"const": "code"},
                "client_id": text,
                "redirect_uri": {**uri, "description": "A registered one, letter by letter"},
                "scope": text,
                "state": text,
                "aud": {**uri, "description": "The FHIR base; resource is taken for it"},
                "code_challenge": {"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"},
                "code_challenge_method": {"const": "S256"},
                "launch": {**text, "description": "The handle of an EHR launch"},
                "nonce": text,
                "prompt": text,
                "max_age": {"type": "integer", "minimum": 0},
            },
            *("response_type", "client_id", "redirect_uri", "scope", "state", "aud"),
            *("code_challenge", "code_challenge_method"),
        ),
        "LaunchRequest": _object(
            {
                "client_id": {**text, "description": "The app that is launched"},
                "user": {
                    "oneOf": [_object({"npi": text}, "npi"), _object({"username": text}, "username")],
                },
                "patient": {
                    "oneOf": [
                        _object({"id": text}, "id"),
                        {"type": "object", "title": "A FHIR Patient to match", "required": ["resourceType"]},
                    ]
                },
                "encounter": {"type": "object", "title": "A FHIR Encounter"},
                "intent": text,
                "appContext": text,
            },
            *("client_id", "user", "patient"),
        ),
        "Launch": _object(
            {"launch": text, "iss": uri, "expires_in": {"type": "integer"}}, "launch", "iss", "expires_in"
        ),
        "TokenRequest": _object(
            {
                "grant_type": {"enum": ["authorization_code", "refresh_token", "client_credentials"]},
                "code": text,
                "redirect_uri": uri,
                "code_verifier": {"type": "string", "pattern": "^[A-Za-z0-9._~-]{43,128}$"},
                "refresh_token": text,
                "scope": text,
                **client_fields(),
            },
            "grant_type",
        ),
        "TokenResponse": _object(
            {
                "access_token": text,
                "token_type": {"const": "Bearer"},
                "expires_in": {"type": "integer"},
                "scope": text,
                "refresh_token": text,
                "id_token": text,
                "patient": text,
                "encounter": text,
                "need_patient_banner": {"type": "boolean"},
                "smart_style_url": uri,
                "intent": text,
                "tenant": text,
                "appContext": text,
                "fhirContext": {"type": "array", "items": {"type": "object"}},
            },
            *("access_token", "token_type", "expires_in", "scope"),
        ),
        "TokenQuestion": _object({"token": text, "token_type_hint": text, **client_fields()}, "token"),
        "Introspection": _object(
            {
                "active": {"type": "boolean"},
                "scope": text,
                "client_id": text,
                "exp": {"type": "integer"},
                "iss": uri,
                "sub": text,
                "fhirUser": uri,
                "patient": text,
                "encounter": text,
            },
            "active",
        ),
        "Error": _object({"error": text, "error_description": text}, "error"),
        "Parameters": {
            "type": "object",
            "required": ["resourceType"],
            "properties": {"resourceType": {"const": "Parameters"}, "parameter": {"type": "array"}},
        },
        "Bundle": {
            "type": "object",
            "required": ["resourceType", "type"],
            "properties": {
                "resourceType": {"const": "Bundle"},
                "type": {"const": "searchset"},
                "entry": {"type": "array"},
            },
        },
        "OperationOutcome": {
            "type": "object",
            "required": ["resourceType", "issue"],
            "properties": {"resourceType": {"const": "OperationOutcome"}, "issue": {"type": "array"}},
        },
    }


def client_fields() -> Json:
    return {
        "client_id": {"type": "string", "description": "Of a public client"},
        "client_assertion_type": {"const": ASSERTION},
        "client_assertion": {
            "type": "string",
            "description": "A JWT by ES384 or RS384, at most five minutes",
        },
    }


def _object(properties: Json, *required: str) -> Json:
    return {"type": "object", "properties": properties, **({"required": list(required)} if required else {})}


def ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}
