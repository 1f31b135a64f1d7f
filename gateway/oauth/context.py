"""Launch context: what the app is told beside its tokens (SMART 2.2, "Launch context arrives with token").

    patient, encounter    ids of the consent
    need_patient_banner   true: we show no banner around an app
    tenant                the jurisdiction whose program answers
    intent, appContext    as the EHR sent them when it opened the launch
    fhirContext           for a delegate: the supervisor, by identifier
    smart_style_url       how the app may look

What a consent fixes is kept with it; the rest is added when it is told. Introspection tells the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from gateway.oauth import style

#: The role in `fhirContext` of the practitioner for whom a delegate acts.
SUPERVISOR_ROLE = "/fhir/launch-role/supervisor"


def kept(
    *,
    jurisdiction: str,
    launch: Mapping[str, Any],
    supervisor_npi: str | None,
    identifier_base: str,
) -> dict[str, Any]:
    """Return what is kept with a consent. `launch`: the members that came with an EHR's launch."""
    members: dict[str, Any] = {**launch, "need_patient_banner": True, "tenant": jurisdiction}
    if supervisor_npi:
        members["fhirContext"] = [
            {
                "type": "Practitioner",
                "identifier": {"system": "http://hl7.org/fhir/sid/us-npi", "value": supervisor_npi},
                "role": identifier_base + SUPERVISOR_ROLE,
            }
        ]
    return members


def token_members(
    issuer: str, *, person_id: UUID | None, encounter_id: UUID | None, context: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the members that token, refresh and introspection responses have in common."""
    ids = {"patient": person_id, "encounter": encounter_id}
    told: dict[str, Any] = {name: str(value) for name, value in ids.items() if value is not None}
    return told | dict(context) | {"smart_style_url": style.url(issuer)}
