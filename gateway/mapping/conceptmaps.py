"""Code translations, from the FHIR ConceptMaps in `mappings/conceptmaps`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.core.errors import Misconfigured
from gateway.mapping.sources import Sources

#: The maps that rendering needs.
REQUIRED = (
    "dosage-unit", "gender", "opioid-treatment", "payment-method", "restriction", "rx-origin",
    "species", "supply-type",
)  # fmt: skip
#: R4 ConceptMapEquivalence codes under which a translation is safe to show.
_SAFE = frozenset({"equal", "equivalent", "wider", "subsumes"})


@dataclass(frozen=True, slots=True)
class Coding:
    """A FHIR Coding."""

    system: str
    code: str
    display: str


ConceptMap = Mapping[str, Coding]
"""Source code -> target."""


def load(sources: Sources, identifier_base: str) -> dict[str, ConceptMap]:
    """Return every ConceptMap by its id. Raises Misconfigured."""
    maps: dict[str, ConceptMap] = {}
    for path in sources.names("conceptmaps", ".json"):
        resource = sources.json(path, identifier_base=identifier_base)
        try:
            if resource["resourceType"] != "ConceptMap" or path != f"conceptmaps/{resource['id']}.json":
                raise ValueError("not the ConceptMap that its name says")
            maps[resource["id"]] = _compile(resource)
        except (KeyError, TypeError, ValueError) as error:
            raise Misconfigured(f"Mapping table {path}: {error}") from None
    if missing := sorted(set(REQUIRED) - maps.keys()):
        raise Misconfigured(f"Mapping tables are missing: conceptmaps/{', '.join(missing)}.")
    return maps


def _compile(resource: dict[str, Any]) -> ConceptMap:
    compiled: dict[str, Coding] = {}
    seen: set[str] = set()
    for group in resource["group"]:
        for element in group["element"]:
            code = str(element["code"])
            if code in seen:
                raise ValueError(f"{code} is mapped twice")
            seen.add(code)
            targets = [t for t in element["target"] if t["equivalence"] != "unmatched"]
            if len(targets) > 1 or any(t["equivalence"] not in _SAFE for t in targets):
                raise ValueError(f"{code} needs one target, equal to or wider than itself")
            for target in targets:
                compiled[code] = Coding(group["target"], target["code"], target["display"])
    if not compiled:
        raise ValueError("maps nothing")
    return compiled
