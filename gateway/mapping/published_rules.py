"""The rules that a jurisdiction's alerts are made by, as a CodeSystem that anybody may read."""

from __future__ import annotations

from typing import Any

from gateway.clinical import published
from gateway.clinical.thresholds import Thresholds


def code_system(thresholds: Thresholds | None, base: str, jurisdiction: str) -> dict[str, Any]:
    """Return the CodeSystem of the rules that the jurisdiction has configured, each with who published it."""
    concepts = published.every(thresholds) if thresholds else ()
    system: dict[str, Any] = {
        "resourceType": "CodeSystem",
        "id": "alert-rule",
        "url": f"{base}/fhir/CodeSystem/alert-rule",
        "version": "1.0.0",
        "name": "AlertRule",
        "title": f"Rules that alerts are made by: {jurisdiction}",
        "status": "active",
        "experimental": False,
        "caseSensitive": True,
        "content": "complete",
    }
    if concepts:
        system["concept"] = [
            {"code": one.code, "display": one.rule, "definition": f"{one.rule}. Source: {one.source}."}
            for one in concepts
        ]
    return system
