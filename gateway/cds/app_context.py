"""`appContext`: the request Parameters of $pdmp-history that the app will send, should the patients agree.

US PDMP guide 1.0.0, page cds-smart ("MAY pass the request Parameters as … SMART appContext"), and profile
pdmp-parameters-request. Only what finds the person and the provider goes in, and nothing of the PDMP.
"""

from __future__ import annotations

from typing import Any

import orjson

from gateway.cds.gather import People

_PATIENT = ("identifier", "name", "telecom", "gender", "birthDate", "_birthDate", "address")
_PRACTITIONER = ("active", "identifier", "name", "telecom", "address", "qualification")
_ROLE = ("identifier", "active", "code", "specialty", "telecom", "organization")
_ANIMAL = "http://hl7.org/fhir/StructureDefinition/patient-animal"


def app_context(people: People) -> str:
    """Return the Parameters as JSON text."""
    patient = _part(people.patient, _PATIENT)
    extensions = people.patient.get("extension")
    if isinstance(extensions, list):
        animal = [one for one in extensions if isinstance(one, dict) and one.get("url") == _ANIMAL]
        if animal:
            patient["extension"] = animal
    practitioner = _part(people.practitioner, _PRACTITIONER)
    role = _part(people.role or {"resourceType": "PractitionerRole"}, _ROLE)
    role["practitioner"] = {"reference": f"Practitioner/{practitioner['id']}"}
    parameters = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "patient", "resource": patient},
            {"name": "authorized-practitioner", "resource": practitioner},
            {"name": "authorized-practitioner-role", "resource": role},
        ],
    }
    return orjson.dumps(parameters).decode()


def _part(resource: dict[str, Any], members: tuple[str, ...]) -> dict[str, Any]:
    return {name: resource[name] for name in ("resourceType", "id", *members) if name in resource}
