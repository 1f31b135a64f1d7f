"""Values as JSON text: the pieces that rendering joins. Rule: FHIR R4 JSON format and primitive types.

Numbers are written from text, never through a binary float: 90.00 stays 90.00.
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from json.encoder import encode_basestring

_DECIMAL = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")

_ABSENT = (
    '{{"extension":[{{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason",'
    '"valueCode":"{}"}}]}}'
)
#: Stands where a required value was not reported.
ABSENT = _ABSENT.format("unknown")
#: Stands where what was reported cannot be right.
ABSENT_ERROR = _ABSENT.format("error")
UCUM = "http://unitsofmeasure.org"


def quote(text: str) -> str:
    """Return `text` as a JSON string; control characters, which FHIR forbids, become spaces."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    return encode_basestring(text)


def decimal_text(text: str, value: Decimal) -> str:
    """Return the number as sent where that is a JSON number, else its plain form; zeros at the end stay."""
    return text if _DECIMAL.fullmatch(text) else format(value, "f")


def fraction_decimal(value: Fraction) -> Decimal:
    """Return the exact decimal without zeros at the end, or nine decimals when there is no end.

    Nine are enough to compare with a threshold: a dose is a multiple of 1/(days x 10^5) of a strength, so
    no dose lies closer to a round number than that without being it.
    """
    number = Decimal(round(value * 10**9)).scaleb(-9).normalize()
    return number.quantize(Decimal(1)) if number == number.to_integral_value() else number


@lru_cache(maxsize=256)
def instant(moment: dt.datetime) -> str:
    """Return a FHIR instant in UTC."""
    return moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


def meta(*, version: int, updated_at: dt.datetime, source: str, profile: str, security: str = "") -> str:
    """Return the `meta` member. `source`, `profile` and `security` are JSON text already."""
    head = meta_head(version=version, updated_at=updated_at, source=source)
    return f'{head},"profile":[{profile}]{security}}}'


@lru_cache(maxsize=256)
def meta_head(*, version: int, updated_at: dt.datetime, source: str) -> str:
    """Return the `meta` member up to its source, without what ends it."""
    return f'"meta":{{"versionId":"{version}","lastUpdated":"{instant(updated_at)}","source":{source}'
