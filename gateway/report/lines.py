"""One dispensation as a line of the report: the legal record, in words and without codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_STATUS = {
    "completed": "",
    "in-progress": "pick-up not reported",
    "preparation": "pick-up not reported",
    "entered-in-error": "withdrawn by the dispenser",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One dispensation in its newest version; `row` counts from 1. An empty text was not reported."""

    row: int
    filled: str
    sold: str
    written: str
    drug: str
    quantity: str
    days: str
    fill: str
    prescriber: str
    dispenser: str
    payment: str
    mme: str
    prescription: str
    remark: str


def line(dispense: dict[str, Any], resources: dict[str, dict[str, Any]], row: int) -> Line:
    """Return the line of a MedicationDispense; `resources` by reference hold what it names."""
    extensions = {each["url"].rpartition("/")[2]: each for each in dispense.get("extension", ())}
    prescription = dispense.get("authorizingPrescription", [{}])[0]
    request = resources.get(prescription.get("reference", ""), {})
    actor = dispense["performer"][0]["actor"]
    requester = request.get("requester", {})
    quantity = dispense.get("quantity", {})
    unit = quantity.get("unit", "")
    payment = extensions.get("pdmp-extension-method-of-payment", {})
    remarks = (_STATUS.get(dispense["status"], dispense["status"]), _tags(dispense))
    return Line(
        row=row,
        filled=dispense.get("whenPrepared", "")[:10],
        sold=dispense.get("whenHandedOver", "")[:10],
        written=request.get("authoredOn", "")[:10],
        drug=_medication(dispense),
        quantity=_told(quantity.get("value"), "" if unit == "each" else unit),
        days=_told(dispense.get("daysSupply", {}).get("value"), ""),
        fill=_fill(extensions.get("pdmp-extension-rx-fill-number"), dispense.get("type", {})),
        prescriber=_party(resources.get(requester.get("reference", "")), requester.get("display", "")),
        dispenser=_party(resources.get(actor.get("reference", "")), actor.get("display", "")),
        payment=payment.get("valueCoding", {}).get("display", ""),
        mme=_dose(extensions.get("mme-per-day")),
        prescription=prescription.get("identifier", {}).get("value", ""),
        remark="; ".join(part for part in remarks if part),
    )


def number(value: float | int) -> str:
    """Return a number without an exponent, with at most three decimals."""
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _medication(dispense: dict[str, Any]) -> str:
    concept = dispense.get("medicationCodeableConcept", {})
    coded = next((each.get("display") or each["code"] for each in concept.get("coding", ())), "not reported")
    return str(concept.get("text") or coded)


def _party(resource: dict[str, Any] | None, display: str) -> str:
    if resource is None:
        return display or "not reported"
    name = resource.get("name")
    if isinstance(name, list):
        first = name[0] if name else {}
        name = ", ".join(part for part in (first.get("family", ""), " ".join(first.get("given", ()))) if part)
    phones = [each["value"] for each in resource.get("telecom", ()) if each.get("system") == "phone"]
    return ", ".join(part for part in (name or display or "name not reported", *phones[:1]) if part)


def _fill(extension: dict[str, Any] | None, kind: dict[str, Any]) -> str:
    code = next((each.get("display", "") for each in kind.get("coding", ())), "")
    if extension is None:
        return str(code)
    return f"{extension['valuePositiveInt']} ({code})" if code else str(extension["valuePositiveInt"])


def _dose(extension: dict[str, Any] | None) -> str:
    for part in (extension or {}).get("extension", ()):
        if part["url"] == "dose" and "value" in part.get("valueQuantity", {}):
            return _told(part["valueQuantity"]["value"], "")
    return ""


def _told(value: float | int | None, unit: str) -> str:
    if value is None:
        return ""
    return f"{number(value)} {unit}".strip()


def _tags(dispense: dict[str, Any]) -> str:
    tags = dispense.get("meta", {}).get("tag", ())
    return ", ".join(each.get("display", "") for each in tags if each.get("display"))
