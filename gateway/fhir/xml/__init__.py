"""FHIR's XML format, beside the JSON that is stored and served by default (FHIR R4, section 2.6.1).

`read` and `write` translate between the two without loss: decimals and instants keep their very text, which
no model in between would let them. What elements a type has, in which order, comes from `elements`.
"""

from __future__ import annotations

from gateway.fhir.xml.read import to_json
from gateway.fhir.xml.write import to_xml

__all__ = ["to_json", "to_xml"]
