"""The one card there is (CDS Hooks 2.0, "CDS Service Response"): a link, the same for everybody.

Its words depend on nothing but the program's name. US PDMP guide 1.0.0, cds-smart: a response holds no
discrete history and should hold a SMART link.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from gateway.core.settings import Settings

#: Why a clinician may leave the card aside, and what feedback may say: code -> text.
REASONS = {
    "already-reviewed": "The history was reviewed already",
    "not-needed": "Not needed for this order",
    "another-way": "The program is asked another way",
}
_MAX_SUMMARY = 139


def reason_system(identifier_base: str) -> str:
    """Return the code system of `REASONS`."""
    return f"{identifier_base}/fhir/CodeSystem/cds-override-reason"


def card(settings: Settings, program: str, identifier_base: str, app_context: str) -> dict[str, Any]:
    """Return the card, with an id of its own for feedback."""
    system = reason_system(identifier_base)
    return {
        "uuid": str(uuid4()),
        "summary": f"Controlled-substance history: open the {program} PDMP"[:_MAX_SUMMARY],
        "indicator": "info",
        "source": {"label": f"{program} PDMP", "url": settings.base_url},
        "overrideReasons": [
            {"system": system, "code": code, "display": text} for code, text in REASONS.items()
        ],
        "links": [
            {
                "label": "Open the PDMP",
                "url": settings.cds_app_launch_url,
                "type": "smart",
                "appContext": app_context,
            }
        ],
    }
