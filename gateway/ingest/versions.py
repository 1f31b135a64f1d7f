"""One version of a dispensation: made from a record, or as a voided copy of what stood; and its row.

A void keeps what it voids: the message that asks for it may be spelt differently, and the patient's history
must show what was taken back. The resources are rendered here, beside the row.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from gateway.core.records import Description, Dispensation, Dispenser, Ingredient, Prescriber
from gateway.ingest.values import RecordValue
from gateway.mapping.dispensation import render
from gateway.mapping.tables import Mappings
from gateway.store.arrays import text_array
from gateway.store.database import Row
from gateway.store.ingest import Key
from gateway.store.vault import Vault

#: What binds an encrypted AIR to its place: it opens nowhere else.
PICKUP = b"pickup"


@dataclass(slots=True)
class Version:
    """A version to be written. `superseded_at` is set when the same file goes beyond it."""

    key: Key
    dispensation: Dispensation
    description_id: UUID
    submission_id: UUID
    ordinal: int
    status: str
    pickup: bytes | None
    content_hash: bytes
    superseded_at: dt.datetime | None = None


def from_record(
    record: RecordValue,
    *,
    dispensation_id: UUID,
    version: int,
    person_id: UUID,
    description: Description,
    dispenser: Dispenser,
    prescriber: Prescriber,
    recorded_at: dt.datetime,
) -> Dispensation:
    """Return the dispensation that a record reports."""
    return Dispensation(
        dispensation_id=dispensation_id,
        version=version,
        person_id=person_id,
        dispenser_id=dispenser.dispenser_id,
        prescriber_id=prescriber.prescriber_id,
        recorded_at=recorded_at,
        rx_number=record.rx_number,
        written_on=record.written_on,
        filled_on=record.filled_on,
        sold_on=record.sold_on,
        fill_number=record.fill_number,
        refills_authorized=record.refills_authorized,
        partial_fill=record.partial_fill,
        product_qualifier=record.product_qualifier,
        product_id=record.product_id,
        quantity=record.quantity,
        quantity_text=record.quantity_text,
        days_supply=record.days_supply,
        dosage_unit=record.dosage_unit,
        origin_code=record.origin_code,
        payment_code=record.payment_code,
        pharmacist_npi=record.pharmacist_npi,
        pharmacist_license=record.pharmacist_license,
        rxnorm_qualifier=record.rxnorm_qualifier,
        rxnorm_code=record.rxnorm_code,
        erx_reference=record.erx_reference,
        erx_order=record.erx_order,
        quantity_prescribed=record.quantity_prescribed,
        sig=record.sig,
        treatment_type=record.treatment_type,
        diagnosis=record.diagnosis,
        ingredients=record.ingredients,
        restriction=dispenser.restriction,
        voided=False,
        patient_display=_patient_display(description.first_name, description.last_name, description),
        dispenser_display=dispenser.name,
        dispenser_npi=dispenser.npi,
        dispenser_ncpdp=dispenser.ncpdp,
        dispenser_dea=dispenser.dea,
        prescriber_display=_join(prescriber.first_name, prescriber.last_name),
    )


def voided(before: Dispensation, *, version: int, recorded_at: dt.datetime) -> Dispensation:
    """Return the copy of `before` that says it was an error."""
    return replace(before, version=version, recorded_at=recorded_at, voided=True)


def from_row(row: Row) -> tuple[Dispensation, UUID, bytes | None, bytes]:
    """Return (dispensation, description id, encrypted AIR, content hash) of a row of statement `versions`."""
    (
        person_id, dispensation_id, version, _, is_voided, restriction, recorded_at, _, _, _, description_id,
        dispenser_id, prescriber_id, rx_number, written_on, filled_on, sold_on, fill_number, refills, partial,
        qualifier, product_id, quantity, quantity_text, days_supply, unit, origin, payment, pharmacist_npi,
        pharmacist_license, rxnorm_qualifier, rxnorm_code, reference, order, prescribed, sig, treatment,
        diagnosis, ingredients, pickup, content_hash, first_name, last_name, suffix, species, animal_name,
        dispenser, npi, ncpdp, dea, prescriber_first, prescriber_last,
    ) = row  # fmt: skip
    described = Description(
        last_name, first_name, None, suffix=suffix, species=species, animal_name=animal_name
    )
    dispensation = Dispensation(
        dispensation_id=dispensation_id,
        version=version,
        person_id=person_id,
        dispenser_id=dispenser_id,
        prescriber_id=prescriber_id,
        recorded_at=recorded_at,
        rx_number=rx_number,
        written_on=written_on,
        filled_on=filled_on,
        sold_on=sold_on,
        fill_number=fill_number,
        refills_authorized=refills,
        partial_fill=partial,
        product_qualifier=qualifier,
        product_id=product_id,
        quantity=quantity,
        quantity_text=quantity_text,
        days_supply=days_supply,
        dosage_unit=unit,
        origin_code=origin,
        payment_code=payment,
        pharmacist_npi=pharmacist_npi,
        pharmacist_license=pharmacist_license,
        rxnorm_qualifier=rxnorm_qualifier,
        rxnorm_code=rxnorm_code,
        erx_reference=reference,
        erx_order=order,
        quantity_prescribed=prescribed,
        sig=sig,
        treatment_type=treatment,
        diagnosis=diagnosis,
        ingredients=_ingredients(ingredients),
        restriction=restriction,
        voided=is_voided,
        patient_display=_patient_display(first_name, last_name, described),
        dispenser_display=dispenser,
        dispenser_npi=npi,
        dispenser_ncpdp=ncpdp,
        dispenser_dea=dea,
        prescriber_display=_join(prescriber_first, prescriber_last),
    )
    return dispensation, description_id, None if pickup is None else bytes(pickup), bytes(content_hash)


def row_of(jurisdiction: str, one: Version, mappings: Mappings) -> tuple[Any, ...]:
    """Return the columns of statement `copy_versions`, with the resources rendered."""
    d = one.dispensation
    known, dispense, request = render(d, mappings)
    return (
        jurisdiction, d.person_id.bytes, d.dispensation_id.bytes, d.version, one.superseded_at, d.voided,
        d.restriction, d.recorded_at, one.submission_id.bytes, one.ordinal, one.status,
        one.description_id.bytes, d.dispenser_id.bytes, d.prescriber_id.bytes, d.rx_number, d.written_on,
        d.filled_on, d.sold_on, d.fill_number, d.refills_authorized, d.partial_fill, d.product_qualifier,
        d.product_id, d.quantity, d.quantity_text, d.days_supply, d.dosage_unit, d.origin_code,
        d.payment_code, d.pharmacist_npi, d.pharmacist_license, d.rxnorm_qualifier, d.rxnorm_code,
        known.rxcui, d.erx_reference, d.erx_order, d.quantity_prescribed, d.sig, d.treatment_type,
        d.diagnosis, _ingredients_json(d.ingredients), one.pickup, one.content_hash,
        known.mme_per_day, known.mme_table, text_array(known.drug_classes), dispense, request,
        mappings.version,
    )  # fmt: skip


def rendered(d: Dispensation, mappings: Mappings) -> tuple[bytes, bytes]:
    """Return the MedicationDispense and the MedicationRequest."""
    return render(d, mappings)[1:]


def sealed_pickup(vault: Vault, record: RecordValue, dispensation_id: UUID) -> bytes | None:
    """Return the AIR segment as sent, encrypted, or None."""
    if not record.pickup:
        return None
    return vault.encrypt(record.pickup.encode(), PICKUP + dispensation_id.bytes)


def _patient_display(first_name: str, last_name: str, described: Description) -> str:
    if described.species == "animal":
        return _join(described.animal_name, last_name)
    return _join(first_name, last_name, described.suffix)


def _join(*words: str) -> str:
    return " ".join(filter(None, words))


def _ingredients_json(ingredients: Sequence[Ingredient]) -> Jsonb | None:
    if not ingredients:
        return None
    return Jsonb(
        [
            {
                "sequence": one.sequence,
                "qualifier": one.qualifier,
                "product_id": one.product_id,
                "quantity": one.quantity_text,
                "unit": one.unit,
            }
            for one in ingredients
        ]
    )


def _ingredients(stored: list[dict[str, Any]] | None) -> list[Ingredient]:
    return [
        Ingredient(
            one["sequence"],
            one["qualifier"],
            one["product_id"],
            Decimal(one["quantity"]),
            one["quantity"],
            one["unit"],
        )
        for one in stored or ()
    ]
