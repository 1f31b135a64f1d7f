"""The OpenAPI 3.1 document of the OAuth endpoints and of the operations.

Reads and searches are told by the CapabilityStatement, which is computed from the same table as their routes.
Form parameters are those of RFC 6749, 7009, 7523, 7636 and 7662 and of SMART App Launch 2.2.
"""

from __future__ import annotations

from gateway.docs.schemas import Json, ref, schemas

_FORM = "application/x-www-form-urlencoded"
_FHIR = "application/fhir+json"


def document(base: str, version: str) -> Json:
    """Return the document of the gateway at `base`."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "PDMP Gateway",
            "version": version,
            "summary": "SMART App Launch 2.2 authorization, and the operations of FHIR.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": base}],
        "externalDocs": {"url": f"{base}/docs", "description": "How to register, launch and get tokens"},
        "tags": [
            {"name": "discovery"},
            {"name": "authorization"},
            {"name": "tokens"},
            {"name": "operations"},
        ],
        "paths": {**_discovery(), **_authorization(), **_tokens(), **_operations()},
        "components": {"schemas": schemas(), "securitySchemes": _schemes(base)},
    }


def _discovery() -> Json:
    def told(summary: str, operation: str, schema: Json) -> Json:
        return {
            "get": {
                "tags": ["discovery"],
                "operationId": operation,
                "summary": summary,
                "security": [],
                "responses": {"200": _json("The document", schema)},
            }
        }

    configuration, openid = ref("SmartConfiguration"), {"type": "object"}
    return {
        "/fhir/.well-known/smart-configuration": told(
            "SMART configuration", "smartConfiguration", configuration
        ),
        "/.well-known/smart-configuration": told(
            "The same at the issuer", "smartConfigurationOfIssuer", configuration
        ),
        "/.well-known/openid-configuration": told("OpenID configuration", "openidConfiguration", openid),
        "/fhir/.well-known/openid-configuration": told(
            "The same below the FHIR base", "openidConfigurationOfFhir", openid
        ),
        "/.well-known/jwks.json": told("Our public keys", "jwks", ref("Jwks")),
    }


def _authorization() -> Json:
    asked = ref("AuthorizationRequest")
    properties = schemas()["AuthorizationRequest"]
    parameters = [
        {"name": name, "in": "query", "required": name in properties["required"], "schema": schema}
        for name, schema in properties["properties"].items()
    ]
    responses = {
        "303": _nothing("To sign-in, patient and consent; or to the redirect URI with an error"),
        "400": {
            "description": "An unknown client or redirect URI, told to the user",
            "content": {"text/html": {"schema": {"type": "string"}}},
        },
    }
    common = {"tags": ["authorization"], "security": [], "responses": responses}
    opened = {
        "tags": ["authorization"],
        "operationId": "openLaunch",
        "summary": "Open an EHR launch; for a trusted EHR with the scope __launch",
        "security": [{"service": ["__launch"]}],
        "requestBody": _body("application/json", ref("LaunchRequest")),
        "responses": {
            "200": _json("The launch: send the browser to the app with iss and launch", ref("Launch")),
            "400": _json("No such app, user or patient, or more than one", ref("Error")),
            "401": _json("No good access token", ref("Error")),
            "403": _json("Not a trusted EHR", ref("Error")),
        },
    }
    return {
        "/auth/authorize": {
            "get": {
                "operationId": "authorize",
                "summary": "Start a launch",
                "parameters": parameters,
                **common,
            },
            "post": {
                "operationId": "authorizeByPost",
                "summary": "Start a launch, by a form",
                "requestBody": _body(_FORM, asked),
                **common,
            },
        },
        "/auth/launch": {"post": opened},
    }


def _tokens() -> Json:
    def post(operation: str, summary: str, schema: str, ok: Json, security: list[Json]) -> Json:
        return {
            "post": {
                "tags": ["tokens"],
                "operationId": operation,
                "summary": summary,
                "security": security,
                "requestBody": _body(_FORM, ref(schema)),
                "responses": {
                    "200": ok,
                    "400": _json("Refused, in the form of RFC 6749 section 5.2", ref("Error")),
                    "401": _json("A wrong secret", ref("Error")),
                    "429": _json("Too many requests", ref("Error")),
                    "503": _json("Not now", ref("Error")),
                },
            }
        }

    # A client with a key or without a secret authenticates in the form.
    client: list[Json] = [{}, {"secret": []}]
    return {
        "/auth/token": post(
            "token",
            "Exchange a code, a refresh token or an assertion for tokens",
            "TokenRequest",
            _json("Tokens; Cache-Control no-store", ref("TokenResponse")),
            client,
        ),
        "/auth/introspect": post(
            "introspect",
            "Ask about a token (RFC 7662)",
            "TokenQuestion",
            _json(
                "What is told of it; of other clients' tokens only that it is not active",
                ref("Introspection"),
            ),
            [*client, {"service": []}, {"user": []}],
        ),
        "/auth/revoke": post(
            "revoke",
            "End a token and all of its consent (RFC 7009)",
            "TokenQuestion",
            _nothing("It is of no use any more, or never was"),
            client,
        ),
    }


def _operations() -> Json:
    def history(operation: str) -> Json:
        return {
            "post": {
                "tags": ["operations"],
                "operationId": operation,
                "summary": "The controlled-substance history of one person",
                "externalDocs": {"url": "https://hl7.org/fhir/us/pdmp/"},
                "security": [
                    {"service": ["system/MedicationDispense.rs"]},
                    {"user": ["patient/MedicationDispense.rs"]},
                ],
                "requestBody": _body(_FHIR, ref("Parameters")),
                "responses": {
                    "200": {
                        "description": "Every result of the program, refusals included",
                        "headers": {
                            "PDMP-Grant": {
                                "description": "Opens reads and searches of this patient for 15 minutes",
                                "schema": {"type": "string", "format": "uuid"},
                            }
                        },
                        "content": {_FHIR: {"schema": ref("Parameters")}},
                    },
                    "400": _fhir("The request can't be read"),
                    "401": _fhir("No good access token"),
                    "403": _fhir("The scopes do not reach this"),
                },
            }
        }

    match = {
        "tags": ["operations"],
        "operationId": "match",
        "summary": "Who of the program's persons a Patient may be",
        "externalDocs": {"url": "https://hl7.org/fhir/R4/patient-operation-match.html"},
        "security": [{"service": ["__match", "system/Patient.rs"]}],
        "requestBody": _body(_FHIR, ref("Parameters")),
        "responses": {
            "200": {
                "description": "A searchset Bundle with scores, empty where nobody is found",
                "content": {_FHIR: {"schema": ref("Bundle")}},
            },
            "400": _fhir("The request can't be read"),
            "401": _fhir("No good access token"),
            "403": _fhir("The scopes do not reach this"),
        },
    }
    return {
        "/fhir/$pdmp-history": history("pdmpHistory"),
        "/fhir/Patient/$pdmp-history": history("pdmpHistoryOfPatient"),
        "/fhir/Patient/$match": {"post": match},
    }


def _schemes(base: str) -> Json:
    token = f"{base}/auth/token"
    user = {
        "authorizationUrl": f"{base}/auth/authorize",
        "tokenUrl": token,
        "refreshUrl": token,
        "scopes": {"patient/MedicationDispense.rs": "Dispensations of the patient of the launch"},
    }
    service = {
        "tokenUrl": token,
        "scopes": {
            "system/MedicationDispense.rs": "Histories, and reads under their grants",
            "__launch": "To open launches",
            "__match": "To ask whom a Patient may be, beside system/Patient.rs",
            "system/Patient.rs": "Patients under a grant",
        },
    }
    return {
        "secret": {"type": "http", "scheme": "basic", "description": "client_id and client_secret"},
        "user": {"type": "oauth2", "flows": {"authorizationCode": user}},
        "service": {"type": "oauth2", "flows": {"clientCredentials": service}},
    }


def _body(kind: str, schema: Json) -> Json:
    return {"required": True, "content": {kind: {"schema": schema}}}


def _json(description: str, schema: Json) -> Json:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _fhir(description: str) -> Json:
    return {"description": description, "content": {_FHIR: {"schema": ref("OperationOutcome")}}}


def _nothing(description: str) -> Json:
    return {"description": description}
