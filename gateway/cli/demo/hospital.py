"""The EHR double's hospital: its own patients, practitioners and numbers.

Its patients are people of the store as a pharmacy described them last, under medical record numbers of
its own: the gateway must find them by name, birth date and address, as it must those of a real hospital.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from gateway.cli.demo.addresses import Addresses
from gateway.cli.demo.people import Person
from gateway.cli.demo.registrations import APP_AT_EHR, EHR_SCOPE, ORGANIZATION_NAME, ORGANIZATION_NPI
from gateway.cli.serve import DEMO_ACCOUNT

_MRN = "https://ehr.example.org/sid/mrn"
_NPI = "http://hl7.org/fhir/sid/us-npi"
_DEA = "http://terminology.hl7.org/NamingSystem/usdeanumber"
_GENDERS = {"F": "female", "M": "male"}


def hospital(
    at: Addresses,
    app_keys: Mapping[str, Any],
    accounts: Iterable[Mapping[str, Any]],
    persons: Iterable[Person],
) -> dict[str, Any]:
    """Return the content of `ehr.json`, in the shape that `conformance/ehr/book.py` tells."""
    return {
        "app_launch_url": f"{at.app}/launch",
        "clients": [
            {
                "client_id": APP_AT_EHR,
                "redirect_uris": [f"{at.app}/callback"],
                "jwks": dict(app_keys),
                "token_endpoint_auth_method": "private_key_jwt",
                "scope": EHR_SCOPE,
            }
        ],
        "organization": {
            "resourceType": "Organization",
            "id": "hospital",
            "identifier": [{"system": _NPI, "value": ORGANIZATION_NPI}],
            "active": True,
            "name": ORGANIZATION_NAME,
        },
        "practitioners": [_practitioner(one) for one in accounts if one["role"] == "practitioner"],
        "patients": [_patient(person) for person in persons],
        # Its order screen asks our CDS Hooks services.
        "cds": {"services_url": f"{at.gateway}/cds-services"},
    }


def _practitioner(account: Mapping[str, Any]) -> dict[str, Any]:
    given, family = account["name"].rsplit(" ", 1)
    identifiers = [{"system": _NPI, "value": account["npi"]}]
    if account["dea"]:
        identifiers.append({"system": _DEA, "value": account["dea"]})
    return {
        "resourceType": "Practitioner",
        "id": account["username"].removeprefix(DEMO_ACCOUNT).replace(".", "-"),
        "identifier": identifiers,
        "active": True,
        "name": [{"use": "official", "family": family, "given": [given]}],
    }


def _patient(person: Person) -> dict[str, Any]:
    number = hashlib.sha256(b"medical record number " + person.person_id.bytes).hexdigest()
    name: dict[str, Any] = {
        "use": "official",
        "family": person.family,
        "given": [part for part in (person.given, person.middle) if part],
    }
    if person.suffix:
        name["suffix"] = [person.suffix]
    patient: dict[str, Any] = {
        "resourceType": "Patient",
        "id": f"pt-{number[:12]}",
        "identifier": [
            {
                "use": "usual",
                "type": {
                    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]
                },
                "system": _MRN,
                "value": str(10_000_000 + int(number, 16) % 90_000_000),
            }
        ],
        "active": True,
        "name": [name],
        "gender": _GENDERS.get(person.gender, "unknown"),
        "birthDate": person.birth_date.isoformat(),
    }
    lines = [line for line in (person.line1, person.line2) if line]
    place = {"city": person.city, "state": person.state, "postalCode": person.postal_code}
    address = {"line": lines, **place} if lines else place
    if any(address.values()):
        patient["address"] = [{"use": "home", **{key: value for key, value in address.items() if value}}]
    if person.phone:
        patient["telecom"] = [{"system": "phone", "use": "home", "value": person.phone}]
    return patient
