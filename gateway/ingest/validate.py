"""One record: what the table says of its elements, and what no table can say.

PHA, PAT and PRE come again and again in a file: each distinct text is looked at once. Whatever is wrong in
them holds for every record that stands under them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter

from gateway.clinical.drug import Drug
from gateway.core.checkdigits import is_dea, is_npi
from gateway.core.records import Ingredient
from gateway.ingest import values as v
from gateway.ingest.elements import Values, date_of, parse
from gateway.ingest.layout import Layout, SegmentLayout
from gateway.ingest.report import ERROR, Finding, error, refuses, warning
from gateway.ingest.structure import Loop

_NDC = "01"
_COMPOUND = "06"

Judged = tuple[v.RecordValue | None, list[tuple[Finding, int]], str | None]
"""The record (None: refused), findings with their segments' ordinals, and its Rx number if it has one."""


class Checker:
    """Judges the records of one file. `created_on` is TH05; `keyed_hash` makes the hash of content."""

    def __init__(
        self,
        layout: Layout,
        drugs: Mapping[str, Drug],
        *,
        today: dt.date,
        created_on: dt.date,
        keyed_hash: Callable[[str], bytes],
    ) -> None:
        self._drugs = drugs
        self._last_fill = min(today, created_on)
        self._today = today
        self._hash = keyed_hash
        self._pharmacy_kind = _Kind(layout.segments["PHA"], v.PHARMACY_FIELDS)
        self._patient_kind = _Kind(layout.segments["PAT"], v.PATIENT_FIELDS)
        self._prescriber_kind = _Kind(layout.segments["PRE"], v.PRESCRIBER_FIELDS)
        self._record_kind = _Kind(layout.segments["DSP"], v.RECORD_FIELDS)
        self._ingredient_kind = _Kind(layout.segments["CDI"], v.INGREDIENT_FIELDS)
        self._pickup_layout = layout.segments["AIR"]
        self._pharmacies: dict[str, v.PharmacyValue] = {}
        self._patients: dict[str, v.PatientValue] = {}
        self._prescribers: dict[str, v.PrescriberValue] = {}
        self._products: dict[tuple[str, str], tuple[str, Finding | None, bool]] = {}

    def pharmacy(self, text: str) -> v.PharmacyValue:
        """Return a PHA with everything that is wrong in it."""
        known = self._pharmacies.get(text)
        if known is None:
            known = self._pharmacies[text] = self._judge_pharmacy(text)
        return known

    def _judge_pharmacy(self, text: str) -> v.PharmacyValue:
        values, findings = self._pharmacy_kind.read(text)
        more = []
        npi, ncpdp, dea = values[:3]
        if not (npi or ncpdp or dea):
            more.append(error("pharmacy-identifier", "PHA", "PHA01", "The pharmacy has no identifier."))
        elif not dea:
            more.append(warning("pharmacy-dea", "PHA", "PHA03", "The pharmacy's DEA number is missing."))
        elif not is_dea(dea.upper()):
            more.append(error("dea", "PHA", "PHA03", "The DEA number's form or check digit is wrong."))
        if npi and not is_npi(npi):
            # A number that names nobody must not name this pharmacy.
            more.append(warning("npi", "PHA", "PHA01", "The NPI's check digit is wrong; it is left out."))
            values = ("", *values[1:])
            if not (ncpdp or dea):
                more.append(
                    error("pharmacy-identifier", "PHA", "PHA01", "The pharmacy has no usable identifier.")
                )
        value = v.pharmacy_value((values[0], ncpdp, dea.upper(), *values[3:]), (*findings, *more))
        value.refused = refuses(value.findings)
        return value

    def patient(self, text: str) -> v.PatientValue:
        """Return a PAT with everything that is wrong in it."""
        known = self._patients.get(text)
        if known is None:
            values, findings = self._patient_kind.read(text)
            born = date_of(values[17])
            if born is not None and born > self._today:
                findings = (
                    *findings,
                    error("birth-date", "PAT", "PAT18", "The date of birth is in the future."),
                )
            known = self._patients[text] = v.patient_value(values, findings)
        return known

    def prescriber(self, text: str) -> v.PrescriberValue:
        """Return a PRE with everything that is wrong in it."""
        known = self._prescribers.get(text)
        if known is None:
            values, findings = self._prescriber_kind.read(text)
            npi, dea = values[0], values[1].upper()
            more = []
            if dea and not is_dea(dea):
                more.append(error("dea", "PRE", "PRE02", "The DEA number's form or check digit is wrong."))
            if npi and not is_npi(npi):
                more.append(warning("npi", "PRE", "PRE01", "The NPI's check digit is wrong; it is left out."))
            known = v.prescriber_value(values, (*findings, *more))
            if more and npi and not is_npi(npi):
                known.npi = ""
            self._prescribers[text] = known
        return known

    def record(
        self,
        segments: list[str],
        loop: Loop,
        pharmacy: v.PharmacyValue,
        places: tuple[int, int],
        pat_text: str,
    ) -> Judged:
        """Return the record of `loop`; `places` are those of its PHA and PAT, from 0."""
        patient = self.patient(pat_text)
        prescriber = self.prescriber(segments[loop.pre])
        values, own = self._record_kind.read(segments[loop.dsp])
        found: list[tuple[Finding, int]] = []
        for findings, place in (
            (pharmacy.findings, places[0]),
            (patient.findings, places[1]),
            (own, loop.dsp),
            (prescriber.findings, loop.pre),
        ):
            if findings:
                found.extend((finding, place + 1) for finding in findings)
        ingredients, contents = self._ingredients(segments, loop, found) if loop.cdi else ([], "")
        pickup, pickup_content = self._pickup(segments, loop, found) if loop.air >= 0 else ("", "")
        rx_number = values[1] or None
        refused = bool(found) and any(finding.severity == ERROR for finding, _ in found)
        product_id = self._beyond_table(values, loop, prescriber, ingredients, found, told=not refused)
        if found and any(finding.severity == ERROR for finding, _ in found):
            return None, found, rx_number
        content = f"{patient.content}\x1e{v.record_content(values, product_id)}\x1e{prescriber.content}"
        if contents or pickup_content:
            content += f"\x1e{contents}\x1e{pickup_content}"
        return (
            _record(
                values,
                loop.dsp + 1,
                pharmacy,
                patient,
                prescriber,
                product_id,
                ingredients,
                pickup,
                self._hash(content),
            ),
            found,
            rx_number,
        )

    def _beyond_table(
        self,
        values: Values,
        loop: Loop,
        prescriber: v.PrescriberValue,
        ingredients: list[Ingredient],
        found: list[tuple[Finding, int]],
        *,
        told: bool,
    ) -> str:
        """Add what only several elements together tell. `told`: nothing refuses the record so far."""
        place = loop.dsp + 1
        filled, sold = date_of(values[4]), date_of(values[16])
        if filled is not None and filled > self._last_fill:
            found.append((_FUTURE_FILL, place))
        if sold is not None and sold > self._today:
            found.append((_FUTURE_SALE, place))
        qualifier, product = values[6], values[7]
        product, finding, scheduled = self._product(qualifier, product)
        if qualifier == _COMPOUND:
            if not loop.cdi:
                found.append((_NO_INGREDIENTS, place))
            elif ingredients and not any(i.product_id in self._drugs for i in ingredients):
                found.append((_UNKNOWN_COMPOUND, place))
        elif finding is not None and product + qualifier:
            found.append((finding, place))
        if prescriber.lacks_dea:
            if scheduled:
                found.append((_NO_DEA, loop.pre + 1))
            elif not prescriber.identifiers and told:
                found.append((_NO_PRESCRIBER, loop.pre + 1))
        if values[9] and not int(values[9]):
            found.append((_NO_DAYS, place))
        if values[8] and not v.number(values[8]):
            found.append((_NO_QUANTITY, place))
        if values[13] and not _is_npi(values[13]):
            found.append((_PHARMACIST_NPI, place))
        return product

    def _product(self, qualifier: str, product: str) -> tuple[str, Finding | None, bool]:
        """Return the product id as stored, what is to be said of it, and whether it needs a DEA number."""
        known = self._products.get((qualifier, product))
        if known is None:
            known = self._products[(qualifier, product)] = self._look_up(qualifier, product)
        return known

    def _look_up(self, qualifier: str, product: str) -> tuple[str, Finding | None, bool]:
        if not product or not qualifier:
            return product, None, True
        if qualifier != _NDC:
            return product, (None if qualifier == _COMPOUND else _UNKNOWN_DRUG), True
        ndc = v.ndc11(product)
        if ndc is None:
            return product, _BAD_NDC, True
        drug = self._drugs.get(ndc)
        if drug is None:
            return ndc, _UNKNOWN_DRUG, True
        return ndc, (_HYPHENS if ndc != product else None), bool(drug.federal_schedule)

    def _ingredients(
        self, segments: list[str], loop: Loop, found: list[tuple[Finding, int]]
    ) -> tuple[list[Ingredient], str]:
        ingredients, contents = [], []
        for place in loop.cdi:
            values, findings = self._ingredient_kind.read(segments[place])
            found.extend((finding, place + 1) for finding in findings)
            sequence, qualifier, product, quantity, unit = values
            if refuses(findings):
                continue
            if qualifier == _NDC:
                ndc = v.ndc11(product)
                if ndc is None:
                    found.append((_BAD_INGREDIENT_NDC, place + 1))
                    continue
                product = ndc
            ingredients.append(
                Ingredient(int(sequence), qualifier, product, v.number(quantity), quantity, unit)
            )
            contents.append(v.ingredient_content((sequence, qualifier, product, quantity, unit)))
        return ingredients, "\x1d".join(contents)

    def _pickup(self, segments: list[str], loop: Loop, found: list[tuple[Finding, int]]) -> tuple[str, str]:
        values, findings = parse(segments[loop.air], self._pickup_layout)
        found.extend((finding, loop.air + 1) for finding in findings)
        content = v.pickup_content(values)
        return (segments[loop.air] if content else ""), content


@lru_cache(maxsize=16384)
def _is_npi(number: str) -> bool:
    return is_npi(number)


@dataclass(slots=True)
class _Kind:
    """One kind of segment, with its values picked by what they mean rather than by where they stand."""

    layout: SegmentLayout
    fields: tuple[str, ...]
    pick: Callable[[Values], Values] = field(init=False)

    def __post_init__(self) -> None:
        self.pick = itemgetter(*self.layout.places(self.fields))

    def read(self, text: str) -> tuple[Values, tuple[Finding, ...]]:
        values, findings = parse(text, self.layout)
        return self.pick((*values, "")), findings


def _record(
    values: Values,
    ordinal: int,
    pharmacy: v.PharmacyValue,
    patient: v.PatientValue,
    prescriber: v.PrescriberValue,
    product_id: str,
    ingredients: list[Ingredient],
    pickup: str,
    content_hash: bytes,
) -> v.RecordValue:
    (
        status, rx_number, written_on, refills, filled_on, fill_number, qualifier, _, quantity, days, unit,
        origin, partial, pharmacist_npi, pharmacist_license, payment, sold_on, rxnorm_qualifier, rxnorm_code,
        reference, order, prescribed, sig, treatment, diagnosis,
    ) = values  # fmt: skip
    written, filled = date_of(written_on), date_of(filled_on)
    if written is None or filled is None:
        raise AssertionError("a record without its dates was let through")
    return v.RecordValue(
        ordinal, pharmacy, patient, prescriber, status, rx_number, written, int(refills), filled,
        int(fill_number), qualifier, product_id, v.number(quantity), quantity, int(days), unit, origin,
        partial or "00", pharmacist_npi, pharmacist_license, payment, date_of(sold_on) if sold_on else None,
        rxnorm_qualifier, rxnorm_code, reference, order, v.number(prescribed) if prescribed else None, sig,
        treatment, diagnosis, ingredients, pickup, content_hash,
    )  # fmt: skip


_FUTURE_FILL = error(
    "future-fill", "DSP", "DSP05", "The date filled is after the file's creation or after today."
)
_FUTURE_SALE = error("future-sale", "DSP", "DSP17", "The date sold is after today.")
_BAD_NDC = error(
    "ndc", "DSP", "DSP08", "The NDC has not 11 digits; it cannot be padded without knowing its parts."
)
_BAD_INGREDIENT_NDC = error("ndc", "CDI", "CDI03", "The NDC has not 11 digits.")
_HYPHENS = warning("ndc-hyphens", "DSP", "DSP08", "The NDC was sent with hyphens.")
_UNKNOWN_DRUG = warning(
    "unknown-drug", "DSP", "DSP08", "The product is not in the drug table; it is kept as sent."
)
_UNKNOWN_COMPOUND = warning(
    "unknown-drug", "DSP", "DSP08", "No ingredient of the compound is in the drug table."
)
_NO_INGREDIENTS = error("compound", "DSP", "DSP07", "A compound has no CDI segment.")
_NO_DEA = error(
    "prescriber-dea", "PRE", "PRE02", "The prescriber's DEA number is missing for a controlled drug."
)
_NO_PRESCRIBER = error("prescriber", "PRE", "PRE01", "The prescriber has no usable identifier.")
_NO_DAYS = warning("days-supply-zero", "DSP", "DSP10", "The days supply is 0: no dose a day can be told.")
_NO_QUANTITY = warning("quantity-zero", "DSP", "DSP09", "The quantity is 0.")
_PHARMACIST_NPI = warning("npi", "DSP", "DSP14", "The pharmacist's NPI has a wrong check digit.")
