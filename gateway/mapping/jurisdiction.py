"""A jurisdiction's own rules, from `mappings/jurisdictions/<code>.toml`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.clinical.thresholds import Thresholds
from gateway.core.errors import Misconfigured
from gateway.mapping import alert_rules
from gateway.mapping.sources import Sources

#: The fields that a record key may be made of; `dispenser` is always one.
RECORD_KEY_FIELDS = frozenset(
    {"dispenser", "rx_number", "filled_on", "fill_number", "partial_fill", "written_on", "product_id"}
)
SCHEDULES = ("I", "II", "III", "IV", "V", "")
_KNOWN = frozenset(
    {
        "code", "name", "zone", "default_months", "max_months", "supply_starts", "mme_table",
        "record_key", "part2_dispensers", "schedules", "schedules_source", "lme_table", "alerts",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Jurisdiction:
    """One state's rules. Months are of look-back; `max_months` None: no maximum."""

    code: str
    name: str
    zone: str
    default_months: int
    max_months: int | None
    supply_starts: str
    """`sold` (DSP17, else DSP05) or `filled` (DSP05)."""
    part2_dispensers: frozenset[str]
    record_key: tuple[str, ...]
    mme_table: str
    schedules: Mapping[str, str]
    """Schedule by substance, where it is not the federal one."""
    lme_table: str | None = None
    """None: no lorazepam equivalents are shown."""
    alerts: Thresholds | None = None
    """None: no alerts are made."""


def load(sources: Sources, code: str) -> Jurisdiction:
    """Return the rules of `code`. Raises Misconfigured."""
    if not re.fullmatch(r"[A-Za-z]{2}", code):
        raise Misconfigured("A jurisdiction is named by two letters.")
    name = f"jurisdictions/{code.lower()}.toml"
    table = sources.toml(name)
    try:
        return _read(table, code)
    except (KeyError, TypeError, ValueError) as error:
        raise Misconfigured(f"Mapping table {name}: {error}") from None


def _read(table: dict[str, Any], code: str) -> Jurisdiction:
    if unknown := table.keys() - _KNOWN:
        raise ValueError(f"unknown {', '.join(sorted(unknown))}")
    if table["code"] != code.upper():
        raise ValueError(f"code is {table['code']}")
    default, maximum = table["default_months"], table.get("max_months")
    if not isinstance(default, int) or default < 1 or not isinstance(maximum, int | None):
        raise ValueError("default_months and max_months are whole numbers from 1")
    if maximum is not None and maximum < default:
        raise ValueError("max_months is less than default_months")
    if table["supply_starts"] not in ("sold", "filled"):
        raise ValueError("supply_starts is sold or filled")
    key = tuple(table["record_key"])
    if "dispenser" not in key or not RECORD_KEY_FIELDS.issuperset(key) or len(set(key)) != len(key):
        raise ValueError("record_key needs dispenser and known fields, each once")
    schedules = dict(table.get("schedules", {}))
    if not set(schedules.values()) <= set(SCHEDULES):
        raise ValueError("schedules are I to V")
    if schedules and not str(table["schedules_source"]).strip():
        raise ValueError("schedules have a source")
    if not re.fullmatch(r"[A-Za-z_]+(?:/[A-Za-z_+-]+)*", table["zone"]):
        raise ValueError("zone is no IANA time zone")
    return Jurisdiction(
        code=code.upper(),
        name=str(table["name"]),
        zone=table["zone"],
        default_months=default,
        max_months=maximum,
        supply_starts=table["supply_starts"],
        part2_dispensers=frozenset(map(str, table.get("part2_dispensers", ()))),
        record_key=key,
        mme_table=str(table["mme_table"]),
        schedules=schedules,
        lme_table=str(table["lme_table"]) if "lme_table" in table else None,
        alerts=alert_rules.compile_rules(table.get("alerts")),
    )
