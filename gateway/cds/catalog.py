"""The services that are offered, as discovery tells them (CDS Hooks 2.0, "Discovery")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

PATIENT = "patient"
PRACTITIONER = "practitioner"
ROLE = "practitionerRole"
ROLES = "practitionerRoles"

#: What a client may send along. Whatever it leaves out is fetched where it is needed.
_PREFETCH = {
    PATIENT: "Patient/{{context.patientId}}",
    PRACTITIONER: "Practitioner/{{userPractitionerId}}",
    ROLE: "PractitionerRole/{{userPractitionerRoleId}}",
    ROLES: "PractitionerRole?practitioner={{userPractitionerId}}",
}


@dataclass(frozen=True, slots=True)
class Service:
    """One service. Its id is part of its address."""

    id: str
    hook: str
    title: str
    description: str

    def as_discovered(self) -> dict[str, Any]:
        """Return the element of `services`."""
        return {
            "hook": self.hook,
            "id": self.id,
            "title": self.title,
            "description": self.description,
            "prefetch": dict(_PREFETCH),
            "usageRequirements": "The EHR must be registered with this program: its issuer, key set and FHIR "
            "server; so must the SMART app that the card opens, at the EHR.",
        }


def services(program: str) -> dict[str, Service]:
    """Return the services by id; `program` is whose PDMP it is."""
    offered = (
        Service(
            "pdmp-patient-view",
            "patient-view",
            f"{program} PDMP",
            f"A link to this patient's controlled-substance history in the {program} PDMP.",
        ),
        Service(
            "pdmp-order-select",
            "order-select",
            f"{program} PDMP, while ordering",
            f"A link to the {program} PDMP when a selected draft is a controlled drug, or can't be told.",
        ),
        Service(
            "pdmp-order-sign",
            "order-sign",
            f"{program} PDMP, before signing",
            f"A link to the {program} PDMP when a draft is a controlled drug, or can't be told.",
        ),
    )
    return {service.id: service for service in offered}
