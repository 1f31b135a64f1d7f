"""The shapes that are rendered in tests: facts as ingest would hand them over, about nobody who exists."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from uuid import UUID

from gateway.core.records import (
    Address,
    Description,
    Dispensation,
    Dispenser,
    Ingredient,
    MergedPerson,
    Person,
    Prescriber,
)
from gateway.mapping.dispensation import render_dispense, render_request
from gateway.mapping.organization import render_dispenser
from gateway.mapping.person import render_merged_patient, render_patient
from gateway.mapping.practitioner import render_prescriber
from gateway.mapping.tables import Mappings

BASE = "https://pdmp.example.org"
FOLDER = Path(__file__).resolve().parents[2] / "mappings"
NOW = dt.datetime(2026, 11, 20, 17, 4, 5, 250_000, tzinfo=dt.UTC)


def uid(number: int) -> UUID:
    return UUID(f"01930000-0000-7000-8000-{number:012d}")


@cache
def mappings() -> Mappings:
    return Mappings.load(FOLDER, jurisdiction="KY", identifier_base=BASE)


def dispensation(**changes: object) -> Dispensation:
    """Oxycodone 10 mg, 120 tablets for 30 days, sold on the day it was filled."""
    plain = Dispensation(
        dispensation_id=uid(1),
        version=1,
        person_id=uid(2),
        dispenser_id=uid(3),
        prescriber_id=uid(4),
        recorded_at=NOW,
        rx_number="5010001",
        written_on=dt.date(2026, 11, 1),
        filled_on=dt.date(2026, 11, 2),
        sold_on=dt.date(2026, 11, 2),
        fill_number=0,
        refills_authorized=0,
        partial_fill="00",
        product_qualifier="01",
        product_id="10702005601",
        quantity=Decimal("120"),
        quantity_text="120",
        days_supply=30,
        dosage_unit="01",
        origin_code="05",
        payment_code="04",
        rxnorm_qualifier="01",
        rxnorm_code="1049683",
        erx_reference="ACF9A26C",
        erx_order="605C6F50CD69",
        quantity_prescribed=Decimal("120"),
        sig="TAKE 4 A DAY BY MOUTH",
        treatment_type="11",
        dispenser_display="Falls City Apothecary",
        dispenser_npi="1999000015",
        dispenser_ncpdp="1890018",
        dispenser_dea="FF9000011",
        prescriber_display="Silas Whitaker",
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def compound(**changes: object) -> Dispensation:
    """Methadone in a vehicle that no table knows."""
    return dispensation(
        **{
            "product_qualifier": "06",
            "product_id": "99999KYC001",
            "quantity": Decimal("300"),
            "quantity_text": "300",
            "dosage_unit": "02",
            "rxnorm_qualifier": "",
            "rxnorm_code": "",
            "ingredients": [
                Ingredient(1, "01", "00054039268", Decimal("30"), "30", "02"),
                Ingredient(2, "01", "38779999908", Decimal("270"), "270", "02"),
            ],
            **changes,
        }
    )


def person(*descriptions: Description) -> Person:
    return Person(uid(2), 1, NOW, list(descriptions) or [description()])


def description(**changes: object) -> Description:
    plain = Description(
        last_name="Turpin",
        first_name="Hazel",
        birth_date=dt.date(1951, 5, 23),
        middle_name="Ann",
        gender="F",
        phone="5025557373",
        location_code="01",
        address=Address("45 Sycamore Street", "", "Louisville", "KY", "402141234"),
        reported_at=NOW,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def dispenser(**changes: object) -> Dispenser:
    plain = Dispenser(
        dispenser_id=uid(3),
        version=2,
        updated_at=NOW,
        name="Falls City Apothecary",
        npi="1999000015",
        ncpdp="1890018",
        dea="FF9000011",
        permit="KYP00001",
        phone="5025550100",
        address=Address("4915 Elm St", "", "Louisville", "KY", "40202"),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def prescriber(**changes: object) -> Prescriber:
    plain = Prescriber(
        prescriber_id=uid(4),
        version=1,
        updated_at=NOW,
        last_name="Whitaker",
        first_name="Silas",
        phone="5025554002",
        npi="1999500022",
        deas=["BW9500023", "AB1234563-1207"],
        licenses=[("KY", "KY50002"), ("", "99-1")],
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def _both(d: Dispensation) -> dict[str, bytes]:
    return {
        "dispense": render_dispense(d, mappings()),
        "request": render_request(d, mappings()),
    }


def _patient(*descriptions: Description) -> dict[str, bytes]:
    return {"patient": render_patient(person(*descriptions), mappings())}


_BARE = Address()

#: Name of a golden file -> what is rendered. Each covers what the others do not.
SHAPES: dict[str, Callable[[], dict[str, bytes]]] = {
    "tablet": lambda: _both(dispensation()),
    "refill-not-sold": lambda: _both(
        dispensation(
            sold_on=None,
            fill_number=2,
            refills_authorized=5,
            product_id="00228203110",
            quantity=Decimal("90.00"),
            quantity_text="90.00",
            treatment_type="",
            quantity_prescribed=None,
            rxnorm_code="197321",
            erx_order="",
        )
    ),
    "partial-liquid": lambda: _both(
        dispensation(
            partial_fill="02",
            product_id="00054023749",
            quantity=Decimal("629.93"),
            quantity_text="629.93",
            days_supply=14,
            dosage_unit="02",
            quantity_prescribed=None,
        )
    ),
    "patch": lambda: _both(
        dispensation(product_id="00378912298", quantity=Decimal("10"), quantity_text="10", sig="")
    ),
    "buprenorphine": lambda: _both(
        dispensation(
            product_id="00054018913", quantity=Decimal("60"), quantity_text="60", treatment_type="02"
        )
    ),
    "unknown-ndc": lambda: _both(
        dispensation(
            product_id="99998123401", rxnorm_code="", dosage_unit="", origin_code="", payment_code=""
        )
    ),
    "compound": lambda: _both(compound()),
    "voided": lambda: _both(dispensation(version=3, voided=True)),
    "part-2": lambda: _both(
        dispensation(
            product_id="00054039268",
            quantity=Decimal("8"),
            quantity_text="8",
            days_supply=1,
            dosage_unit="02",
            origin_code="99",
            treatment_type="02",
            restriction="part2",
            dispenser_ncpdp="",
        )
    ),
    "zero-days": lambda: _both(dispensation(days_supply=0, product_id="00093005801")),
    "person-renamed": lambda: _patient(
        description(last_name="Turpin-Hale", suffix="JR", phone="8595550000", address=Address("1 New Rd")),
        description(),
        description(last_name="TURPIN"),
    ),
    "person-merged": lambda: {
        "patient": render_patient(
            Person(uid(2), 4, NOW, [description(), description(last_name="TURPIN")], (uid(7),)), mappings()
        )
    },
    "person-merged-away": lambda: {
        "patient": render_merged_patient(MergedPerson(uid(7), 3, NOW, "human", uid(2)), mappings())
    },
    "animal": lambda: _patient(description(species="animal", animal_name="Biscuit")),
    "pharmacy": lambda: {"organization": render_dispenser(dispenser(), mappings())},
    "dispensing-practitioner": lambda: {
        "organization": render_dispenser(
            dispenser(name="", npi="1999000016", ncpdp="", dea="", phone="", address=_BARE), mappings()
        )
    },
    "prescriber": lambda: {"practitioner": render_prescriber(prescriber(), mappings())},
    "prescriber-unnamed": lambda: {
        "practitioner": render_prescriber(
            prescriber(last_name="", first_name="", phone="", npi="", deas=[], licenses=[]), mappings()
        )
    },
}
