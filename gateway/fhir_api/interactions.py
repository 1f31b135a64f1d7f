"""What is served, in one table; routes and the CapabilityStatement are both computed from it.

Profiles are those of the US PDMP guide 1.0.0 and US Core 6.1.0; search parameters are FHIR R4's own.
"""

from __future__ import annotations

from dataclasses import dataclass

PDMP = "http://hl7.org/fhir/us/pdmp"
_US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition"
_PARAMETER = "http://hl7.org/fhir/SearchParameter"

#: The day this table last changed: the CapabilityStatement's date.
CHANGED_ON = "2026-11-25"


@dataclass(frozen=True, slots=True)
class SearchParam:
    """A search parameter: its FHIR type, the canonical of its definition, what is worth knowing."""

    name: str
    type: str
    definition: str
    documentation: str


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation: its name without `$` and the canonical of its definition."""

    name: str
    definition: str
    documentation: str


@dataclass(frozen=True, slots=True)
class Served:
    """One resource type: profiles, interactions (`read`, `search-type`) and what a search takes.

    `definitional`: public documents of our own vocabulary, without patients. `keeps_versions`: superseded
    versions can be read too; of the other types only the current one is there.
    """

    type: str
    profiles: tuple[str, ...]
    interactions: tuple[str, ...] = ("read",)
    params: tuple[SearchParam, ...] = ()
    includes: tuple[str, ...] = ()
    operations: tuple[Operation, ...] = ()
    documentation: str = ""
    definitional: bool = False
    keeps_versions: bool = False


HISTORY = Operation(
    "pdmp-history",
    f"{PDMP}/OperationDefinition/pdmp-history",
    "The controlled-substance history of one person in the default look-back. Answers leave a grant, named "
    "by the PDMP-Grant header, under which a backend client may read and search for 15 minutes; with a "
    "user's token the consent is the grant, and only its own user and patient are answered about. "
    "Alerts come as DetectedIssue, by the rules of CodeSystem alert-rule. With the additional input "
    "computed-facts (boolean, true) figures come as Observation, by CodeSystem computed-fact; both "
    "are made for the answer and cannot be read by themselves. "
    "Pre-staging, delegates and report links are not served yet.",
)

MATCH = Operation(
    "match",
    "http://hl7.org/fhir/OperationDefinition/Patient-match",
    "Whom a Patient may be here, for system clients with the scope __match beside system/Patient.rs. Takes "
    "resource (with a family name and a full birth date), onlyCertainMatches and count (at most 10). "
    "certain is whom $pdmp-history would answer about; each Patient holds our identifier only.",
)

TABLE: tuple[Served, ...] = (
    Served(
        "MedicationDispense",
        (f"{PDMP}/StructureDefinition/pdmp-medicationdispense",),
        ("read", "vread", "search-type"),
        params=(
            SearchParam(
                "_id",
                "token",
                f"{_PARAMETER}/Resource-id",
                "Comma list; without patient only inside a live grant.",
            ),
            SearchParam(
                "_lastUpdated",
                "date",
                f"{_PARAMETER}/Resource-lastUpdated",
                "Prefixes eq ne ge le gt lt sa eb ap.",
            ),
            SearchParam(
                "patient",
                "reference",
                f"{_PARAMETER}/MedicationDispense-patient",
                "One patient: id, Patient/id or its URL here. Required unless _id is given; with a user's "
                "token its patient is implied, and the only one.",
            ),
            SearchParam(
                "subject", "reference", f"{_PARAMETER}/MedicationDispense-subject", "The same as patient."
            ),
            SearchParam(
                "status",
                "token",
                f"{_PARAMETER}/medications-status",
                "Comma list. Without it entered-in-error is left out.",
            ),
            SearchParam(
                "whenprepared",
                "date",
                f"{_PARAMETER}/MedicationDispense-whenprepared",
                "The day of filling; prefixes eq ne ge le gt lt sa eb ap; repeat for a window.",
            ),
            SearchParam(
                "whenhandedover",
                "date",
                f"{_PARAMETER}/MedicationDispense-whenhandedover",
                "The day of sale where it was reported; same prefixes.",
            ),
            SearchParam(
                "type",
                "token",
                f"{_PARAMETER}/MedicationDispense-type",
                "Comma list of codes of v3-ActCode: first or refill, whole or part (FFC, FFP, RFC, RFP …).",
            ),
            SearchParam(
                "code",
                "token",
                f"{_PARAMETER}/clinical-code",
                "Comma list of NDC (11 digits or with hyphens) and RxNorm codes.",
            ),
        ),
        includes=(
            "MedicationDispense:patient",
            "MedicationDispense:performer",
            "MedicationDispense:prescription",
        ),
        documentation="Newest whenPrepared first. _count is 100 unless asked, at most 500; total is exact. "
        "What _include asks for and the token's scopes do not open is left out.",
        keeps_versions=True,
    ),
    Served(
        "MedicationRequest",
        (f"{_US_CORE}/us-core-medicationrequest",),
        ("read", "vread", "search-type"),
        params=(
            SearchParam(
                "patient",
                "reference",
                f"{_PARAMETER}/clinical-patient",
                "One patient in context: id, Patient/id or its URL here.",
            ),
            SearchParam(
                "subject", "reference", f"{_PARAMETER}/MedicationRequest-subject", "The same as patient."
            ),
            SearchParam(
                "intent",
                "token",
                f"{_PARAMETER}/MedicationRequest-intent",
                "Comma list; every prescription here is an order.",
            ),
            SearchParam(
                "status",
                "token",
                f"{_PARAMETER}/medications-status",
                "Comma list; pharmacies do not report one: it is unknown of every prescription here.",
            ),
        ),
        documentation="The prescriptions behind the dispensations, newest fill first, in one answer.",
        keeps_versions=True,
    ),
    Served("Organization", (f"{PDMP}/StructureDefinition/pdmp-organization-pharmacy",), ("read", "vread")),
    Served(
        "Patient",
        (f"{PDMP}/StructureDefinition/pdmp-patient",),
        ("read", "vread", "search-type"),
        params=(
            SearchParam(
                "_id",
                "token",
                f"{_PARAMETER}/Resource-id",
                "One id, of the patient in context. Nobody is found by name here.",
            ),
        ),
        operations=(HISTORY, MATCH),
    ),
    Served("Practitioner", (f"{_US_CORE}/us-core-practitioner",), ("read", "vread")),
    Served(
        "Encounter",
        (),
        documentation="The visit for which an EHR opened the app: with that launch's tokens only.",
    ),
    Served("CodeSystem", (), documentation="Our own codes.", definitional=True),
    Served("ConceptMap", (), documentation="How reported codes are translated.", definitional=True),
    Served("StructureDefinition", (), documentation="Our own extensions.", definitional=True),
)

#: Operations of the whole system. The guide defines $pdmp-history here, its pages call it on Patient: both.
SYSTEM_OPERATIONS: tuple[Operation, ...] = (HISTORY,)
