"""Does a draft order call for the program? Decided from the order alone, by the drug tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gateway.mapping.orders import Class, OrderTable

_MOST = 50


def needs_card(drafts: Sequence[dict[str, Any]], table: OrderTable) -> bool:
    """Return whether an order of a drug is for a controlled one, or can't be classified."""
    medications = [one for one in drafts if one["resourceType"] == "Medication"]
    orders = (one for one in drafts if one["resourceType"] == "MedicationRequest")
    return any(_classify(order, medications, table) is not Class.NOT_CONTROLLED for order in orders)


def _classify(order: dict[str, Any], others: list[dict[str, Any]], table: OrderTable) -> Class:
    codes: list[tuple[str, str]] = []
    texts: list[str] = []
    found = False
    for concept in _concepts(order, others):
        found = True
        for coding in _dicts(concept.get("coding")):
            system, code = coding.get("system"), coding.get("code")
            if isinstance(system, str) and isinstance(code, str):
                codes.append((system, code.strip()))
            texts += _text(coding.get("display"))
        texts += _text(concept.get("text"))
    return table.classify(codes, texts) if found else Class.UNKNOWN


def _concepts(order: dict[str, Any], others: list[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """Yield what says which drug it is: the concept, or code and ingredients of the Medication behind it."""
    concept = order.get("medicationCodeableConcept")
    if isinstance(concept, dict):
        yield concept
    reference = order.get("medicationReference")
    if not isinstance(reference, dict):
        return
    for text in _text(reference.get("display")):
        yield {"text": text}
    medication = _behind(reference.get("reference"), order, others)
    if medication is None:
        return
    if isinstance(medication.get("code"), dict):
        yield medication["code"]
    for ingredient in _dicts(medication.get("ingredient")):
        if isinstance(ingredient.get("itemCodeableConcept"), dict):
            yield ingredient["itemCodeableConcept"]
        else:
            # An ingredient that is elsewhere: nothing says that it is harmless.
            yield {"text": "?unknown ingredient"}


def _behind(reference: object, order: dict[str, Any], others: list[dict[str, Any]]) -> dict[str, Any] | None:
    if not isinstance(reference, str):
        return None
    if reference.startswith("#"):
        candidates, own = _dicts(order.get("contained")), reference[1:]
    else:
        candidates, own = others, reference.rsplit("/", 1)[-1]
    for one in candidates:
        if one.get("resourceType") == "Medication" and one.get("id") == own:
            return one
    return None


def _text(value: object) -> list[str]:
    return [value] if isinstance(value, str) and value.strip() else []


def _dicts(value: object) -> list[dict[str, Any]]:
    return [one for one in value[:_MOST] if isinstance(one, dict)] if isinstance(value, list) else []
