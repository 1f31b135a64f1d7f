"""Every rendered shape is R4 by its models, and has what its profile requires by the guide's definitions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from tests.mapping.shapes import BASE, SHAPES

BODIES = [(name, part) for name in SHAPES for part in SHAPES[name]()]
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


@pytest.fixture(scope="session")
def profiles(fhir_package_cache: Path) -> dict[str, dict[str, Any]]:
    found = {}
    for path in fhir_package_cache.glob("*/package/StructureDefinition-*.json"):
        definition = json.loads(path.read_text(encoding="utf-8"))
        found[definition["url"]] = definition
    return found


@cache
def body(name: str, part: str) -> dict[str, Any]:
    resource: dict[str, Any] = json.loads(SHAPES[name]()[part])
    return resource


@pytest.mark.parametrize(("name", "part"), BODIES)
def test_the_r4_model_takes_the_resource(name: str, part: str) -> None:
    resource = body(name, part)
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)


@pytest.mark.parametrize(("name", "part"), BODIES)
def test_no_member_is_empty_and_no_key_comes_twice(name: str, part: str) -> None:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({key for key, _ in pairs}) == len(pairs)
        assert pairs
        assert all(value not in ("", [], None) for _, value in pairs)
        return dict(pairs)

    json.loads(SHAPES[name]()[part], object_pairs_hook=once)


@pytest.mark.parametrize(("name", "part"), BODIES)
def test_meta_names_source_profile_version_and_instant(name: str, part: str) -> None:
    meta = body(name, part)["meta"]
    assert meta["source"] == f"{BASE}/fhir/sid/source/ky"
    assert len(meta["profile"]) == 1
    assert re.fullmatch(r"[1-9][0-9]*", meta["versionId"])
    assert re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]+)?Z", meta["lastUpdated"])


@pytest.mark.parametrize(("name", "part"), BODIES)
def test_the_profile_has_its_required_elements(
    name: str, part: str, profiles: dict[str, dict[str, Any]]
) -> None:
    resource = body(name, part)
    definition = profiles[resource["meta"]["profile"][0]]
    problems = list(_cardinality(definition, resource))
    assert problems == []


@pytest.mark.parametrize(("name", "part"), BODIES)
def test_extensions_are_defined_by_the_guide_or_by_us(
    name: str, part: str, profiles: dict[str, dict[str, Any]]
) -> None:
    for extension in body(name, part).get("extension", []):
        url = extension["url"]
        if url.startswith(BASE) or url.endswith("/patient-animal"):
            continue
        values = [
            element["type"][0]["code"]
            for element in profiles[url]["snapshot"]["element"]
            if element["path"] == "Extension.value[x]"
        ]
        kind = values[0]
        assert set(extension) == {"url", f"value{kind[0].upper()}{kind[1:]}"}


@pytest.mark.parametrize(("name", "part"), BODIES)
def test_references_are_relative(name: str, part: str) -> None:
    for reference in _references(body(name, part)):
        assert re.fullmatch(r"(Patient|Organization|Practitioner|MedicationRequest)/[0-9a-f-]{36}", reference)


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for child in value.values():
            yield from _references(child)
    elif isinstance(value, list):
        for child in value:
            yield from _references(child)


def _cardinality(definition: dict[str, Any], resource: dict[str, Any]) -> Iterator[str]:
    """Yield elements of the snapshot outside slices whose count is out of bounds below a present parent."""
    for element in definition["snapshot"]["element"]:
        path = element["path"]
        if ":" in element["id"] or "." not in path:
            continue
        names = path.split(".")[1:]
        for parent in _parents(resource, names[:-1]):
            count = _count(parent, names[-1])
            high = element["max"]
            if count < element["min"] or (high != "*" and count > int(high)):
                yield f"{path}: {count} not in {element['min']}..{high}"


def _parents(resource: dict[str, Any], names: list[str]) -> list[dict[str, Any]]:
    current: list[Any] = [resource]
    for name in names:
        following: list[Any] = []
        for item in current:
            for key in _keys(item, name):
                value = item[key]
                following += value if isinstance(value, list) else [value]
        current = [item for item in following if isinstance(item, dict)]
    return current


def _count(parent: dict[str, Any], name: str) -> int:
    # A value that is absent with a reason counts as present (R4: an element may hold only extensions).
    found = 0
    for key in {key.removeprefix("_") for key in _keys(parent, name)}:
        value = parent.get(key, parent.get(f"_{key}"))
        found += len(value) if isinstance(value, list) else 1
    return found


def _keys(parent: dict[str, Any], name: str) -> list[str]:
    if name.endswith("[x]"):
        stem = name.removesuffix("[x]")
        return [key for key in parent if re.fullmatch(rf"_?{stem}[A-Z]\w*", key)]
    return [key for key in (name, f"_{name}") if key in parent]
