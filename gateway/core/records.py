"""The nouns of the domain, as plain values: ingest fills them, the store keeps them, mapping reads them.

Dates are calendar dates without a zone; quantities are exact decimals as reported. Reported identifiers
of patients (SSN, licence and the like) are deliberately not part of anything that mapping can see.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID


@dataclass(slots=True)
class Address:
    """A US or foreign postal address as reported; empty text is absent."""

    line1: str = ""
    line2: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""
    country: str = ""


@dataclass(slots=True)
class Description:
    """How one report described a person or an animal (ASAP PAT), without its identifiers.

    `species` is `human` or `animal`; for an animal the names are the owner's and `animal_name` its own.
    `reported_at` is when a report last carried this very description.
    """

    last_name: str
    first_name: str
    birth_date: dt.date | None
    middle_name: str = ""
    prefix: str = ""
    suffix: str = ""
    gender: str = ""
    species: str = "human"
    animal_name: str = ""
    phone: str = ""
    location_code: str = ""
    address: Address = field(default_factory=Address)
    reported_at: dt.datetime | None = None


@dataclass(slots=True)
class Person:
    """A person or animal with every description that was joined into it, newest first (at least one).

    `replaces`: the persons that a steward merged into this one.
    """

    person_id: UUID
    version: int
    updated_at: dt.datetime
    descriptions: list[Description]
    replaces: tuple[UUID, ...] = ()


@dataclass(slots=True)
class MergedPerson:
    """A person whom a steward merged into another: its id stays, and points to the one that stands for it."""

    person_id: UUID
    version: int
    updated_at: dt.datetime
    species: str
    merged_into: UUID


@dataclass(slots=True)
class Dispenser:
    """A pharmacy or dispensing practitioner (ASAP PHA).

    `restriction` is `part2` for an opioid treatment programme (42 CFR Part 2).
    """

    dispenser_id: UUID
    version: int
    updated_at: dt.datetime
    name: str = ""
    npi: str = ""
    ncpdp: str = ""
    dea: str = ""
    permit: str = ""
    phone: str = ""
    address: Address = field(default_factory=Address)
    restriction: str | None = None


@dataclass(slots=True)
class Prescriber:
    """A prescriber (ASAP PRE). `deas` may carry `-SUFFIX`; `licenses` are (state or "", number)."""

    prescriber_id: UUID
    version: int
    updated_at: dt.datetime
    last_name: str = ""
    first_name: str = ""
    middle_name: str = ""
    phone: str = ""
    npi: str = ""
    deas: list[str] = field(default_factory=list)
    licenses: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class Ingredient:
    """One ingredient of a compound (ASAP CDI), in the order reported. `unit` is 01 each, 02 mL, 03 g."""

    sequence: int
    qualifier: str
    product_id: str
    quantity: Decimal
    quantity_text: str
    unit: str = ""


@dataclass(slots=True)
class Dispensation:
    """One version of one dispensation (ASAP DSP with its PRE, CDI), as it will be stored and shown.

    `quantity_text` is the number as sent; `partial_fill` is two digits, `00` for a whole fill;
    `fill_number` 0 is the original. Codes are ASAP's own. `voided` makes the resource entered-in-error.
    """

    dispensation_id: UUID
    version: int
    person_id: UUID
    dispenser_id: UUID
    prescriber_id: UUID
    recorded_at: dt.datetime
    rx_number: str
    written_on: dt.date
    filled_on: dt.date
    sold_on: dt.date | None
    fill_number: int
    refills_authorized: int | None
    partial_fill: str
    product_qualifier: str
    product_id: str
    quantity: Decimal
    quantity_text: str
    days_supply: int
    dosage_unit: str = ""
    origin_code: str = ""
    payment_code: str = ""
    pharmacist_npi: str = ""
    pharmacist_license: str = ""
    rxnorm_qualifier: str = ""
    rxnorm_code: str = ""
    erx_reference: str = ""
    erx_order: str = ""
    quantity_prescribed: Decimal | None = None
    sig: str = ""
    treatment_type: str = ""
    diagnosis: str = ""
    ingredients: list[Ingredient] = field(default_factory=list)
    restriction: str | None = None
    voided: bool = False
    patient_display: str = ""
    dispenser_display: str = ""
    dispenser_npi: str = ""
    dispenser_ncpdp: str = ""
    dispenser_dea: str = ""
    prescriber_display: str = ""


@dataclass(frozen=True, slots=True)
class AccountHolder:
    """Who an account belongs to. `license` is `ST:NUMBER`."""

    account_id: UUID
    created_at: dt.datetime
    given_name: str
    family_name: str
    npi: str | None
    dea: str | None
    license: str | None


Counted = tuple[
    str, dt.date, str, str, dt.date | None, str, str | None, list[dict[str, Any]] | None,
    str | None, str, str | None,
]  # fmt: skip
"""What arithmetic needs of one current dispensation, as it is stored: a few columns, no person.

Its id, the day of filling, ids of prescriber and dispenser (all ids are text), the day of sale; the package:
product qualifier, product id, quantity, dosage unit and days of supply; the part: Rx number, fill number and
partial fill, None for a whole fill (package and part have U+001F between their fields); the ingredients of a
compound; the restriction; the treatment type; the directions of a supply of one day. A plain tuple: there are
hundreds in an answer.
"""
