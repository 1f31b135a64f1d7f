"""Bodies of $pdmp-history, as an EHR makes them."""

from __future__ import annotations

from typing import Any

CREECH = "1999100856"
SSN = "http://hl7.org/fhir/sid/us-ssn"


def patient(family: str, given: str, birth_date: str, **more: Any) -> dict[str, Any]:
    name = {"family": family, "given": [given]}
    return {"resourceType": "Patient", "name": [name], "gender": "unknown", "birthDate": birth_date, **more}


def ssn(value: str) -> dict[str, Any]:
    return {"identifier": [{"system": SSN, "value": value}]}


def fenwick() -> dict[str, Any]:
    return patient("Fenwick", "Loretta", "1968-04-11", **ssn("999-70-0101"))


def bell(**more: Any) -> dict[str, Any]:
    return patient("Bell", "Marcus", "1971-08-05", **more)


def practitioner(npi: str = CREECH) -> dict[str, Any]:
    return {
        "resourceType": "Practitioner",
        "id": "pract-1",
        "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": npi}],
        "name": [{"family": "Creech"}],
    }


def role() -> dict[str, Any]:
    return {"resourceType": "PractitionerRole", "practitioner": {"reference": "Practitioner/pract-1"}}


def organization(npi: str) -> dict[str, Any]:
    return {
        "resourceType": "Organization",
        "id": "org-1",
        "active": True,
        "name": "Highview Clinic",
        "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": npi}],
    }


def parameters(resource: dict[str, Any], **inputs: Any) -> dict[str, Any]:
    """Return the body; `inputs` replace or add an input by name (`_` for `-`), None leaves it out."""
    resources: dict[str, Any] = {
        "patient": resource,
        "authorized-practitioner": practitioner(),
        "authorized-practitioner-role": role(),
        **{name.replace("_", "-"): value for name, value in inputs.items()},
    }
    parts = []
    for name, value in resources.items():
        if isinstance(value, dict) and "resourceType" in value:
            parts.append({"name": name, "resource": value})
        elif value is not None:
            parts.append({"name": name, **value})
    return {"resourceType": "Parameters", "parameter": parts}
