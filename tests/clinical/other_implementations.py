"""Published test cases of other MME calculators: what was dispensed, and what they expect.

COSRI: uwcirg/cosri-pain-management-summary, src/__tests__/utils/MMECalculator (quantity and days of supply).
CQF: cqframework/opioid-mme-r4, input/tests/MMECalculatorTests. ME: yevgenybulochnik/morphine-milligram-equiv,
src/index.test.ts (a dose and how often; here as the quantity of ten days). Only numbers are taken over.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

_METHADONE = "their methadone is banded by dose (4, 8, 10, 12) as in 2016; CDC 2022 has one factor, 4.7"
_BUPRENORPHINE = "CDC 2022 leaves buprenorphine out, and the table before it has no factor; theirs has one"
_HYDROMORPHONE = "their hydromorphone is 4, as in 2016; CDC 2022 has 5"
_NOT_HERE = "not in our drug table: listed as not counted, never guessed"


@dataclass(frozen=True, slots=True)
class Case:
    """One published case. `ndc` is a product of ours with that drug and strength, empty without one."""

    source: str
    drug: str
    ndc: str
    quantity: str
    days: int
    theirs: str
    why: str = ""

    @property
    def expected(self) -> Fraction:
        """Return their figure."""
        return Fraction(self.theirs)


CASES = (
    Case("COSRI", "oxycodone 5 mg tablet", "00378611201", "30", 10, "22.5"),
    Case("COSRI", "oxycodone 2.5 mg / acetaminophen tablet", "00378710301", "90", 45, "7.5"),
    Case("COSRI", "hydrocodone 10 mg / acetaminophen tablet", "00406012501", "240", 30, "80"),
    Case("COSRI", "hydrocodone 10 mg / acetaminophen tablet", "00406012501", "120", 30, "40"),
    Case("COSRI", "hydrocodone 10 mg / acetaminophen tablet", "00406012501", "45", 15, "30"),
    Case("COSRI", "hydrocodone 7.5 mg / acetaminophen tablet", "00406012401", "240", 30, "60"),
    Case("COSRI", "hydromorphone 4 mg tablet", "00054026425", "180", 45, "80"),
    Case("COSRI", "morphine 30 mg ER tablet", "00228427111", "60", 30, "60"),
    Case("COSRI", "fentanyl 75 mcg/h patch", "00378912398", "10", 30, "180"),
    Case("COSRI", "fentanyl 100 mcg/h patch", "00378912498", "10", 30, "240"),
    Case("COSRI", "methadone 10 mg/mL solution", "00406052710", "120", 60, "80", _METHADONE),
    Case("COSRI", "methadone 10 mg/mL solution", "00406052710", "240", 60, "320", _METHADONE),
    Case("COSRI", "methadone 40 mg tablet for suspension", "00406254001", "31", 31, "320", _METHADONE),
    Case("COSRI", "methadone 40 mg tablet for suspension", "00406254001", "14", 7, "960", _METHADONE),
    Case("COSRI", "buprenorphine 5 mcg/h patch", "00093365640", "4", 28, "11", _BUPRENORPHINE),
    Case("COSRI", "buprenorphine 2 mg / naloxone film", "00781721664", "30", 30, "60", _BUPRENORPHINE),
    Case("COSRI", "oxycodone 30 mg ER tablet", "", "30", 30, "45", _NOT_HERE),
    Case("COSRI", "hydromorphone 12 mg ER tablet", "", "30", 30, "60", _NOT_HERE),
    Case("COSRI", "fentanyl 0.1 mg buccal tablet", "", "10", 10, "13", _NOT_HERE),
    Case("CQF", "fentanyl 75 mcg/h patch", "00378912398", "10", 30, "180"),
    Case("ME", "codeine 15 mg tablet", "00054024324", "40", 10, "9"),
    Case("ME", "hydrocodone 5 mg / acetaminophen tablet", "00406012301", "40", 10, "20"),
    Case("ME", "oxycodone 10 mg tablet", "10702005601", "20", 10, "30"),
    Case("ME", "oxymorphone 10 mg tablet", "00054028425", "20", 10, "60"),
    Case("ME", "tramadol 50 mg tablet", "00093005801", "4", 10, "4"),
    Case("ME", "hydromorphone 2 mg tablet", "00406324301", "20", 10, "16", _HYDROMORPHONE),
    Case("ME", "methadone 5 mg tablet", "00054457025", "60", 10, "240", _METHADONE),
)
