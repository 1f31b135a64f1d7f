"""Every published example survives the way through XML, number by number; nothing dangerous is parsed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from gateway.core.errors import BadRequest, TooLarge
from gateway.fhir.xml import to_json, to_xml

EXAMPLE = {
    "resourceType": "MedicationDispense",
    "id": "d1",
    "meta": {"lastUpdated": "2026-11-20T17:04:05.250Z"},
    "extension": [{"url": "http://example.org/dose", "valueDecimal": 60}],
    "status": "completed",
    "_status": {"id": "s", "extension": [{"url": "http://example.org/why", "valueString": "a & b"}]},
    "subject": {"id": "e1", "reference": "Patient/p1"},
    "quantity": {"value": 30.50, "unit": "tablet"},
}


def as_told(body: bytes | str) -> Any:
    """The JSON with each number as its text, XHTML left out: its serialization may differ."""
    return without_narrative(json.loads(body, parse_float=_told, parse_int=_told))


def _told(text: str) -> str:
    return f"number {text}"


def without_narrative(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_narrative(item) for key, item in value.items() if key != "div"}
    return [without_narrative(item) for item in value] if isinstance(value, list) else value


def test_every_example_of_the_published_packages_comes_back_as_it_was(fhir_package_cache: Path) -> None:
    seen = 0
    for file in sorted(fhir_package_cache.rglob("*.json")):
        text = file.read_text(encoding="utf-8-sig")
        if file.name.startswith(".") or "resourceType" not in json.loads(text):
            continue
        assert as_told(to_json(to_xml(text.encode()))) == as_told(text), file.name
        seen += 1
    assert seen > 300


def test_numbers_keep_their_spelling_and_elements_their_order() -> None:
    body = json.dumps(EXAMPLE).replace("30.5", "30.50")
    document = to_xml(body.encode())
    root = etree.fromstring(document)
    assert [etree.QName(child).localname for child in root] == [
        "id", "meta", "extension", "status", "subject", "quantity",
    ]  # fmt: skip
    assert b'<value value="30.50"/>' in document
    assert b'<subject id="e1">' in document
    assert as_told(to_json(document)) == as_told(body)


def test_a_list_of_primitives_keeps_its_extensions_beside_the_right_values() -> None:
    why = {"extension": [{"url": "http://example.org/why", "valueCode": "masked"}]}
    body = {
        "resourceType": "Patient",
        "name": [{"given": ["Ada", None, "Byron"], "_given": [None, why, None]}],
    }
    told = json.loads(to_json(to_xml(json.dumps(body).encode())))
    assert told["name"][0]["given"] == ["Ada", None, "Byron"]
    assert told["name"][0]["_given"][:2] == [None, why]


@given(text=st.text(min_size=1, max_size=200))
def test_any_text_that_xml_can_hold_comes_back(text: str) -> None:
    body = json.dumps({"resourceType": "Patient", "name": [{"family": text}]}).encode("utf-8", "replace")
    try:
        document = to_xml(body)
    except UnicodeEncodeError:
        return  # a lone surrogate is no text in either format
    family = json.loads(to_json(document))["name"][0]["family"]
    assert len(family) == len(text)
    assert all(
        got == sent or (got == "\ufffd" and (sent < " " or sent > "\ufffd"))
        for got, sent in zip(family, text, strict=True)
    )


ENTITY = '<!DOCTYPE Patient [<!ENTITY e SYSTEM "file:///etc/hostname">]>'
LAUGHS = '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>'


@pytest.mark.parametrize(
    "document",
    [
        "",
        "{}",
        "<Patient/>",
        '<Patient xmlns="http://example.org"/>',
        '<Nobody xmlns="http://hl7.org/fhir"/>',
        '<HumanName xmlns="http://hl7.org/fhir"/>',
        '<Patient xmlns="http://hl7.org/fhir"><nonsense value="1"/></Patient>',
        '<Patient xmlns="http://hl7.org/fhir"><id/></Patient>',
        '<Patient xmlns="http://hl7.org/fhir"><active value="yes"/></Patient>',
        '<Patient xmlns="http://hl7.org/fhir"><active value="true"/><active value="true"/></Patient>',
        '<Patient xmlns="http://hl7.org/fhir">Ada</Patient>',
        '<Patient xmlns="http://hl7.org/fhir"><multipleBirthInteger value="1}"/></Patient>',
        '<Patient xmlns="http://hl7.org/fhir"><contained/></Patient>',
        ENTITY + '<Patient xmlns="http://hl7.org/fhir"><id value="&e;"/></Patient>',
        LAUGHS + '<Patient xmlns="http://hl7.org/fhir"><id value="&c;"/></Patient>',
        '<!DOCTYPE Patient><Patient xmlns="http://hl7.org/fhir"/>',
        '<?xml version="1.0" encoding="UTF-16"?><Patient xmlns="http://hl7.org/fhir"/>',
    ],
)
def test_what_is_no_resource_or_not_safe_is_refused_without_quoting_it(document: str) -> None:
    with pytest.raises(BadRequest) as refused:
        to_json(document.encode())
    assert "Ada" not in refused.value.public
    assert "nonsense" not in refused.value.public


@pytest.mark.parametrize("depth", [80, 5000])
def test_a_document_that_nests_too_deeply_is_refused(depth: int) -> None:
    part = "<part>" * depth + "</part>" * depth
    document = f'<Parameters xmlns="http://hl7.org/fhir"><parameter>{part}</parameter></Parameters>'
    with pytest.raises((TooLarge, BadRequest)):
        to_json(document.encode())


def test_what_a_type_does_not_have_is_never_left_out_in_silence() -> None:
    with pytest.raises(ValueError, match="no element"):
        to_xml(b'{"resourceType":"Patient","nonsense":1}')
