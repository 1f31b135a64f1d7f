"""Query strings of MedicationDispense, as clients send them."""

from __future__ import annotations

import datetime as dt
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.access import Window
from gateway.core.errors import BadRequest, GatewayError, TooLarge, UnknownParameter
from gateway.fhir import search_params, tokens
from gateway.fhir.prefer import lenient
from gateway.fhir.search_params import Search

BASE = "https://pdmp.example.org/fhir"
ZONE = ZoneInfo("America/New_York")
TODAY = dt.date(2026, 11, 20)
NDC = tokens.NDC


def parse(query: str, *, lenient: bool = False) -> Search:
    return search_params.parse(parse_qsl(query), fhir_base=BASE, zone=ZONE, today=TODAY, lenient=lenient)


@pytest.mark.parametrize(
    "query",
    ["patient=p1", "subject=p1", "patient=Patient/p1", f"subject={BASE}/Patient/p1", "subject:Patient=p1"],
)
def test_a_patient_is_named_by_id_or_reference(query: str) -> None:
    assert parse(query).query.patient == "p1"


@pytest.mark.parametrize(
    "query",
    [
        "patient=p1,p2",
        "patient=p1&subject=p2",
        "patient=Patient/p1/_history/2",
        "patient=https://elsewhere.example/fhir/Patient/p1",
        "patient=Practitioner/p1",
    ],
)
def test_what_names_no_single_patient_of_ours_is_refused(query: str) -> None:
    with pytest.raises(BadRequest):
        parse(query)


def test_two_dates_make_a_window_with_both_ends_included() -> None:
    query = parse("patient=p1&whenprepared=ge2025-11-20&whenprepared=le2026-11-20").query
    assert query.prepared == Window(dt.date(2025, 11, 20), dt.date(2026, 11, 20))
    assert query.handed_over is None


def test_a_bare_search_leaves_every_bound_open_and_counts_a_hundred() -> None:
    query = parse("patient=p1").query
    assert (query.prepared, query.statuses, query.count) == (Window(None, None), None, 100)


@pytest.mark.parametrize(
    ("sent", "count"), [("0", 0), ("1", 1), ("500", 500), ("501", 500), ("1000000000000000000000", 500)]
)
def test_a_count_is_capped_at_five_hundred(sent: str, count: int) -> None:
    search = parse(f"patient=p1&_count={sent}")
    assert search.query.count == count
    assert ("_count", str(count)) in search.used


@pytest.mark.parametrize("sent", ["-1", "ten", "1.5", "1&_count=2", "%D9%A3"])
def test_a_count_that_is_no_whole_number_is_refused(sent: str) -> None:
    with pytest.raises(BadRequest):
        parse(f"patient=p1&_count={sent}")


def test_a_summary_of_counts_asks_for_no_rows() -> None:
    assert parse("patient=p1&_summary=count").query.count == 0


def test_codes_are_a_comma_list_with_or_without_system() -> None:
    query = parse(f"patient=p1&code={NDC}|00406051201,{tokens.RXNORM}|1049621,00406-0512-01").query
    assert query.codes == (
        (NDC, "00406051201"),
        (tokens.RXNORM, "1049621"),
        (None, "00406051201"),
    )


@pytest.mark.parametrize("ndc", ["0406-0512-01", "00406-512-01", "00406-0512-1", "00406-0512-01"])
def test_an_ndc_with_hyphens_is_brought_to_eleven_digits(ndc: str) -> None:
    assert parse(f"patient=p1&code={NDC}|{ndc}").query.codes == ((NDC, "00406051201"),)


@pytest.mark.parametrize("query", [f"code={NDC}|", "code=1&code=2", "code:not=1", "code:text=oxy"])
def test_code_searches_beyond_a_list_of_codes_are_refused_as_not_served(query: str) -> None:
    with pytest.raises(UnknownParameter):
        parse(f"patient=p1&{query}")


def test_statuses_are_a_comma_list_and_repeats_narrow_it() -> None:
    assert parse("patient=p1&status=completed,entered-in-error").query.statuses == {
        "completed",
        "entered-in-error",
    }
    assert parse("patient=p1&status=completed&status=entered-in-error").query.statuses == frozenset()
    system = "http://terminology.hl7.org/CodeSystem/medicationdispense-status"
    assert parse(f"patient=p1&status={system}|completed").query.statuses == {"completed"}
    with pytest.raises(BadRequest):
        parse("patient=p1&status=dispensed")


def test_repeated_ids_narrow_and_an_empty_intersection_matches_nothing() -> None:
    assert parse("_id=a,b&_id=b,c").query.ids == ("b",)
    assert parse("_id=a&_id=b").query.ids == ("00000000-0000-0000-0000-000000000000",)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("MedicationDispense:patient", "patient"),
        ("MedicationDispense:subject", "patient"),
        ("MedicationDispense:performer:Organization", "performer"),
        ("MedicationDispense:prescription", "prescription"),
    ],
)
def test_includes_are_named_by_search_parameter(value: str, kind: str) -> None:
    assert parse(f"patient=p1&_include={value}").query.include == {kind}


@pytest.mark.parametrize(
    "query",
    ["_include=*", "_include=MedicationDispense:receiver", "_include:iterate=MedicationDispense:patient"],
)
def test_other_includes_are_refused(query: str) -> None:
    with pytest.raises(UnknownParameter):
        parse(f"patient=p1&{query}", lenient=True)


@pytest.mark.parametrize(
    "query", ["colour=x", "_elements=id", "patient.name=smith", "_has:x=1", "_sort=code"]
)
def test_an_unknown_parameter_is_refused(query: str) -> None:
    with pytest.raises(UnknownParameter):
        parse(f"patient=p1&{query}")


def test_lenient_handling_leaves_an_unknown_parameter_out_of_the_self_link() -> None:
    search = parse("patient=p1&colour=blue&status=completed", lenient=True)
    assert search.text == "patient=p1&status=completed"


def test_an_unknown_modifier_is_refused_even_leniently() -> None:
    with pytest.raises(UnknownParameter):
        parse("patient=p1&whenprepared:missing=true", lenient=True)


def test_an_error_does_not_repeat_what_the_client_wrote() -> None:
    with pytest.raises(UnknownParameter) as caught:
        parse("patient=p1&Jane Doe 1980-02-03=x")
    assert "Jane" not in caught.value.public


def test_a_search_that_no_link_could_carry_is_refused() -> None:
    with pytest.raises(TooLarge):
        parse("patient=p1&code=" + ",".join("x" * 60 for _ in range(99)))


@given(
    st.lists(st.tuples(st.sampled_from(sorted(search_params._KNOWN | {"_count", "x"})), st.text(max_size=30)))
)
def test_any_query_is_either_read_or_refused(pairs: list[tuple[str, str]]) -> None:
    try:
        search = search_params.parse(pairs, fhir_base=BASE, zone=ZONE, today=TODAY)
    except GatewayError:
        return
    again = search_params.parse(parse_qsl(search.text), fhir_base=BASE, zone=ZONE, today=TODAY)
    assert again.query == search.query


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("handling=lenient", True),
        ("respond-async, handling=lenient", True),
        ('return=minimal; foo, Handling="LENIENT"; wait=3', True),
        ("handling=strict", False),
        ("handling=strict, handling=lenient", False),
        ("lenient", False),
        (None, False),
        (",;=,", False),
    ],
)
def test_the_prefer_header_is_read_among_other_preferences(header: str | None, expected: bool) -> None:
    assert lenient(header) is expected
