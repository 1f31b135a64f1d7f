"""GET metadata: the CapabilityStatement, computed from the table of interactions once a process.

FHIR R4, section 3.1.0.8 (capabilities); US PDMP guide, server CapabilityStatement; SMART App Launch 2.2,
"Conformance" (`oauth-uris`, which fhirclient for Python reads and nothing else).
"""

from __future__ import annotations

from typing import Any

import orjson

from gateway.core.settings import Settings
from gateway.fhir_api import interactions
from gateway.fhir_api.interactions import Operation, Served


def statement(settings: Settings, *, software_version: str, jurisdiction_name: str) -> bytes:
    """Return the CapabilityStatement of this server as JSON."""
    return orjson.dumps(
        {
            "resourceType": "CapabilityStatement",
            "id": "pdmp-gateway",
            "url": f"{settings.fhir_base}/metadata",
            "version": software_version,
            "name": "PdmpGateway",
            "title": "PDMP Gateway",
            "status": "active",
            "date": interactions.CHANGED_ON,
            "publisher": "PDMP Gateway",
            "description": "Prescription drug monitoring program data, as the US PDMP guide has it.",
            "kind": "instance",
            "instantiates": [f"{interactions.PDMP}/CapabilityStatement/pdmp-server"],
            "software": {"name": "PDMP Gateway", "version": software_version},
            "implementation": {
                "description": f"Prescription drug monitoring program: {jurisdiction_name}",
                "url": settings.fhir_base,
            },
            "fhirVersion": "4.0.1",
            "format": [
                "application/fhir+json",
                "application/json",
                "json",
                "application/fhir+xml",
                "application/xml",
                "xml",
            ],
            "implementationGuide": [f"{interactions.PDMP}/ImplementationGuide/hl7.fhir.us.pdmp"],
            "rest": [
                {
                    "mode": "server",
                    "documentation": "With a user's token reads and searches stand on the user's consent, "
                    "else on a grant that $pdmp-history left.",
                    "security": _security(settings),
                    "resource": [_resource(served) for served in interactions.TABLE],
                    "operation": [_operation(operation) for operation in interactions.SYSTEM_OPERATIONS],
                }
            ],
        }
    )


def _security(settings: Settings) -> dict[str, Any]:
    # Some clients read their addresses here and nowhere else.
    names = ("authorize", "token", "introspect", "revoke")
    endpoints = {name: f"{settings.base_url}/auth/{name}" for name in names}
    return {
        "extension": [
            {
                "url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
                "extension": [{"url": name, "valueUri": uri} for name, uri in endpoints.items()],
            }
        ],
        "cors": True,
        "service": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
                        "code": "SMART-on-FHIR",
                        "display": "SMART-on-FHIR",
                    }
                ],
                "text": "OAuth 2.0 by SMART App Launch 2.2, Backend Services",
            }
        ],
        "description": "Access tokens by SMART App Launch for users and by SMART Backend Services; "
        f"see {settings.fhir_base}/.well-known/smart-configuration",
    }


def _resource(served: Served) -> dict[str, Any]:
    resource: dict[str, Any] = {
        "type": served.type,
        "interaction": [{"code": code} for code in served.interactions],
        "versioning": "versioned",
        "readHistory": served.keeps_versions,
        "conditionalRead": "not-supported",
        "referencePolicy": ["literal", "local"],
    }
    if served.profiles:
        resource["supportedProfile"] = list(served.profiles)
    if served.documentation:
        resource["documentation"] = served.documentation
    if served.includes:
        resource["searchInclude"] = list(served.includes)
    if served.params:
        resource["searchParam"] = [
            {
                "name": param.name,
                "definition": param.definition,
                "type": param.type,
                "documentation": param.documentation,
            }
            for param in served.params
        ]
    if served.operations:
        resource["operation"] = [_operation(operation) for operation in served.operations]
    return resource


def _operation(operation: Operation) -> dict[str, Any]:
    return {
        "name": operation.name,
        "definition": operation.definition,
        "documentation": operation.documentation,
    }
