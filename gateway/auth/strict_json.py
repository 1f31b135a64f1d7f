"""JSON from strangers: one meaning or none. Repeated names, NaN and what is too deep are refused."""

from __future__ import annotations

import json
from typing import Any, NoReturn


def parse_object(text: bytes) -> dict[str, Any]:
    """Return the JSON object in `text` (UTF-8). Raises ValueError."""
    try:
        value = json.loads(
            text.decode("utf-8", "strict"), object_pairs_hook=_once, parse_constant=_no_constant
        )
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name is repeated")
    return members


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
