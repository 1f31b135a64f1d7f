"""What every screen of the EHR needs: who is signed in, whose chart, and people as pages show them."""

from __future__ import annotations

import unicodedata
from typing import Any

from flask import abort, render_template, request

from conformance.ehr.book import Resource, display_name, identifier, listed_name
from conformance.ehr.chart import age, us_date
from conformance.ehr.context import Ehr, current
from conformance.ehr.sessions import signed_in

NPI = "http://hl7.org/fhir/sid/us-npi"
DEA = "http://terminology.hl7.org/NamingSystem/usdeanumber"

#: Tabs of a chart: path segment -> label. PDMP stands beside them as a button.
TABS = {"summary": "Summary", "visit": "Visit", "orders": "Orders"}


def charted(ehr: Ehr, patient_id: str) -> Resource | None:
    """Return the patient when somebody is signed in, None when nobody is. Aborts 404 for an unknown one."""
    if signed_in(ehr) is None:
        return None
    patient = ehr.book.content().patients.get(patient_id)
    if patient is None:
        abort(404, "There is no such chart.")
    return patient


def same_origin() -> None:
    """Return when the form was sent by our own page. Aborts 403."""
    # Browsers send Origin with every POST; a script without one has no cookie to abuse.
    if request.headers.get("Origin", current().settings.base_url) != current().settings.base_url:
        abort(403, "This form was sent from another site.")


def draw(template: str, **facts: Any) -> str:
    """Return the page of `template` with what every page shows: hospital, user, faults."""
    ehr = current()
    content = ehr.book.content()
    session = signed_in(ehr)
    user = content.practitioners[session.practitioner] if session else None
    return render_template(
        template,
        hospital=content.organization.get("name") or "Hospital",
        user=practitioner_facts(user) if user else None,
        faults=sorted([*content.faults, *content.hook_faults]),
        **facts,
    )


def sort_key(resource: Resource) -> tuple[str, str]:
    """Return what a list of people is sorted by: name without accents, birth date."""
    # Á sorts with A.
    plain = unicodedata.normalize("NFKD", listed_name(resource))
    letters = "".join(c for c in plain if not unicodedata.combining(c)).casefold()
    return letters, str(resource.get("birthDate") or "")


def practitioner_facts(resource: Resource) -> dict[str, Any]:
    """Return a practitioner as pages show one."""
    qualifications = [
        (entry.get("code") or {}).get("text") for entry in resource.get("qualification") or [] if entry
    ]
    return {
        "id": resource["id"],
        "name": display_name(resource),
        "initials": _initials(resource),
        "title": ", ".join(q for q in qualifications if q),
        "npi": identifier(resource, system=NPI),
        "dea": identifier(resource, system=DEA),
    }


def patient_facts(ehr: Ehr, resource: Resource) -> dict[str, Any]:
    """Return a patient as pages show one."""
    born = str(resource.get("birthDate") or "")
    contacts = resource.get("telecom") or []
    return {
        "id": resource["id"],
        "name": listed_name(resource),
        "initials": _initials(resource),
        "birthdate": born,
        "born": us_date(born),
        "age": age(born, ehr.today()),
        "sex": str(resource.get("gender") or "unknown").capitalize(),
        "mrn": identifier(resource, code="MR") or "—",
        "address": [_address(entry) for entry in resource.get("address") or []],
        "phone": next((c.get("value") for c in contacts if c.get("system") == "phone"), None),
    }


def _address(entry: dict[str, Any]) -> list[str]:
    town = " ".join(part for part in (entry.get("state"), entry.get("postalCode")) if part)
    last = ", ".join(part for part in (entry.get("city"), town) if part)
    return [line for line in [*entry.get("line", []), last] if line]


def _initials(resource: Resource) -> str:
    family, _, given = listed_name(resource).partition(", ")
    return f"{given[:1]}{family[:1]}".upper()
