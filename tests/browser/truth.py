"""What must be on the page: the rows of the overlays' truth files, and of one file made for the look-back.

Kentucky's look-back is twelve months, both ends included: on 2026-11-20 it begins on 2025-11-20.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

FIRST_DAY = dt.date(2025, 11, 20)
LAST_DAY = dt.date(2026, 11, 20)

#: Everybody who is loaded: the people of these overlays, and EDGE's.
FAMILIES = ("Fenwick", "Pruitt", "Sloas", "Ockerman")
OVERLAYS = ("01-opioid-benzo-overlap", "02-six-prescribers-six-pharmacies", "26-four-drugs")
#: Loaded as well, for what is shown of doses at a threshold.
THRESHOLDS = "27-thresholds"
EDGE_FILE = "edge-of-the-look-back.asap"

_DATA = Path(__file__).resolve().parents[1] / "data" / "overlays"


@dataclass(frozen=True, slots=True, order=True)
class Row:
    """One dispensation as far as a truth file and the page both tell it."""

    filled: str
    rx_number: str
    quantity: Decimal
    days: int


@dataclass(frozen=True, slots=True)
class Person:
    """A person by name, and the rows that must be shown."""

    family: str
    given: str
    rows: tuple[Row, ...]


def overlay(name: str) -> Path:
    return _DATA / f"{name}.asap"


def people() -> list[Person]:
    """Return everybody in the overlays with their rows within the look-back."""
    found = []
    for name in OVERLAYS:
        truth = json.loads((_DATA / f"{name}.truth.json").read_bytes())
        for patient in truth["patients"]:
            rows = sorted(
                Row(d["date_filled"], d["rx_number"], Decimal(d["quantity"]), d["days_supply"])
                for d in patient["dispensings"]
                if FIRST_DAY.isoformat() <= d["date_filled"] <= LAST_DAY.isoformat()
            )
            found.append(Person(patient["last"], patient["first"], tuple(rows)))
    return found


def person(family: str) -> Person:
    return next(p for p in [*people(), EDGE] if p.family == family)


#: Filled on the first day of the look-back, and one day too early to be shown.
EDGE = Person("Ockerman", "Thaddeus", (Row("2025-11-20", "7700001", Decimal(30), 30),))


def write_edge_file(path: Path) -> None:
    """Write an ASAP 4.2B file with the two fills of EDGE's person around the first day of the look-back."""
    path.write_text(
        "~\n".join(
            [
                "TH*4.2B*5B1F0C66-7D51-4A0C-9E0B-2F4B6A9D1E77*01**20261119*081500*P**~",
                "IS*5025550199*Bluegrass Test Data Exchange",
                "PHA*1999000031*1890032*FN9000035*Nicholasville Road Drug*2350 Elm St**Lexington*KY*40503"
                "*8595550102***KYP00003",
                "PAT**07*999700901****Ockerman*Thaddeus****77 Sycamore Run**Lexington*KY*40503*8595557701"
                "*19591003*M*01*01",
                *(
                    segment
                    for filled, number in (("20251120", "7700001"), ("20251119", "7700002"))
                    for segment in (
                        f"DSP*00*{number}*{filled}*0*{filled}*0*01*00228203110*30*30*01*05*00***04*{filled}",
                        "PRE*1999500014*BT9500011**KY50001*Tackett*Imogen**6065554001**KY",
                    )
                ),
                "TP*7",
                "TT*5B1F0C66-7D51-4A0C-9E0B-2F4B6A9D1E77*10",
                "",
            ]
        )
    )
