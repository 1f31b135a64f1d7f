"""A dispensation as MedicationDispense and MedicationRequest, and the facts that SQL selects by.

Rule: HL7 US PDMP guide 1.0.0, profile pdmp-medicationdispense; US Core 6.1.0, us-core-medicationrequest.
Only what was reported is written; a required value that was not carries a data-absent-reason. Both
resources have the dispensation's id and version. References are relative.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from gateway.clinical.drug import Lane, lanes_of
from gateway.clinical.mme import Dose, Part, of_compound, of_product
from gateway.core.records import Dispensation, Ingredient
from gateway.mapping.fragments import NDC, PDMP, US_CORE, coding, days, identifier, rxnorm
from gateway.mapping.tables import Mappings
from gateway.mapping.text import ABSENT, ABSENT_ERROR, UCUM, decimal_text, fraction_decimal, meta_head, quote

COMPOUND = "06"
_DISPENSE_PROFILE = f'"{PDMP}pdmp-medicationdispense"'
_REQUEST_PROFILE = f'"{US_CORE}us-core-medicationrequest"'
_FILLER = ("FILL", "Filler Identifier")
_PLACER = ("PLAC", "Placer Identifier")


@dataclass(frozen=True, slots=True)
class DispensationFacts:
    """What a query selects or sums by. `mme_per_day` is mg a day by `mme_table`; both None: not counted.

    `uncounted` is the reason (`gateway.clinical.mme.Uncounted`), empty when counted.
    """

    mme_per_day: Decimal | None
    mme_table: str | None
    drug_classes: tuple[str, ...]
    rxcui: str
    uncounted: str


def facts(d: Dispensation, m: Mappings) -> DispensationFacts:
    """Return the facts of one dispensation."""
    return _judged(d, m).facts


def render(d: Dispensation, m: Mappings) -> tuple[DispensationFacts, bytes, bytes]:
    """Return the facts, and the MedicationDispense and the MedicationRequest as JSON."""
    shared, judged = _shared(d, m), _judged(d, m)
    return judged.facts, _dispense(d, m, shared, judged), _request(d, m, shared)


def render_dispense(d: Dispensation, m: Mappings) -> bytes:
    """Return the MedicationDispense as JSON."""
    return _dispense(d, m, _shared(d, m), _judged(d, m))


def render_request(d: Dispensation, m: Mappings) -> bytes:
    """Return the MedicationRequest as JSON: the prescription as the pharmacy reported it."""
    return _request(d, m, _shared(d, m))


class _Shared(NamedTuple):
    """What both resources of one dispensation hold, as JSON text; `id` is its id alone."""

    id: str
    about: str
    """`meta` up to its profile."""
    security: str
    rx: str
    medication: str
    subject: str
    dosage: str


def _shared(d: Dispensation, m: Mappings) -> _Shared:
    f = m.fragments
    return _Shared(
        id=str(d.dispensation_id),
        about=meta_head(version=d.version, updated_at=d.recorded_at, source=f.source),
        security=f.security[d.restriction] if d.restriction else "",
        rx=_rx_identifier(d, m),
        medication=_medication(d, m),
        subject=f'"subject":{{"reference":"Patient/{d.person_id}"}}',
        dosage=f',"dosageInstruction":[{{"text":{quote(d.sig)}}}]' if d.sig else "",
    )


def _dispense(d: Dispensation, m: Mappings, shared: _Shared, judged: _Judged) -> bytes:
    f = m.fragments
    rx = shared.rx
    head = _head("MedicationDispense", shared, _DISPENSE_PROFILE)
    unit = f.unit.get(d.dosage_unit) or f',"_unit":{ABSENT}'
    status = "entered-in-error" if d.voided else "completed"
    return (
        f"{head}{_extension(d, m, judged)},"
        f'"identifier":[{rx}],"status":"{status}",'
        f'"type":{_supply_type(d, m)},'
        f'"medicationCodeableConcept":{shared.medication},{shared.subject},'
        f'"performer":[{{"actor":{_dispenser(d, m)}}}],'
        f'"authorizingPrescription":[{{"reference":"MedicationRequest/{shared.id}","identifier":{rx}}}],'
        f'"quantity":{{"value":{decimal_text(d.quantity_text, d.quantity)}{unit}}},'
        f'"daysSupply":{days(d.days_supply)},'
        f'"whenPrepared":"{d.filled_on.isoformat()}",{_handed_over(d)}{shared.dosage}}}'
    ).encode()


def _request(d: Dispensation, m: Mappings, shared: _Shared) -> bytes:
    identifiers = shared.rx
    if d.erx_order:
        system = f"{m.identifier_base}/fhir/sid/erx-order"
        identifiers += "," + identifier(system, d.erx_order, _PLACER)
    # Whether a prescription is still in force is not reported to a PDMP.
    status = "entered-in-error" if d.voided else "unknown"
    return (
        f"{_head('MedicationRequest', shared, _REQUEST_PROFILE)},"
        f'"identifier":[{identifiers}],"status":"{status}","intent":"order",'
        f'"medicationCodeableConcept":{shared.medication},{shared.subject},'
        f'"authoredOn":"{d.written_on.isoformat()}",'
        f'"requester":{_practitioner(d.prescriber_id, d.prescriber_display)}'
        f"{shared.dosage}{_dispense_request(d, m)}}}"
    ).encode()


def _head(kind: str, shared: _Shared, profile: str) -> str:
    return (
        f'{{"resourceType":"{kind}","id":"{shared.id}",'
        f'{shared.about},"profile":[{profile}]{shared.security}}}'
    )


def _rx_identifier(d: Dispensation, m: Mappings) -> str:
    # Prescription numbers are unique within a pharmacy only: a system each.
    return identifier(_rx_system(m.identifier_base, d.dispenser_id), d.rx_number, _FILLER)


# Pharmacies and prescribers are few, and in every record.
@lru_cache(maxsize=65536)
def _rx_system(identifier_base: str, dispenser_id: UUID) -> str:
    return f"{identifier_base}/fhir/sid/rx/{dispenser_id}"


def _extension(d: Dispensation, m: Mappings, judged: _Judged) -> str:
    f = m.fragments
    parts: list[str] = []
    # positiveInt: the guide's fill number cannot say 0, so an original fill has none.
    if d.fill_number > 0:
        parts.append(f'{{"url":"{PDMP}pdmp-extension-rx-fill-number","valuePositiveInt":{d.fill_number}}}')
    for table, code in (
        (f.origin, d.origin_code),
        (f.payment, d.payment_code),
        (f.treatment, d.treatment_type),
    ):
        if (extension := table.get(code)) is not None:
            parts.append(extension)
    parts += judged.extensions
    return f',"extension":[{",".join(parts)}]' if parts else ""


def _handed_over(d: Dispensation) -> str:
    if d.sold_on is None:
        return f'"_whenHandedOver":{ABSENT}'
    if d.sold_on < d.filled_on:
        # R4 invariant mdd-1: nothing is handed over before it is prepared.
        return f'"_whenHandedOver":{ABSENT_ERROR}'
    return f'"whenHandedOver":"{d.sold_on.isoformat()}"'


def _supply_type(d: Dispensation, m: Mappings) -> str:
    whole = d.partial_fill in ("00", "")
    kind = f"{'refill' if d.fill_number else 'original'}-{'whole' if whole else 'partial'}"
    code = coding(m.fragments.supply_type[kind])
    ordinal = "" if whole else f',"text":"Partial fill {int(d.partial_fill)}"'
    return f'{{"coding":[{code}]{ordinal}}}'


def _medication(d: Dispensation, m: Mappings) -> str:
    if d.product_qualifier == COMPOUND:
        return _compound(d, m)
    if d.product_qualifier == "01" and (known := m.fragments.medication.get(d.product_id)) is not None:
        return known
    system = _product_system(d.product_qualifier, m)
    codings = f'{{"system":{quote(system)},"code":{quote(d.product_id)},"userSelected":true}}'
    if reported := _reported_rxcui(d):
        codings += "," + rxnorm(reported)
    name = "NDC" if system == NDC else "product code"
    return f'{{"coding":[{codings}],"text":{quote(f"Unknown drug ({name} {d.product_id})")}}}'


def _compound(d: Dispensation, m: Mappings) -> str:
    system = f"{m.identifier_base}/fhir/sid/compound/{d.dispenser_id}"
    contents = "; ".join(_ingredient(i, m) for i in sorted(d.ingredients, key=lambda i: i.sequence))
    text = f"Compound of {contents}" if contents else "Compound, ingredients not reported"
    # An ingredient's NDC names a part of it, not the whole: in the text only.
    return (
        f'{{"coding":[{{"system":{quote(system)},"code":{quote(d.product_id)},"userSelected":true}}],'
        f'"text":{quote(text)}}}'
    )


def _ingredient(i: Ingredient, m: Mappings) -> str:
    drug = m.drugs.get(i.product_id) if i.qualifier == "01" else None
    name = (
        drug.name
        if drug
        else f"unknown ingredient ({'NDC' if i.qualifier == '01' else 'code'} {i.product_id})"
    )
    unit = m.fragments.unit_name.get(i.unit, "")
    return f"{name}, {decimal_text(i.quantity_text, i.quantity)} {unit}".rstrip()


def _product_system(qualifier: str, m: Mappings) -> str:
    public = m.product_systems.get(qualifier)
    return public or f"{m.identifier_base}/fhir/sid/product/{quote(qualifier)[1:-1]}"


def _reported_rxcui(d: Dispensation) -> str:
    return d.rxnorm_code if re.fullmatch(r"[0-9]{1,8}", d.rxnorm_code) else ""


def _dispenser(d: Dispensation, m: Mappings) -> str:
    return _organization(
        m, d.dispenser_id, d.dispenser_npi, d.dispenser_ncpdp, d.dispenser_dea, d.dispenser_display
    )


@lru_cache(maxsize=16384)
def _organization(m: Mappings, dispenser_id: UUID, npi: str, ncpdp: str, dea: str, name: str) -> str:
    for kind, value in (("npi", npi), ("ncpdp", ncpdp), ("dea", dea)):
        if value:
            number = f',"identifier":{identifier(m.systems[kind], value)}'
            break
    else:
        number = ""
    display = f',"display":{quote(name)}' if name else ""
    return f'{{"reference":"Organization/{dispenser_id}"{number}{display}}}'


@lru_cache(maxsize=65536)
def _practitioner(prescriber_id: UUID, name: str) -> str:
    display = f',"display":{quote(name)}' if name else ""
    return f'{{"reference":"Practitioner/{prescriber_id}"{display}}}'


def _dispense_request(d: Dispensation, m: Mappings) -> str:
    parts: list[str] = []
    if d.refills_authorized is not None:
        parts.append(f'"numberOfRepeatsAllowed":{d.refills_authorized}')
    if d.quantity_prescribed is not None:
        unit = m.fragments.unit.get(d.dosage_unit, "")
        parts.append(f'"quantity":{{"value":{format(d.quantity_prescribed, "f")}{unit}}}')
    return f',"dispenseRequest":{{{",".join(parts)}}}' if parts else ""


@dataclass(frozen=True, slots=True)
class _Judged:
    facts: DispensationFacts
    extensions: tuple[str, ...]


def _judged(d: Dispensation, m: Mappings) -> _Judged:
    if d.product_qualifier == COMPOUND:
        return _judge_compound(d, m)
    if d.product_qualifier == "01" and d.product_id in m.drugs:
        return _judge_product(m, d.product_id, d.quantity, d.dosage_unit, d.days_supply)
    dose = of_product(m.mme, Part(None, d.quantity, d.dosage_unit), d.days_supply)
    return _judgement(m, dose, (), _reported_rxcui(d))


# The same package in the same amount comes again and again: most of a file is answered from here.
@lru_cache(maxsize=65536)
def _judge_product(m: Mappings, ndc11: str, quantity: Decimal, unit: str, days_supply: int) -> _Judged:
    drug = m.drugs[ndc11]
    return _judgement(m, of_product(m.mme, Part(drug, quantity, unit), days_supply), drug.lanes, drug.rxcui)


def _judge_compound(d: Dispensation, m: Mappings) -> _Judged:
    parts = [
        Part(m.drugs.get(i.product_id) if i.qualifier == "01" else None, i.quantity, i.unit)
        for i in d.ingredients
    ]
    substances = tuple(s for part in parts if part.drug for s in part.drug.substances)
    return _judgement(m, of_compound(m.mme, parts, d.days_supply), lanes_of(substances), "")


def _judgement(m: Mappings, dose: Dose, lanes: tuple[Lane, ...], rxcui: str) -> _Judged:
    own = f"{m.identifier_base}/fhir/StructureDefinition"
    extensions: list[str] = []
    value = None
    if dose.per_day is not None:
        value = fraction_decimal(dose.per_day)
        # By the letter of the guide a patch is its strength in mcg/h; ours beside it is always mg a day.
        guide = value if dose.patch is None else fraction_decimal(dose.patch)
        extensions.append(f'{{"url":"{PDMP}pdmp-extension-mme","valueDecimal":{guide:f}}}')
        amount = f'{{"value":{value:f},"unit":"mg/d","system":"{UCUM}","code":"mg/d"}}'
        extensions.append(
            f'{{"url":{quote(own + "/mme-per-day")},"extension":[{{"url":"dose","valueQuantity":{amount}}},'
            f'{{"url":"table","valueString":{quote(dose.table)}}}]}}'
        )
    for lane in lanes:
        extensions.append(f'{{"url":{quote(own + "/drug-class")},"valueCode":"{lane.value}"}}')
    return _Judged(
        DispensationFacts(
            mme_per_day=value,
            mme_table=None if value is None else dose.table,
            drug_classes=tuple(lane.value for lane in lanes),
            rxcui=rxcui,
            uncounted=dose.reason.value if dose.reason else "",
        ),
        tuple(extensions),
    )
