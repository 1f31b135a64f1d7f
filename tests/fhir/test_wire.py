"""Media types as real clients send them, JSON within limits, outcomes and bundles as FHIR R4 has them."""

from __future__ import annotations

import json
import uuid

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.operationoutcome import OperationOutcome
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import errors
from gateway.core.disclosure import Entry
from gateway.core.errors import Category, GatewayError, NotAcceptable, TooLarge, UnsupportedMedia
from gateway.fhir import bundle, outcome, wire
from gateway.fhir.wire import Format

BASE = "https://pdmp.example.org/fhir"


@pytest.mark.parametrize(
    "accept",
    [
        None,
        "",
        "application/fhir+json",
        "application/json",
        "*/*",
        "application/fhir+json, */*; q=0.1",
        "application/fhir+json;fhirVersion=4.0",
        "application/json+fhir",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "application/fhir+xml;q=0.5, application/fhir+json;q=0.9",
    ],
)
def test_every_accept_header_of_the_real_clients_gets_json(accept: str | None) -> None:
    assert wire.choose(accept) is Format.JSON


@pytest.mark.parametrize(
    "accept",
    [
        "application/fhir+xml",
        "application/xml",
        "text/xml;charset=utf-8",
        "application/fhir+xml, application/fhir+json",
        "application/fhir+json;q=0.5, application/fhir+xml;q=0.9",
        "application/json;q=0, application/fhir+xml;q=0.1",
    ],
)
def test_who_prefers_xml_gets_xml(accept: str) -> None:
    assert wire.choose(accept) is Format.XML


@pytest.mark.parametrize("accept", ["text/csv", "application/json;q=0", "image/*", "application/xml;q=0"])
def test_what_excludes_both_formats_is_not_acceptable(accept: str) -> None:
    with pytest.raises(NotAcceptable):
        wire.choose(accept)


@pytest.mark.parametrize(
    "value", ["json", "application/fhir+json", "application/fhir json", "application/json"]
)
def test_the_format_parameter_outweighs_the_header(value: str) -> None:
    assert wire.choose("application/fhir+xml", value) is Format.JSON
    assert wire.choose("application/json", "xml") is Format.XML
    with pytest.raises(NotAcceptable):
        wire.choose("application/json", "turtle")


@pytest.mark.parametrize("content_type", ["application/fhir+json; charset=UTF-8", "application/json"])
def test_a_json_body_is_read_whatever_its_json_type(content_type: str) -> None:
    wire.check_json_body(content_type)


@pytest.mark.parametrize("content_type", ["application/fhir+xml; charset=utf-8", "text/xml"])
def test_an_xml_body_is_read_where_a_resource_is_expected(content_type: str) -> None:
    assert wire.format_of_body(content_type) is Format.XML
    with pytest.raises(UnsupportedMedia):
        wire.check_json_body(content_type)


@pytest.mark.parametrize(
    "content_type", [None, "", "text/plain", "application/json; charset=utf-16", "text/xml; charset=latin1"]
)
def test_any_other_body_is_unsupported(content_type: str | None) -> None:
    with pytest.raises(UnsupportedMedia):
        wire.format_of_body(content_type)
    with pytest.raises(UnsupportedMedia):
        wire.check_json_body(content_type)


@pytest.mark.parametrize("depth", [70, 900, 100_000])
def test_a_body_that_nests_too_deeply_is_refused(depth: int) -> None:
    with pytest.raises(TooLarge):
        wire.read_object(b'{"a":' + b"[" * depth + b"]" * depth + b"}")


@given(st.binary(max_size=60))
def test_any_bytes_are_either_an_object_or_refused_without_being_quoted(body: bytes) -> None:
    said = ""
    try:
        value: object = wire.read_object(body)
    except GatewayError as error:
        value, said = {}, error.public
    assert isinstance(value, dict)
    assert said in ("", "The body must be a JSON object.", "The body nests too deeply.") or said.startswith(
        "The body is not JSON: line "
    )


@pytest.mark.parametrize("category", list(Category))
def test_every_category_has_a_status_and_a_valid_outcome(category: Category) -> None:
    kind = next(
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, GatewayError) and value.category is category
    )
    status, body = outcome.of_error(kind("What went wrong.", detail="secret"))
    document = OperationOutcome.model_validate_json(body)
    assert 400 <= status < 600
    assert document.issue[0].severity == "error"
    assert document.issue[0].code in ISSUE_TYPES
    assert b"secret" not in body
    assert (document.issue[0].diagnostics == "What went wrong.") == (category is not Category.INTERNAL)


#: FHIR R4 value set issue-type, the codes in use.
ISSUE_TYPES = {
    "invalid",
    "login",
    "forbidden",
    "not-found",
    "not-supported",
    "deleted",
    "too-long",
    "throttled",
    "conflict",
    "transient",
    "exception",
}


def entries(kind: str, count: int) -> list[Entry]:
    ids = [str(uuid.UUID(int=n)) for n in range(count)]
    return [Entry(kind, i, json.dumps({"resourceType": kind, "id": i}).encode()) for i in ids]


@pytest.mark.parametrize(("matches", "included"), [(0, 0), (1, 0), (0, 1), (3, 2)])
def test_a_searchset_is_valid_and_says_why_each_entry_is_there(matches: int, included: int) -> None:
    body = bundle.searchset(
        BASE,
        total=7,
        self_link=f"{BASE}/Organization?a=b",
        next_link=f"{BASE}/Organization?_page=x" if matches else None,
        matches=entries("Organization", matches),
        included=entries("Patient", included),
    )
    document = Bundle.model_validate_json(body)
    modes = [entry.search.mode for entry in document.entry or ()]
    assert modes == ["match"] * matches + ["include"] * included
    assert document.total == 7
    assert [link.relation for link in document.link] == ["self", "next"][: 2 if matches else 1]
    assert ("entry" in json.loads(body)) == bool(matches + included)


def test_a_collection_has_absolute_urls_and_never_a_total() -> None:
    body = bundle.collection(
        BASE,
        entries("Patient", 2),
        bundle_id="b1",
        timestamp="2026-11-20T12:00:00Z",
        profile="http://example.org/profile",
    )
    document = Bundle.model_validate_json(body)
    assert document.type == "collection"
    assert document.total is None
    assert document.entry[0].fullUrl == f"{BASE}/Patient/{document.entry[0].resource.id}"
