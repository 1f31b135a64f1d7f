"""What valid segments mean: typed values, and the normalised text by which content is compared.

Content is the same however it is spelled: numbers are compared as numbers, a blank DSP13 is 00, trailing
empty elements and spaces around a value say nothing, hyphens in patient identifiers and NDCs don't matter.
DSP01 is no content: it says what to do with it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache

from gateway.core.records import Address, Description, Ingredient
from gateway.ingest.elements import Values, date_of
from gateway.ingest.report import Finding, refuses
from gateway.match.normalise import identifier_key

UNIT = "\x1f"


def _fields(names: str) -> tuple[str, ...]:
    return tuple(names.split())


PHARMACY_FIELDS = _fields("npi ncpdp dea name line1 line2 city state postal_code phone permit")
PATIENT_FIELDS = _fields(
    "issuer1 qualifier1 identifier1 issuer2 qualifier2 identifier2 last_name first_name middle_name prefix "
    "suffix line1 line2 city state postal_code phone birth_date gender species location_code country "
    "animal_name"
)
PRESCRIBER_FIELDS = _fields("npi dea dea_suffix license last_name first_name middle_name phone license_state")
RECORD_FIELDS = _fields(
    "status rx_number written_on refills_authorized filled_on fill_number product_qualifier product_id "
    "quantity days_supply dosage_unit origin_code partial_fill pharmacist_npi pharmacist_license "
    "payment_code sold_on rxnorm_qualifier rxnorm_code erx_reference erx_order quantity_prescribed sig "
    "treatment_type diagnosis"
)
INGREDIENT_FIELDS = _fields("sequence product_qualifier product_id quantity dosage_unit")

_HYPHENATED = re.compile(r"([0-9]{4,5})-([0-9]{3,4})-([0-9]{1,2})\Z")
_HUMAN, _ANIMAL = "01", "02"


@dataclass(slots=True, eq=False)
class PharmacyValue:
    """A PHA. `findings` hold for every record of it."""

    npi: str
    ncpdp: str
    dea: str
    name: str
    permit: str
    phone: str
    address: Address
    findings: tuple[Finding, ...]
    refused: bool = False

    @property
    def identifiers(self) -> tuple[tuple[str, str], ...]:
        """Return (kind, value) of what names it."""
        pairs = (("npi", self.npi), ("ncpdp", self.ncpdp), ("dea", self.dea))
        return tuple((kind, value) for kind, value in pairs if value)


@dataclass(slots=True, eq=False)
class PatientValue:
    """A PAT. `identifiers` are (qualifier, issuer, value as sent)."""

    description: Description
    identifiers: tuple[tuple[str, str, str], ...]
    content: str
    findings: tuple[Finding, ...]
    refused: bool = False


@dataclass(slots=True, eq=False)
class PrescriberValue:
    """A PRE. Numbers that fail their check digit name nobody and are left out here."""

    npi: str
    dea: str
    dea_suffix: str
    license: str
    license_state: str
    last_name: str
    first_name: str
    middle_name: str
    phone: str
    content: str
    findings: tuple[Finding, ...]
    lacks_dea: bool = False
    refused: bool = False

    @property
    def identifiers(self) -> tuple[tuple[str, str], ...]:
        """Return (kind, value) strongest first: NPI, DEA number with its suffix, licence with its state."""
        dea = f"{self.dea}-{self.dea_suffix}" if self.dea and self.dea_suffix else self.dea
        license_ = f"{self.license_state}:{self.license}" if self.license else ""
        pairs = (("npi", self.npi), ("dea", dea), ("license", license_))
        return tuple((kind, value) for kind, value in pairs if value)


@dataclass(slots=True, eq=False)
class RecordValue:
    """One dispensing record: a DSP with its PRE, CDI and AIR, under its PAT and PHA. Places count from 1."""

    ordinal: int
    pharmacy: PharmacyValue
    patient: PatientValue
    prescriber: PrescriberValue
    status: str
    rx_number: str
    written_on: dt.date
    refills_authorized: int
    filled_on: dt.date
    fill_number: int
    product_qualifier: str
    product_id: str
    quantity: Decimal
    quantity_text: str
    days_supply: int
    dosage_unit: str
    origin_code: str
    partial_fill: str
    pharmacist_npi: str
    pharmacist_license: str
    payment_code: str
    sold_on: dt.date | None
    rxnorm_qualifier: str
    rxnorm_code: str
    erx_reference: str
    erx_order: str
    quantity_prescribed: Decimal | None
    sig: str
    treatment_type: str
    diagnosis: str
    ingredients: list[Ingredient] = field(default_factory=list)
    pickup: str = ""
    content_hash: bytes = b""


def pharmacy_value(values: Sequence[str], findings: tuple[Finding, ...]) -> PharmacyValue:
    """Return a PHA from its values in the order of PHARMACY_FIELDS."""
    npi, ncpdp, dea, name, line1, line2, city, state, postal_code, phone, permit = values
    address = Address(line1, line2, city, state.upper(), postal_code)
    return PharmacyValue(npi, ncpdp, dea, name, permit, phone, address, findings)


def patient_value(values: Sequence[str], findings: tuple[Finding, ...]) -> PatientValue:
    """Return a PAT from its values in the order of PATIENT_FIELDS."""
    (
        issuer1, qualifier1, identifier1, issuer2, qualifier2, identifier2, last_name, first_name,
        middle_name, prefix, suffix, line1, line2, city, state, postal_code, phone, birth_date, gender,
        species, location_code, country, animal_name,
    ) = values  # fmt: skip
    animal = species == _ANIMAL
    identifiers = tuple(
        (qualifier, issuer.upper(), identifier)
        for issuer, qualifier, identifier in (
            (issuer1, qualifier1, identifier1),
            (issuer2, qualifier2, identifier2),
        )
        if qualifier and identifier
    )
    description = Description(
        last_name=last_name,
        first_name=first_name,
        birth_date=date_of(birth_date),
        middle_name=middle_name,
        prefix=prefix,
        suffix=suffix,
        gender=gender,
        species="animal" if animal else "human",
        animal_name=animal_name if animal else "",
        phone=phone,
        location_code=location_code,
        address=Address(line1, line2, city, state.upper(), postal_code, country),
    )
    normalised = list(values)
    normalised[2] = identifier_key(qualifier1, identifier1)
    normalised[5] = identifier_key(qualifier2, identifier2)
    normalised[19] = species or _HUMAN
    return PatientValue(description, identifiers, UNIT.join(normalised), findings, refuses(findings))


def prescriber_value(values: Sequence[str], findings: tuple[Finding, ...]) -> PrescriberValue:
    """Return a PRE from its values in the order of PRESCRIBER_FIELDS."""
    npi, dea, dea_suffix, license_, last_name, first_name, middle_name, phone, license_state = values
    return PrescriberValue(
        npi=npi,
        dea=dea.upper(),
        dea_suffix=dea_suffix.upper(),
        license=license_.upper(),
        license_state=license_state.upper(),
        last_name=last_name,
        first_name=first_name,
        middle_name=middle_name,
        phone=phone,
        content=UNIT.join(values),
        findings=findings,
        lacks_dea=not dea,
        refused=refuses(findings),
    )


def record_content(values: Values, product_id: str) -> str:
    """Return the normalised text of a DSP (in the order of RECORD_FIELDS), without DSP01.

    `product_id` is DSP08 as it is stored: an NDC without its hyphens.
    """
    normalised = list(values[1:])
    normalised[2] = whole(values[3])
    normalised[4] = whole(values[5])
    normalised[6] = product_id
    normalised[7] = decimal(values[8])
    normalised[8] = whole(values[9])
    normalised[11] = values[12] or "00"
    if values[21]:
        normalised[20] = decimal(values[21])
    return UNIT.join(normalised)


def ingredient_content(values: Values) -> str:
    """Return the normalised text of a CDI (in the order of INGREDIENT_FIELDS)."""
    sequence, qualifier, product, quantity, unit = values
    return UNIT.join((whole(sequence), qualifier, product, decimal(quantity), unit))


def pickup_content(values: Values) -> str:
    """Return the normalised text of an AIR, empty when nothing is in it."""
    return UNIT.join(values).rstrip(UNIT)


def whole(text: str) -> str:
    """Return a whole number without zeros in front."""
    return text.lstrip("0") or ("0" if text else "")


@lru_cache(maxsize=16384)
def decimal(text: str) -> str:
    """Return a decimal without zeros that say nothing: 90.00 is 90."""
    if not text:
        return ""
    before, _, after = text.partition(".")
    after = after.rstrip("0")
    before = before.lstrip("0") or "0"
    return f"{before}.{after}" if after else before


@lru_cache(maxsize=16384)
def number(text: str) -> Decimal:
    """Return the exact value of a D element."""
    return Decimal(text)


def ndc11(text: str) -> str | None:
    """Return the 11-digit NDC without hyphens, or None when it is none.

    Ten digits without hyphens cannot be padded: 4-4-2, 5-3-2 and 5-4-1 put the zero in different places.
    """
    if len(text) == 11 and text.isdigit():
        return text
    parts = _HYPHENATED.match(text)
    if parts is None or sum(map(len, parts.groups())) < 10:
        return None
    return parts[1].zfill(5) + parts[2].zfill(4) + parts[3].zfill(2)
