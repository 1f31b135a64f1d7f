"""Scopes hold for each way to a row, and before any count: what a token opens is what an oracle says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.disclose.conftest import House, User
from tests.fhir_api import asap, bodies
from tests.fhir_api.bodies import parameters
from tests.fhir_api.conftest import SCOPE

D = "patient/MedicationDispense.rs"
NDC = "http://hl7.org/fhir/sid/ndc"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
EVERY = "status=completed,entered-in-error"

Resource = dict[str, Any]
Says = Callable[[Resource], bool]


def _status(*codes: str) -> Says:
    return lambda resource: resource["status"] in codes


def _type(*codes: str) -> Says:
    return lambda resource: resource["type"]["coding"][0]["code"] in codes


def _code(system: str, code: str) -> Says:
    return lambda resource: any(
        (one["system"], one["code"]) == (system, code)
        for one in resource["medicationCodeableConcept"]["coding"]
    )


def _days(first: str = "", last: str = "9") -> Says:
    return lambda resource: first <= resource["whenPrepared"] <= last


def _all(*says: Says) -> Says:
    return lambda resource: all(one(resource) for one in says)


def _any(*says: Says) -> Says:
    return lambda resource: any(one(resource) for one in says)


def _none(_: Resource) -> bool:
    return False


CASES: list[tuple[str, Says]] = [
    (D, lambda _: True),
    ("patient/MedicationDispense.read", lambda _: True),
    ("patient/*.rs", lambda _: True),
    ("user/MedicationDispense.rs", lambda _: True),
    (f"{D}?status=completed", _status("completed")),
    (f"{D}?status=entered-in-error", _status("entered-in-error")),
    (f"{D}?status=stopped", _none),
    (f"{D}?status=completed&status=entered-in-error", _none),
    (f"{D}?type=FFC", _type("FFC")),
    (f"{D}?type={ACT}|RFC,{ACT}|RFP", _type("RFC", "RFP")),
    (f"{D}?type={ACT}%7CFFP", _type("FFP")),
    (f"{D}?type=|FFC", _none),
    (f"{D}?type=http://example.org|FFC", _none),
    (f"{D}?code={NDC}|{asap.ALPRAZOLAM}", _code(NDC, asap.ALPRAZOLAM)),
    (f"{D}?code={NDC}|00228-2031-10", _code(NDC, asap.ALPRAZOLAM)),
    (f"{D}?code={RXNORM}|{asap.OXYCODONE_RXCUI}", _code(RXNORM, asap.OXYCODONE_RXCUI)),
    (f"{D}?code=http://snomed.info/sct|{asap.ALPRAZOLAM}", _none),
    (f"{D}?whenprepared=ge2026-10-05&whenprepared=le2026-11-04", _days("2026-10-05", "2026-11-04")),
    (f"{D}?whenprepared=2025", _days("2025", "2025-99")),
    (f"{D}?whenprepared=ne2026", _days("2025", "2025-99")),
    (f"{D}?whenprepared=ge2026-11&whenprepared=lt2026-10", _none),
    (
        f"{D}?status=completed&type=FFC&whenprepared=lt2026-10",
        _all(_status("completed"), _type("FFC"), _days("", "2026-09-30")),
    ),
    (
        f"{D}?type=RFC user/MedicationDispense.rs?code={NDC}|{asap.ALPRAZOLAM}",
        _any(_type("RFC"), _code(NDC, asap.ALPRAZOLAM)),
    ),
    (f"{D}?type=RFC {D}?status=stopped", _type("RFC")),
    (f"{D}?type=RFC {D}", lambda _: True),
    # A system's scope is none of a user's.
    (f"{D}?type=RFC system/MedicationDispense.rs", _type("RFC")),
]
IDS = [scope.replace(D, "…")[:70] for scope, _ in CASES]


@pytest.fixture(scope="module")
def everything(house: House) -> list[Resource]:
    whole = house.user(D).search(EVERY)
    resources = [entry["resource"] for entry in whole["entry"]]
    assert len(resources) == 11
    assert {one["type"]["coding"][0]["code"] for one in resources} == {"FFC", "FFP", "RFC", "RFP"}
    return resources


def matches(document: dict[str, Any]) -> list[str]:
    return [
        entry["resource"]["id"] for entry in document.get("entry", []) if entry["search"]["mode"] == "match"
    ]


@pytest.mark.parametrize(("scope", "says"), CASES, ids=IDS)
def test_a_search_finds_and_counts_what_the_scopes_open(
    house: House, everything: list[Resource], scope: str, says: Says
) -> None:
    user = house.user(scope)
    expected = [one["id"] for one in everything if says(one)]
    found = user.search(EVERY)
    assert (found["total"], matches(found)) == (len(expected), expected)
    posted = user.post_form("/fhir/MedicationDispense/_search", {"status": "completed,entered-in-error"})
    assert matches(posted.get_json()) == expected
    named = user.search(f"{EVERY}&_id={','.join(one['id'] for one in everything)}")
    assert matches(named) == expected


@pytest.mark.parametrize(("scope", "says"), CASES, ids=IDS)
def test_pages_are_of_what_the_scopes_open(
    house: House, everything: list[Resource], scope: str, says: Says
) -> None:
    user = house.user(scope)
    expected = [one["id"] for one in everything if says(one)]
    seen: list[str] = []
    path = f"/fhir/MedicationDispense?{EVERY}&_count=2"
    for _ in range(10):
        page = user.get(path).get_json()
        assert page["total"] == len(expected)
        seen += matches(page)
        links = [one["url"] for one in page["link"] if one["relation"] == "next"]
        if not links:
            break
        parts = urlsplit(links[0])
        path = f"{parts.path}?{parts.query}"
    assert seen == expected


@pytest.mark.parametrize(("scope", "says"), CASES, ids=IDS)
def test_a_read_answers_for_what_the_scopes_open_and_no_more(
    house: House, everything: list[Resource], scope: str, says: Says
) -> None:
    user = house.user(scope)
    for one in everything:
        path, version = f"MedicationDispense/{one['id']}", one["meta"]["versionId"]
        expected = 200 if says(one) else 404
        assert user.status(path) == expected
        assert user.status(f"{path}/_history/{version}") == expected


@pytest.mark.parametrize(("scope", "says"), CASES, ids=IDS)
def test_a_history_holds_what_the_scopes_open(
    house: House, everything: list[Resource], scope: str, says: Says
) -> None:
    answer = house.user(scope).history(parameters(bodies.fenwick()))
    assert answer.status_code == 200, answer.text
    (part,) = answer.get_json()["parameter"]
    expected = [
        one["id"]
        for one in everything
        if says(one) and one["status"] == "completed" and one["whenPrepared"] >= "2025-11-20"
    ]
    if not expected:
        assert part["name"] == "outcome"
        assert "the token's scopes open no more" in part["resource"]["issue"][0]["diagnostics"]
        return
    kinds = [entry["resource"] for entry in part["resource"]["entry"]]
    assert [one["id"] for one in kinds if one["resourceType"] == "MedicationDispense"] == expected
    # Of a part of a history alerts would be too few.
    limited = not says({"status": "", "type": {"coding": [{"code": ""}]}, "whenPrepared": "0",
                        "medicationCodeableConcept": {"coding": []}})  # fmt: skip
    assert not (limited and any(one["resourceType"] == "DetectedIssue" for one in kinds))


def test_a_system_scope_with_conditions_holds_for_a_backend_client(
    house: House, everything: list[Resource]
) -> None:
    scope = SCOPE.replace("MedicationDispense.rs", f"MedicationDispense.rs?code={NDC}|{asap.ALPRAZOLAM}")
    caller = house.gateway.caller(scope=scope)
    expected = [one["id"] for one in everything if _code(NDC, asap.ALPRAZOLAM)(one)]
    answer = caller.history(parameters(bodies.fenwick()))
    entries = [entry["resource"] for entry in answer.get_json()["parameter"][0]["resource"]["entry"]]
    assert [one["id"] for one in entries if one["resourceType"] == "MedicationDispense"] == expected
    grant = answer.headers["PDMP-Grant"]
    person = house.people["fenwick"]
    found = caller.get(f"/fhir/MedicationDispense?patient={person}", PDMP_Grant=grant).get_json()
    assert (found["total"], matches(found)) == (len(expected), expected)
    for one in everything:
        path = f"/fhir/MedicationDispense/{one['id']}"
        assert caller.get(path, PDMP_Grant=grant).status_code == (200 if one["id"] in expected else 404)


def test_a_type_outside_the_scopes_is_forbidden_and_never_an_empty_answer(
    house: House, everything: list[Resource]
) -> None:
    one, user = everything[0], house.user("openid patient/Patient.rs")
    for path in (
        "MedicationDispense",
        f"MedicationDispense?_id={one['id']}",
        f"MedicationDispense/{one['id']}",
        f"MedicationDispense/{one['id']}/_history/1",
        f"MedicationRequest/{one['id']}",
        f"Organization/{one['performer'][0]['actor']['reference'].split('/')[1]}",
    ):
        answer = user.get(f"/fhir/{path}")
        assert answer.status_code == 403, path
        assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
    assert user.history(parameters(bodies.fenwick())).status_code == 403
    assert user.status(f"Patient/{house.people['fenwick']}") == 200


def test_letters_count_one_by_one(house: House, everything: list[Resource]) -> None:
    path = f"MedicationDispense/{everything[0]['id']}"
    reads, searches = house.user("patient/MedicationDispense.r"), house.user("patient/MedicationDispense.s")
    assert (reads.status(path), reads.status("MedicationDispense")) == (200, 403)
    assert (searches.status(path), searches.status("MedicationDispense")) == (403, 200)
    for user in (reads, searches):
        assert user.history(parameters(bodies.fenwick())).status_code == 403
    # Different conditions on the two letters: a history holds what satisfies both.
    mixed = house.user(f"patient/MedicationDispense.r?type=RFC,FFC patient/MedicationDispense.s?{FROM_JUNE}")
    entries = mixed.history(parameters(bodies.fenwick())).get_json()["parameter"][0]["resource"]["entry"]
    fills = [one["resource"] for one in entries if one["resource"]["resourceType"] == "MedicationDispense"]
    both = _all(_type("RFC", "FFC"), _days("2026-06-10", "2026-08-31"), _status("completed"))
    assert [one["id"] for one in fills] == [one["id"] for one in everything if both(one)]
    assert len(fills) == 1


FROM_JUNE = "whenprepared=ge2026-06-10&whenprepared=lt2026-09"
INCLUDES = "&".join(
    f"_include=MedicationDispense:{name}" for name in ("patient", "performer", "prescription")
)


@pytest.mark.parametrize(
    ("more", "included"),
    [
        ("", set()),
        ("patient/Patient.r", {"Patient"}),
        ("user/Organization.r patient/MedicationRequest.rs", {"Organization", "MedicationRequest"}),
        ("patient/MedicationRequest.rs?category=community", set()),
        ("patient/*.r", {"Patient", "Organization", "MedicationRequest"}),
        ("patient/Patient.s system/*.rs", set()),
    ],
)
def test_what_an_include_brings_needs_its_own_scope(house: House, more: str, included: set[str]) -> None:
    found = house.user(f"{D} {more}".strip()).search(f"{INCLUDES}&_count=3")
    kinds = {e["resource"]["resourceType"] for e in found["entry"] if e["search"]["mode"] == "include"}
    assert (found["total"], kinds) == (10, included)


@pytest.mark.parametrize(
    ("more", "opened"),
    [
        ("", set()),
        ("patient/MedicationRequest.rs", {"MedicationRequest"}),
        ("patient/MedicationRequest.rs?category=community", set()),
        ("patient/*.rs", {"MedicationRequest", "Organization", "Practitioner"}),
    ],
)
def test_what_a_history_refers_to_needs_its_own_scope(house: House, more: str, opened: set[str]) -> None:
    answer = house.user(f"{D} {more}".strip()).history(parameters(bodies.fenwick()))
    entries = answer.get_json()["parameter"][0]["resource"]["entry"]
    kinds = {entry["resource"]["resourceType"] for entry in entries}
    # The guide's Bundle has its Patient; alerts are of the dispensations.
    assert kinds - {"DetectedIssue"} == {"Patient", "MedicationDispense"} | opened


def test_no_prescription_has_a_category_for_a_scope_to_ask_for(
    house: House, everything: list[Resource]
) -> None:
    path = f"MedicationRequest/{everything[0]['id']}"
    assert house.user("patient/MedicationRequest.rs?category=community").status(path) == 404
    assert house.user(f"patient/MedicationRequest.rs {D}?status=stopped").status(path) == 200


def test_a_superseded_version_is_judged_by_what_it_says_itself(
    house: House, everything: list[Resource]
) -> None:
    (voided,) = [one for one in everything if one["status"] == "entered-in-error"]
    path = f"/fhir/MedicationDispense/{voided['id']}"

    def seen(user: User) -> list[int]:
        return [user.get(one).status_code for one in (path, f"{path}/_history/1", f"{path}/_history/2")]

    assert seen(house.user(D)) == [200, 200, 200]
    assert seen(house.user(f"{D}?status=completed")) == [404, 200, 404]
    assert seen(house.user(f"{D}?status=entered-in-error")) == [200, 404, 200]
    first = house.user(D).get(f"{path}/_history/1")
    assert (first.get_json()["status"], first.get_json()["meta"]["versionId"]) == ("completed", "1")
    assert (first.headers["ETag"], house.user(D).get(path).headers["ETag"]) == ('W/"1"', 'W/"2"')


@pytest.mark.parametrize("kind", ["MedicationDispense", "MedicationRequest", "Patient", "Organization"])
def test_a_version_that_never_was_is_not_found(house: House, everything: list[Resource], kind: str) -> None:
    key = {
        "Patient": str(house.people["fenwick"]),
        "Organization": everything[0]["performer"][0]["actor"]["reference"].split("/")[1],
    }.get(kind, everything[0]["id"])
    user = house.user()
    current = user.get(f"/fhir/{kind}/{key}")
    version = current.get_json()["meta"]["versionId"]
    assert current.headers["ETag"] == f'W/"{version}"'
    assert user.get(f"/fhir/{kind}/{key}/_history/{version}").get_json() == current.get_json()
    for wrong in ("0", "99", "x", "1.0", "-1", "9" * 12, "9" * 64, "%D9%A1"):
        assert user.status(f"{kind}/{key}/_history/{wrong}") == 404, wrong
