"""Rows that no sample has: made from the drug table, for edges and properties."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from gateway.clinical.picture import Rules
from gateway.clinical.row import Row
from gateway.clinical.supplies import Starts, Supply, supplies
from gateway.mapping.rows import row
from tests.mapping.shapes import dispensation, mappings, uid

TODAY = dt.date(2026, 11, 20)
OXYCODONE_5 = "76420076301"
OXYCODONE_10 = "10702005601"
HYDROCODONE_10 = "00406012501"
METHADONE_10 = "00054457125"
FENTANYL_25 = "00378912198"
FENTANYL_50 = "00378912298"
TRAMADOL_50 = "00093005801"
BUPRENORPHINE = "00054018913"
ALPRAZOLAM_1 = "00228203110"
GABAPENTIN = "00378542705"
CARISOPRODOL = "00591551301"
UNKNOWN = "99998123401"


def by_name(words: str) -> str:
    """Return the NDC of the first product whose name holds `words`."""
    return next(d.ndc11 for d in mappings().drugs.values() if words.lower() in d.name.lower())


def made(
    number: int,
    ndc: str,
    filled: dt.date,
    days: int = 30,
    quantity: str = "30",
    *,
    sold: dt.date | None = None,
    **changes: object,
) -> Row:
    """One row of dispensation `number`, a prescription of its own; sold when it was filled unless `sold`."""
    return row(
        dispensation(
            **{
                "dispensation_id": uid(number),
                "rx_number": f"{number}",
                "product_id": ndc,
                "filled_on": filled,
                "sold_on": sold or filled,
                "days_supply": days,
                "quantity": Decimal(quantity),
                "quantity_text": quantity,
                "treatment_type": "",
                "dosage_unit": "",
                **changes,
            }
        ),
        mappings(),
    )


def lasting(*rows: Row) -> tuple[Supply, ...]:
    return supplies(rows, Starts.SOLD)


def rules() -> Rules:
    """Kentucky's."""
    m = mappings()
    return Rules(Starts.SOLD, m.mme.name, m.jurisdiction.alerts)


def ids(*numbers: int) -> tuple[str, ...]:
    return tuple(str(uid(number)) for number in numbers)
