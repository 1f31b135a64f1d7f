"""Takes a drug's RxNorm name apart: the substances that it names, each with its strength.

Names are built by rule (RxNorm overview, section 4): `[duration] substance strength / … dose form [brand]`.
Nothing is guessed: a name of another build raises ValueError.
"""

from __future__ import annotations

import re
from decimal import Decimal

_COMPONENT = re.compile(
    r"(?P<name>[A-Za-z][A-Za-z ,-]*?) (?P<strength>[0-9.]+) (?P<unit>MG/ML|MG/HR|MCG/HR|MG/ACTUAT|MG|MCG)"
    r"(?= |$)(?P<form>.*)"
)
_BRAND = re.compile(r" \[[^]]*\]$")
# Release pattern, duration and volume stand before the first substance.
_BEFORE = re.compile(r"^(?:(?:[0-9]+/[0-9]+ Release|[0-9]-Bead) )?(?:[0-9.]+ (?:HR|ML) )?")

Part = tuple[str, Decimal, str]
"""Substance with its salt, strength, and unit as the drug table writes it."""


def parts(name: str) -> list[Part]:
    """Return the substances of RxNorm name `name` in its order. Raises ValueError for one it cannot read."""
    found: list[Part] = []
    for text in _BEFORE.sub("", _BRAND.sub("", name)).split(" / "):
        match = _COMPONENT.fullmatch(text)
        if match is None:
            raise ValueError(f"cannot read {text!r}")
        found.append((match["name"].lower(), *scaled(Decimal(match["strength"]), match["unit"])))
    return found


def form(name: str) -> str:
    """Return the dose form that ends an RxNorm name, empty for one that cannot be read."""
    match = _COMPONENT.fullmatch(_BEFORE.sub("", _BRAND.sub("", name)).split(" / ")[-1])
    return match["form"].strip() if match else ""


_PER_HOUR = {"MG/HR": Decimal(1000), "UG/H": Decimal(1), "MCG/HR": Decimal(1), "MCG/H": Decimal(1)}
_FACTORS = {"MG": Decimal(1), "MCG": Decimal("0.001"), "UG": Decimal("0.001"), "G": Decimal(1000)}
_RATIO = re.compile(r"(?P<unit>MG|MCG|UG|G)/(?P<per>[0-9.]*)(?P<of>ML|1|ACTUAT)?")


def scaled(value: Decimal, unit: str) -> tuple[Decimal, str]:
    """Return a strength in a unit of the drug table: mg, mg/mL, mcg/h or mg/actuat.

    `unit` is RxNorm's (`MG/ML`) or the NDC directory's (`mg/5mL`, `ug/1`, `ug/h`). Raises ValueError for
    another, such as units of activity.
    """
    upper = unit.upper()
    if upper in _PER_HOUR:
        return value * _PER_HOUR[upper], "mcg/h"
    if upper in _FACTORS:
        return value * _FACTORS[upper], "mg"
    match = _RATIO.fullmatch(upper)
    if match is None:
        raise ValueError(f"unit {unit!r}")
    amount = value * _FACTORS[match["unit"]]
    if match["of"] == "ML":
        return amount / Decimal(match["per"] or "1"), "mg/mL"
    if match["of"] == "ACTUAT" and not match["per"]:
        return amount, "mg/actuat"
    if f"{match['per']}{match['of'] or ''}" == "1":
        return amount, "mg"
    raise ValueError(f"unit {unit!r}")


def plain(value: Decimal) -> str:
    """Return `value` without an exponent or zeros that say nothing. Raises ValueError beyond 12 decimals."""
    text = format(value, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    if len(text.partition(".")[2]) > 12:
        raise ValueError(f"strength {text[:8]}… has no short decimal")
    return text
