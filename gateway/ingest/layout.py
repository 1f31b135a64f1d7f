"""The layouts in `mappings/asap/`, one file a version, compiled once: element rules, and a shape a segment.

The shape is one regular expression that matches a segment without fault; it is what makes a good file fast.
Whatever it does not match is looked at element by element, which finds the fault or finds none. A version
without a file is not taken. Layouts that cannot be compiled stop the start.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.core.errors import Misconfigured

SEPARATOR = "*"
UNCONTROLLED = "unless-uncontrolled"

_TYPES = frozenset(("AN", "N", "D", "DT", "TM"))
_TEXT = r"[^*\x00-\x1f\x7f]"
_START = r"[^*\x00-\x20\x7f]"


@dataclass(frozen=True, slots=True)
class Element:
    """One element. `codes` None means that any value of the type will do."""

    id: str
    type: str
    max: int
    required: bool
    unless_uncontrolled: bool
    codes: frozenset[str] | None
    digits: int
    field: str
    needs: int | None
    """Index of the element without which this one says nothing."""


@dataclass(frozen=True, slots=True)
class SegmentLayout:
    """One kind of segment: its elements in order, and the shape of a faultless one."""

    tag: str
    elements: tuple[Element, ...]
    shape: re.Pattern[str]
    dates: tuple[int, ...]
    """Places of DT elements, from 0."""
    companions: tuple[tuple[int, int], ...]
    """(place, place of the element without which it says nothing)."""

    def places(self, fields: tuple[str, ...]) -> tuple[int, ...]:
        """Return the index of each of `fields` among the elements; one past the last where it is absent."""
        index = {element.field: place for place, element in enumerate(self.elements) if element.field}
        return tuple(index.get(name, len(self.elements)) for name in fields)


@dataclass(frozen=True, slots=True)
class Layout:
    """One version of the format."""

    version: str
    segments: dict[str, SegmentLayout]


def load_layouts(folder: Path) -> dict[str, Layout]:
    """Return the layouts by version from `folder`/*.toml. Raises Misconfigured when one cannot be used."""
    layouts = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            layout = _layout(tomllib.loads(path.read_text(encoding="utf-8")))
        except (KeyError, TypeError, ValueError, re.error) as problem:
            raise Misconfigured(f"ASAP layout {path.name} cannot be used: {problem}") from problem
        if path.stem != layout.version:
            raise Misconfigured(f"ASAP layout {path.name} says that it is version {layout.version}.")
        layouts[layout.version] = layout
    if not layouts:
        raise Misconfigured("There is no ASAP layout in the mappings folder.")
    return layouts


def _layout(table: dict[str, Any]) -> Layout:
    segments = {}
    for tag, rows in table["segments"].items():
        ids = [row["id"] for row in rows["elements"]]
        if ids != [f"{tag}{number:02}" for number in range(1, len(ids) + 1)]:
            raise ValueError(f"elements of {tag} are not numbered by position")
        elements = tuple(_element(row, ids, table.get("codes", {})) for row in rows["elements"])
        segments[tag] = SegmentLayout(
            tag,
            elements,
            re.compile(_shape(tag, elements)),
            dates=tuple(place for place, element in enumerate(elements) if element.type == "DT"),
            companions=tuple(
                (place, element.needs) for place, element in enumerate(elements) if element.needs is not None
            ),
        )
    return Layout(table["version"], segments)


def _element(row: dict[str, Any], ids: list[str], codes: dict[str, dict[str, str]]) -> Element:
    if row["type"] not in _TYPES:
        raise ValueError(f"{row['id']} has an unknown type")
    required = row.get("required", False)
    return Element(
        id=row["id"],
        type=row["type"],
        max=int(row["max"]),
        required=required is True,
        unless_uncontrolled=required == UNCONTROLLED,
        codes=frozenset(codes[row["codes"]]) if "codes" in row else None,
        digits=int(row.get("digits", 0)),
        field=row.get("field", ""),
        needs=ids.index(row["needs"]) if "needs" in row else None,
    )


def _shape(tag: str, elements: tuple[Element, ...]) -> str:
    needed = max((place + 1 for place, element in enumerate(elements) if element.required), default=0)
    pattern = tag + "".join(rf"\*({_element_shape(element)})" for element in elements[:needed])
    # Trailing elements may be left off, so each optional one nests those after it.
    for element in elements[needed:]:
        pattern += rf"(?:\*({_element_shape(element)})"
    return pattern + ")?" * (len(elements) - needed) + r"\Z"


def _element_shape(element: Element) -> str:
    optional = "" if element.required else "?"
    if element.codes is not None:
        return f"(?:{'|'.join(re.escape(code) for code in sorted(element.codes))}){optional}"
    match element.type:
        case "AN" if element.required:
            return f"{_START}{_TEXT}{{0,{element.max - 1}}}"
        case "AN":
            return f"{_TEXT}{{0,{element.max}}}"
        case "N" if element.digits:
            return f"(?:[0-9]{{{element.digits}}}){optional}"
        case "N":
            return f"[0-9]{{{int(element.required)},{element.max}}}"
        case "D":
            return rf"(?:(?=[0-9.]{{1,{element.max}}}(?:\*|\Z))[0-9]+(?:\.[0-9]+)?){optional}"
        case "DT":
            return f"(?:[0-9]{{8}}){optional}"
        case _:
            return f"(?:(?:[01][0-9]|2[0-3])[0-5][0-9](?:[0-5][0-9])?){optional}"
