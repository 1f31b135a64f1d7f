"""Reading FHIR JSON that somebody else wrote: every helper takes what is there, or nothing.

No resource is trusted to be well formed; a member of another type than FHIR says is as if absent.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

Resource = Mapping[str, Any]


def part(holder: Resource, name: str) -> Resource:
    """Return the object at `name`, or an empty one."""
    value = holder.get(name)
    return value if isinstance(value, Mapping) else {}


def parts(holder: Resource, name: str) -> list[Resource]:
    """Return the objects in the list at `name`."""
    value = holder.get(name)
    return [v for v in value if isinstance(v, Mapping)] if isinstance(value, list) else []


def first(holder: Resource, name: str) -> Resource:
    """Return the first object in the list at `name`, or an empty one."""
    return next(iter(parts(holder, name)), {})


def text(holder: Resource, name: str) -> str | None:
    """Return the text at `name`, or None where absent or blank."""
    value = holder.get(name)
    return value.strip() or None if isinstance(value, str) else None


def texts(holder: Resource, name: str) -> list[str]:
    """Return the texts in the list at `name`."""
    value = holder.get(name)
    return [v.strip() for v in value if isinstance(v, str) and v.strip()] if isinstance(value, list) else []


def decimal(value: object) -> Decimal | None:
    """Return a JSON number exactly, or None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    number = Decimal(value)
    return number if number.is_finite() else None


def date(value: object) -> dt.date | None:
    """Return the day of a FHIR date or dateTime, or None where it is partial or none."""
    try:
        return dt.date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None


def concept(value: object) -> str | None:
    """Return how a CodeableConcept calls itself: its text, else its first display."""
    if not isinstance(value, Mapping):
        return None
    return text(value, "text") or next((t for c in parts(value, "coding") if (t := text(c, "display"))), None)


def extension(holder: Resource, url: str) -> Resource:
    """Return the extension of exactly `url`, or an empty one."""
    return next((e for e in parts(holder, "extension") if e.get("url") == url), {})


def extensions_ending(holder: Resource, end: str) -> list[Resource]:
    """Return the extensions whose URL ends in `end`, whatever base they stand below."""
    return [e for e in parts(holder, "extension") if str(e.get("url", "")).endswith(end)]


class Index:
    """The Bundle's resources by every name that a reference may use."""

    def __init__(self, entries: Sequence[Resource]) -> None:
        self.every: list[tuple[str, Resource]] = []
        self._by: dict[str, Resource] = {}
        for entry in entries:
            resource = part(entry, "resource")
            kind = str(resource.get("resourceType", ""))
            self.every.append((kind, resource))
            if url := text(entry, "fullUrl"):
                self._by[url] = resource
            if ident := text(resource, "id"):
                self._by.setdefault(f"{kind}/{ident}", resource)

    def of(self, reference: object) -> Resource:
        """Return the resource that a Reference means, or an empty one."""
        target = text(reference, "reference") if isinstance(reference, Mapping) else None
        if target is None:
            return {}
        relative = "/".join(target.split("/_history/")[0].rsplit("/", 2)[-2:])
        return self._by.get(target) or self._by.get(relative) or {}
