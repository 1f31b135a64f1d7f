"""Writes fills as segments of ASAP 4.2B: TH, IS, then PHA, PAT, DSP, PRE, and the counts of TP and TT.

Trailing empty elements are left out; the terminator is `~` and each segment has its line.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable
from itertools import groupby
from uuid import UUID

from gateway.synth.people import Home, Person
from gateway.synth.prescriptions import Fill
from gateway.synth.world import Pharmacy

_SOURCE = ("5025550110", "Commonwealth Synthetic Exchange")

#: A fill with whom it is for; what a file is made of.
Record = tuple[Person, Fill]


def render(records: Iterable[Record], *, control_number: str, created: dt.date) -> str:
    """Return the text of one file. `created` is TH05; no fill or sale may be later than it."""
    body: list[str] = [
        _segment("TH", "4.2B", control_number, "01", "", _day(created), "0600", "P", "", "~"),
        _segment("IS", *_SOURCE),
    ]
    ordered = sorted(records, key=_place)
    for _, at_pharmacy in groupby(ordered, key=lambda record: record[1].pharmacy.npi):
        group = list(at_pharmacy)
        loop = [_pharmacy(group[0][1].pharmacy)]
        for _, of_person in groupby(group, key=lambda record: (record[0].number, _home(record).line1)):
            theirs = list(of_person)
            loop.append(_patient(theirs[0][0], _home(theirs[0])))
            for _, fill in theirs:
                loop.append(_dispensation(fill, created))
                loop.append(_prescriber(fill))
        loop.append(_segment("TP", str(len(loop) + 1)))
        body.extend(loop)
    body.append(_segment("TT", control_number, str(len(body) + 1)))
    return "\n".join(body) + "\n"


def control_number(*arguments: object) -> str:
    """Return TH02 as a GUID that depends on nothing but `arguments`."""
    digest = hashlib.sha256(":".join(map(str, arguments)).encode()).digest()
    return str(UUID(bytes=digest[:16], version=4)).upper()


def _place(record: Record) -> tuple[str, int, dt.date, str, str]:
    person, fill = record
    return fill.pharmacy.npi, person.number, fill.filled, fill.rx_number, fill.partial


def _home(record: Record) -> Home:
    return record[0].home_on(record[1].filled)


def _segment(*elements: str) -> str:
    return "*".join(elements).rstrip("*") + "~"


def _day(day: dt.date | None) -> str:
    return f"{day:%Y%m%d}" if day else ""


def _pharmacy(shop: Pharmacy) -> str:
    return _segment(
        "PHA", shop.npi, shop.ncpdp, shop.dea, shop.name, shop.line1, "", shop.town.name, "KY", shop.zip,
        shop.phone, "", "", shop.permit,
    )  # fmt: skip


def _patient(person: Person, home: Home) -> str:
    ids: list[str] = []
    if person.ssn:
        ids += ["", "07", person.ssn]
    if person.license:
        ids += ["KY", "06", person.license]
    ids += [""] * (6 - len(ids))
    return _segment(
        "PAT", *ids, person.last_name, person.first_name, person.middle_name, "", person.suffix,
        home.line1, home.line2, home.town.name, "KY", home.zip, home.phone,
        _day(person.birth_date), person.gender, "01", "01",
    )  # fmt: skip


def _dispensation(fill: Fill, created: dt.date) -> str:
    # A sale after the day of the file is not known to it.
    sold = fill.sold if fill.sold and fill.sold <= created else None
    return _segment(
        "DSP", "00", fill.rx_number, _day(fill.written), f"{fill.refills}", _day(fill.filled),
        f"{fill.fill_number}", "01", fill.drug.ndc11, f"{fill.quantity}", f"{fill.days_supply}", "01",
        fill.origin, fill.partial,
        *fill.pharmacist, fill.payment, _day(sold), fill.drug.rxnorm_qualifier, fill.drug.rxcui,
        fill.reference, fill.order, f"{fill.prescribed}", fill.sig, fill.treatment,
    )  # fmt: skip


def _prescriber(fill: Fill) -> str:
    one = fill.prescriber
    return _segment(
        "PRE", one.npi, one.dea, one.suffix, one.license, one.last_name, one.first_name, "", one.phone,
        "", "KY",
    )  # fmt: skip
