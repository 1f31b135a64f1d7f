"""What can be ordered here: a short list with RxNorm codes, and anything else as plain text.

RxNorm names and identifiers: courtesy of the U.S. National Library of Medicine. The double does not know
what is controlled; the CDS service is to find out.
"""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass
from typing import Any

from conformance.ehr.chart import encounter_id

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


@dataclass(frozen=True, slots=True)
class Drug:
    """A line of the picker. `rxcui` None: known here by its name only."""

    key: str
    name: str
    rxcui: str | None
    directions: str
    quantity: int
    days: int


#: As a small practice's favourites, in alphabetical order of RxNorm's names.
FORMULARY: dict[str, Drug] = {
    drug.key: drug
    for drug in (
        Drug(
            "hydrocodone",
            "acetaminophen 325 MG / hydrocodone bitartrate 5 MG Oral Tablet",
            "857002",
            "1 tablet every 6 hours as needed for pain",
            20,
            5,
        ),
        Drug("alprazolam", "alprazolam 0.5 MG Oral Tablet", "308048", "1 tablet twice a day", 60, 30),
        Drug("amoxicillin", "amoxicillin 500 MG Oral Capsule", "308191", "1 capsule 3 times a day", 21, 7),
        Drug("gabapentin", "gabapentin 300 MG Oral Capsule", "310431", "1 capsule 3 times a day", 90, 30),
        Drug("lisinopril", "lisinopril 10 MG Oral Tablet", "314076", "1 tablet every day", 90, 90),
        Drug(
            "oxycodone",
            "oxycodone hydrochloride 5 MG Oral Tablet",
            "1049621",
            "1 tablet every 6 hours as needed for pain",
            20,
            5,
        ),
        Drug("zolpidem", "zolpidem tartrate 10 MG Oral Tablet", "854873", "1 tablet at bedtime", 30, 30),
    )
}

#: The picker's last line: the drug is what was typed.
FREE_TEXT = "other"


@dataclass(frozen=True, slots=True)
class Order:
    """A medication order, draft or signed; quantity in units of the form, supply in days."""

    id: str
    drug: Drug
    directions: str
    quantity: int
    days: int
    refills: int = 0

    @classmethod
    def of(cls, drug: Drug) -> Order:
        """Return a new draft with the drug's usual directions."""
        return cls(f"order-{secrets.token_hex(6)}", drug, drug.directions, drug.quantity, drug.days)

    def resource(
        self, *, patient: str, practitioner: str, written: dt.date, signed: bool = False
    ) -> dict[str, Any]:
        """Return the order as a FHIR R4 MedicationRequest."""
        medication: dict[str, Any] = {"text": self.drug.name}
        if self.drug.rxcui:
            medication["coding"] = [
                {"system": RXNORM, "code": self.drug.rxcui, "display": self.drug.name},
            ]
        days = {"value": self.days, "unit": "d", "system": "http://unitsofmeasure.org", "code": "d"}
        resource: dict[str, Any] = {
            "resourceType": "MedicationRequest",
            "id": self.id,
            "status": "active" if signed else "draft",
            "intent": "order",
            "medicationCodeableConcept": medication,
            "subject": {"reference": f"Patient/{patient}"},
            "encounter": {"reference": f"Encounter/{encounter_id(patient)}"},
            "authoredOn": written.isoformat(),
            "requester": {"reference": f"Practitioner/{practitioner}"},
            "dispenseRequest": {
                "numberOfRepeatsAllowed": self.refills,
                "quantity": {"value": self.quantity},
                "expectedSupplyDuration": days,
            },
        }
        if self.directions:
            resource["dosageInstruction"] = [{"text": self.directions}]
        return resource


def typed(text: str) -> Drug | None:
    """Return the drug that was typed, in at most 120 characters; None for blank text."""
    name = " ".join(text.split())[:120]
    return Drug(FREE_TEXT, name, None, "", 30, 30) if name else None
