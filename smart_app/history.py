"""The answer of `$pdmp-history` as typed rows: pure, tolerant of what is missing, exact in numbers.

Source: HL7 US PDMP IG 1.0.0 (response Parameters, history Bundle, outcome codes) and its examples,
whose references may be relative, absolute or `urn:uuid`. What is not in the answer stays None: the page
says "not reported", never a guess. Two extensions are the gateway's own and known by their ends:
`mme-per-day` (a dose with unit and the name of its table) and `drug-class`.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from smart_app import fhir
from smart_app.computed import Alert, Figure, alert, figure
from smart_app.persons import Person, person

Resource = fhir.Resource

CLASSES = ("opioid", "buprenorphine", "sedative", "stimulant", "other")
_PDMP = "http://hl7.org/fhir/us/pdmp/StructureDefinition/"
_STATUS = "http://terminology.hl7.org/CodeSystem/PMIXStatusCode"
_NDC = "http://hl7.org/fhir/sid/ndc"
_RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
_PAYMENT = {
    "01": "Private pay",
    "02": "Medicaid",
    "03": "Medicare",
    "04": "Commercial insurance",
    "05": "Military or VA",
    "06": "Workers' compensation",
    "07": "Indian Nations",
    "99": "Other",
}
#: HL7 ActPharmacySupplyType: what a partial fill is called.
_SUPPLY = {
    "DF": "daily fill",
    "EM": "emergency supply",
    "FFP": "first fill, part",
    "FFPS": "first fill, part, trial",
    "RFP": "refill, part",
    "RFPS": "refill, part, trial",
    "TF": "trial fill",
    "UDE": "unit dose",
}

Outcome = Literal["history", "no-data", "disallowed", "error", "deferred", "link-only"]


@dataclass(frozen=True, slots=True)
class Party:
    """A prescriber or a dispenser as the answer names it. `key` is the same for the same one."""

    key: str
    name: str
    identifiers: tuple[tuple[str, str], ...]
    phone: str | None
    place: str | None


@dataclass(frozen=True, slots=True)
class Dose:
    """Morphine milligram equivalents a day, and the conversion table that they come from."""

    value: Decimal
    unit: str
    table: str | None


@dataclass(frozen=True, slots=True)
class Row:
    """One dispensation. Dates are None where not reported, or not a full date."""

    id: str
    person: str | None
    drug: str
    ndc: str | None
    classes: tuple[str, ...]
    known_class: bool
    status: str
    quantity: Decimal | None
    unit: str | None
    days: Decimal | None
    fill: int | None
    refills: int | None
    written: dt.date | None
    filled: dt.date | None
    sold: dt.date | None
    rx_number: str | None
    part: str | None
    directions: str | None
    prescriber: Party | None
    dispenser: Party | None
    payment: str | None
    mme: Dose | None
    labels: tuple[str, ...]
    administered: bool

    @property
    def start(self) -> dt.date | None:
        """Return the first day of supply: handed over, else prepared."""
        return self.sold or self.filled

    @property
    def end(self) -> dt.date | None:
        """Return the last day of supply, or None where days or date are not reported."""
        if self.start is None or self.days is None or not 0 < self.days <= 3660:
            return None
        return self.start + dt.timedelta(days=int(self.days.to_integral_value("ROUND_CEILING")) - 1)

    @property
    def voided(self) -> bool:
        """Return whether the record was withdrawn."""
        return self.status == "entered-in-error"

    @property
    def part2(self) -> bool:
        """Return whether the row is restricted by 42 CFR Part 2."""
        return any("42 CFR Part 2" in label for label in self.labels)


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue of the outcome: severity, status code of the IG, and the PDMP's own words."""

    severity: str
    code: str
    status: str | None
    text: str


@dataclass(frozen=True, slots=True)
class History:
    """The whole answer. `rows` is newest first; `unread` counts entries that this page can't show."""

    outcome: Outcome
    rows: tuple[Row, ...]
    persons: tuple[Person, ...]
    issues: tuple[Issue, ...]
    alerts: tuple[Alert, ...]
    figures: tuple[Figure, ...]
    start: dt.date | None
    end: dt.date | None
    link: str | None
    sources: tuple[str, ...]
    unread: int

    @property
    def ambiguous(self) -> bool:
        """Return whether the PDMP could not tell which person is meant."""
        return any(issue.code == "multiple-matches" for issue in self.issues)

    def figure(self, code: str) -> Figure | None:
        """Return the PDMP's figure of that code, None where the answer has none, or several."""
        found = [one for one in self.figures if one.code == code]
        return found[0] if len(found) == 1 else None


def read(parameters: Resource) -> History:
    """Return the history in the Parameters of a `$pdmp-history` answer."""
    parts = {fhir.text(p, "name"): p for p in fhir.parts(parameters, "parameter")}
    data = parts.get("pdmp-history-data")
    issues = tuple(_issues(fhir.part(parts.get("outcome", {}), "resource")))
    link = parts.get("pdmp-history-link", {}).get("valueUrl")
    link = link if isinstance(link, str) and re.match(r"^https?://", link) else None
    bundle = fhir.part(data or {}, "resource")
    entries = [e for e in fhir.parts(bundle, "entry") if isinstance(e.get("resource"), dict)]
    index = fhir.Index(entries)
    rows = [
        _row(resource, index, administered=kind == "MedicationAdministration")
        for kind, resource in index.every
        if kind in ("MedicationDispense", "MedicationAdministration")
    ]
    rows.sort(key=lambda row: row.id)
    rows.sort(key=lambda row: row.filled or row.sold or dt.date.min, reverse=True)
    persons = tuple(person(r) for kind, r in index.every if kind == "Patient")
    period = _period(data) or _period(parts.get("outcome"))
    shown = {
        "MedicationDispense",
        "MedicationAdministration",
        "Patient",
        "Organization",
        "Practitioner",
        "PractitionerRole",
        "MedicationRequest",
        "Medication",
        "DetectedIssue",
    }
    figures = [f for kind, r in index.every if kind == "Observation" and (f := figure(r)) is not None]
    return History(
        outcome=_outcome(bundle if data else None, issues, link),
        rows=tuple(rows),
        persons=persons,
        issues=issues,
        alerts=tuple(alert(r) for kind, r in index.every if kind == "DetectedIssue"),
        figures=tuple(figures),
        start=fhir.date(period.get("start")),
        end=fhir.date(period.get("end")),
        link=link,
        sources=tuple(
            sorted({s for _, r in index.every if (s := fhir.text(fhir.part(r, "meta"), "source"))})
        ),
        unread=sum(1 for kind, _ in index.every if kind not in shown)
        - len(figures)
        + len(fhir.parts(bundle, "entry"))
        - len(entries),
    )


def _outcome(bundle: Resource | None, issues: tuple[Issue, ...], link: str | None) -> Outcome:
    """Return what the answer is. Anything unclear is an error: never "no data", never an empty history."""
    if bundle is not None and bundle.get("resourceType") == "Bundle" and fhir.parts(bundle, "entry"):
        return "history"
    statuses = {issue.status for issue in issues}
    fatal = any(issue.severity in ("error", "fatal") for issue in issues)
    if bundle is None and "no-data" in statuses and not fatal:
        return "no-data"
    if "disallowed" in statuses:
        return "disallowed"
    if "deferred" in statuses and not fatal:
        return "deferred"
    return "link-only" if link and not fatal else "error"


def _period(parameter: Resource | None) -> Resource:
    return fhir.part(fhir.extension(parameter or {}, _PDMP + "pdmp-activity-period-extension"), "valuePeriod")


def _sources(index: fhir.Index) -> tuple[str, ...]:
    found = {fhir.text(fhir.part(resource, "meta"), "source") for _, resource in index.every}
    return tuple(sorted(s for s in found if s))


def _issues(outcome: Resource) -> Iterator[Issue]:
    for issue in fhir.parts(outcome, "issue"):
        details = fhir.part(issue, "details")
        codings = fhir.parts(details, "coding")
        status = next((fhir.text(c, "code") for c in codings if c.get("system") == _STATUS), None)
        text = fhir.text(issue, "diagnostics") or fhir.text(details, "text") or fhir.concept(details) or ""
        yield Issue(fhir.text(issue, "severity") or "error", fhir.text(issue, "code") or "", status, text)


def _row(dispense: Resource, index: fhir.Index, *, administered: bool) -> Row:
    prescription = fhir.first(dispense, "authorizingPrescription") or fhir.part(dispense, "request")
    order = index.of(prescription)
    medication = _medication(dispense, index)
    actor = fhir.part(fhir.first(dispense, "performer"), "actor")
    amount = (
        fhir.part(fhir.part(dispense, "dosage"), "dose") if administered else fhir.part(dispense, "quantity")
    )
    effective = dispense.get("effectiveDateTime") or fhir.part(dispense, "effectivePeriod").get("start")
    fill = fhir.extension(dispense, _PDMP + "pdmp-extension-rx-fill-number").get("valuePositiveInt")
    refills = fhir.part(order, "dispenseRequest").get("numberOfRepeatsAllowed")
    payment = fhir.part(fhir.extension(dispense, _PDMP + "pdmp-extension-method-of-payment"), "valueCoding")
    told = {fhir.text(e, "valueCode") for e in fhir.extensions_ending(dispense, "/drug-class")}
    classes = tuple(c for c in CLASSES if c in told)
    return Row(
        id=fhir.text(dispense, "id") or "",
        person=fhir.text(index.of(dispense.get("subject")), "id"),
        drug=_drug(medication),
        ndc=next(
            (fhir.text(c, "code") for c in fhir.parts(medication, "coding") if c.get("system") == _NDC), None
        ),
        classes=classes or ("other",),
        known_class=bool(classes),
        status=fhir.text(dispense, "status") or "unknown",
        quantity=fhir.decimal(amount.get("value")),
        unit=fhir.text(amount, "unit") or fhir.text(amount, "code"),
        days=fhir.decimal(fhir.part(dispense, "daysSupply").get("value")),
        fill=fill if isinstance(fill, int) and fill > 0 else None,
        refills=refills if isinstance(refills, int) else None,
        written=fhir.date(order.get("authoredOn")),
        filled=fhir.date(effective if administered else dispense.get("whenPrepared")),
        sold=fhir.date(effective if administered else dispense.get("whenHandedOver")),
        rx_number=_rx_number(prescription, dispense),
        part=_part(dispense),
        directions=fhir.text(fhir.first(dispense, "dosageInstruction"), "text"),
        prescriber=_party(fhir.part(order, "requester"), index),
        dispenser=_party(actor, index),
        payment=_PAYMENT.get(fhir.text(payment, "code") or "") or fhir.text(payment, "display"),
        mme=_mme(dispense),
        labels=_labels(fhir.parts(fhir.part(dispense, "meta"), "security")),
        administered=administered,
    )


def _medication(dispense: Resource, index: fhir.Index) -> Resource:
    return fhir.part(dispense, "medicationCodeableConcept") or fhir.part(
        index.of(dispense.get("medicationReference")), "code"
    )


def _code(concept: Resource, system: str) -> str | None:
    codings = fhir.parts(concept, "coding")
    return next((fhir.text(c, "code") for c in codings if c.get("system") == system), None)


def _drug(medication: Resource) -> str:
    if text := fhir.text(medication, "text"):
        return text
    codings = fhir.parts(medication, "coding")
    named = [c for c in codings if c.get("system") == _RXNORM] + codings
    if name := next((d for c in named if (d := fhir.text(c, "display"))), None):
        return name
    code = next((c for coding in codings if (c := fhir.text(coding, "code"))), None)
    return f"Unknown drug, code {code}" if code else "Drug not named"


def _rx_number(prescription: Resource, dispense: Resource) -> str | None:
    """Return the pharmacy's number (type FILL), or for want of it the prescriber's own (PLAC)."""
    found = [fhir.part(prescription, "identifier"), *fhir.parts(dispense, "identifier")]
    placed = [i for i in found if any(c.get("code") == "PLAC" for c in _type(i))]
    return next(
        (v for i in [*(i for i in found if i not in placed), *placed] if (v := fhir.text(i, "value"))), None
    )


def _type(identifier: Resource) -> list[Resource]:
    return fhir.parts(fhir.part(identifier, "type"), "coding")


def _part(dispense: Resource) -> str | None:
    """Return how a partial fill is told: its number where given, else the kind of supply."""
    kind = fhir.part(dispense, "type")
    text = fhir.text(kind, "text")
    if text and (number := re.search(r"\bpart(?:ial fill)?\s*(\d+)", text, re.IGNORECASE)):
        return f"part {int(number[1])}"
    codes = [c for coding in fhir.parts(kind, "coding") if (c := fhir.text(coding, "code"))]
    return next((_SUPPLY[c] for c in codes if c in _SUPPLY), None)


def _mme(dispense: Resource) -> Dose | None:
    """Return the gateway's own figure. The guide's extension is never read: its unit depends on the drug."""
    for extension in fhir.extensions_ending(dispense, "/fhir/StructureDefinition/mme-per-day"):
        members = {fhir.text(e, "url"): e for e in fhir.parts(extension, "extension")}
        dose = fhir.part(members.get("dose", {}), "valueQuantity")
        value = fhir.decimal(dose.get("value"))
        # A figure in another unit must never enter the sum.
        if value is not None and dose.get("code", "mg/d") == "mg/d":
            table = fhir.text(members.get("table", {}), "valueString")
            return Dose(value, fhir.text(dose, "unit") or "mg/d", table)
    return None


def _party(reference: Resource, index: fhir.Index) -> Party | None:
    resource = index.of(reference)
    if resource.get("resourceType") == "PractitionerRole":
        resource = index.of(resource.get("practitioner"))
    shown = _name(resource) or fhir.text(reference, "display")
    own = fhir.part(reference, "identifier")
    identifiers = tuple(
        (_IDENTIFIERS[system], value)
        for i in [*fhir.parts(resource, "identifier"), own]
        if (system := fhir.text(i, "system")) in _IDENTIFIERS and (value := fhir.text(i, "value"))
    )
    if not shown and not identifiers:
        return None
    phones = [t for t in fhir.parts(resource, "telecom") if t.get("system") in ("phone", None)]
    phone = next((p for t in phones if (p := fhir.text(t, "value"))), None)
    address = fhir.first(resource, "address")
    city = ", ".join(t for t in (fhir.text(address, "city"), fhir.text(address, "state")) if t)
    ident = fhir.text(resource, "id") or fhir.text(reference, "reference")
    key = ident or (identifiers[0][1] if identifiers else shown or "")
    return Party(key, shown or "Not named", tuple(dict.fromkeys(identifiers)), phone, city or None)


_IDENTIFIERS: dict[str | None, str] = {
    "http://hl7.org/fhir/sid/us-npi": "NPI",
    "http://terminology.hl7.org/NamingSystem/usdeanumber": "DEA",
    "http://terminology.hl7.org/CodeSystem/NCPDPProviderIdentificationNumber": "NCPDP",
}


def _name(resource: Resource) -> str | None:
    name = resource.get("name")
    return name if isinstance(name, str) else (person(resource).name or None) if name else None


def _labels(security: list[Resource]) -> tuple[str, ...]:
    """Return the restrictions of a row. The law behind it says more than the codes that follow from it."""
    codes = [(fhir.text(c, "code") or "", fhir.text(c, "display")) for c in security]
    if any(code.upper().startswith("42CFR") for code, _ in codes):
        return ("42 CFR Part 2",)
    return tuple(dict.fromkeys(display or code for code, display in codes if code not in ("", "N", "U", "L")))
