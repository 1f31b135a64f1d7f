"""Search of MedicationDispense and its pages, inside a grant that a history left."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fhir.resources.R4B.bundle import Bundle
from werkzeug.test import TestResponse

from tests.fhir_api import asap, bodies
from tests.fhir_api.bodies import parameters
from tests.fhir_api.conftest import Caller, Gateway

PATH = "/fhir/MedicationDispense"


@pytest.fixture
def granted(reported: Gateway) -> tuple[Caller, str, str]:
    """A caller, the id of Loretta Fenwick, and the grant that the caller got for her just now."""
    caller = reported.caller()
    answer = caller.history(parameters(bodies.fenwick()))
    document = answer.get_json()
    person = document["parameter"][0]["resource"]["entry"][0]["resource"]["id"]
    return caller, person, answer.headers["PDMP-Grant"]


def searched(answer: TestResponse) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    Bundle.model_validate_json(answer.data)
    document: dict[str, Any] = answer.get_json()
    assert document["type"] == "searchset"
    return document


def days(document: dict[str, Any]) -> list[str]:
    return [
        entry["resource"]["whenPrepared"]
        for entry in document.get("entry", [])
        if entry["search"]["mode"] == "match"
    ]


def link(document: dict[str, Any], relation: str) -> str | None:
    return next((item["url"] for item in document["link"] if item["relation"] == relation), None)


def local(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def test_a_search_by_patient_has_no_default_window_and_an_exact_total(
    granted: tuple[Caller, str, str],
) -> None:
    caller, person, grant = granted
    document = searched(caller.get(f"{PATH}?patient={person}", PDMP_Grant=grant))
    assert document["total"] == 7
    assert days(document)[0] == "2026-11-17"
    assert days(document)[-1] == "2025-09-05"
    assert link(document, "next") is None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("whenprepared=ge2026-10-05&whenprepared=le2026-11-04", 4),
        ("whenprepared=gt2026-10-05&whenprepared=lt2026-11-04", 1),
        ("whenprepared=2026-11", 3),
        ("whenprepared=2025", 1),
        ("whenprepared=ge2026-11-17T00:00:00Z", 1),
        ("whenprepared=eb2025", 0),
        ("whenprepared=ne2026-11", 4),
        ("whenprepared=ne2026-11&whenprepared=ne2025", 3),
        ("whenprepared=ne2026-11-04", 5),
        ("whenprepared=ap2026-11-04", 2),
        ("whenprepared=ap2025", 1),
        ("whenhandedover=ne2026-11-04", 5),
        ("_lastUpdated=ne2020", 7),
        ("_lastUpdated=ap2020", 0),
        ("whenhandedover=2026-11-04", 1),
        ("whenhandedover=ge2026-11-04", 2),
        (f"code=http://hl7.org/fhir/sid/ndc|{asap.ALPRAZOLAM}", 3),
        (f"code={asap.ALPRAZOLAM},{asap.OXYCODONE}", 7),
        (f"code=http://www.nlm.nih.gov/research/umls/rxnorm|{asap.OXYCODONE_RXCUI}", 4),
        ("code=http://hl7.org/fhir/sid/ndc|00000000000", 0),
        ("code=http://snomed.info/sct|1", 0),
        ("status=entered-in-error", 1),
        ("status=completed,entered-in-error", 8),
        ("status=stopped", 0),
        ("status=completed&status=entered-in-error", 0),
        ("_lastUpdated=ge2020", 7),
        ("_lastUpdated=lt2020", 0),
        ("_id=00000000-0000-7000-8000-000000000000", 0),
        ("_id=nonsense", 0),
    ],
)
def test_parameters_narrow_the_search(granted: tuple[Caller, str, str], query: str, expected: int) -> None:
    caller, person, grant = granted
    document = searched(caller.get(f"{PATH}?patient={person}&{query}", PDMP_Grant=grant))
    assert document["total"] == expected
    assert len(days(document)) == expected


def test_voided_fills_are_left_out_unless_asked_for(granted: tuple[Caller, str, str]) -> None:
    caller, person, grant = granted
    plain = searched(caller.get(f"{PATH}?patient={person}", PDMP_Grant=grant))
    assert {entry["resource"]["status"] for entry in plain["entry"]} == {"completed"}
    voided = searched(caller.get(f"{PATH}?patient={person}&status=entered-in-error", PDMP_Grant=grant))
    assert [entry["resource"]["status"] for entry in voided["entry"]] == ["entered-in-error"]


@pytest.mark.parametrize("count", [1, 2, 3, 6, 7])
def test_pages_add_up_to_the_whole_in_order(granted: tuple[Caller, str, str], count: int) -> None:
    caller, person, grant = granted
    whole = searched(caller.get(f"{PATH}?patient={person}", PDMP_Grant=grant))
    url: str | None = f"{PATH}?patient={person}&_count={count}"
    seen: list[str] = []
    pages = 0
    while url and pages < 10:
        page = searched(caller.get(url, PDMP_Grant=grant))
        assert page["total"] == 7
        entries = page.get("entry", [])
        assert 0 < len(entries) <= count
        seen += [entry["fullUrl"] for entry in entries]
        following = link(page, "next")
        url = local(following) if following else None
        pages += 1
    assert seen == [entry["fullUrl"] for entry in whole["entry"]]
    assert pages == -(-7 // count)


def test_a_page_link_carries_its_grant_and_hides_what_it_holds(granted: tuple[Caller, str, str]) -> None:
    caller, person, grant = granted
    page = searched(caller.get(f"{PATH}?patient={person}&code={asap.OXYCODONE}&_count=1", PDMP_Grant=grant))
    following = link(page, "next")
    assert following is not None
    assert person not in following
    assert set(parse_qs(urlsplit(following).query)) == {"_page"}
    answer = caller.get(local(following))
    assert days(searched(answer)) == ["2026-10-05"]
    assert answer.headers["PDMP-Grant"] == grant


def test_a_page_link_is_of_no_use_to_another_client_or_altered(
    reported: Gateway, granted: tuple[Caller, str, str]
) -> None:
    caller, person, grant = granted
    following = link(searched(caller.get(f"{PATH}?patient={person}&_count=2", PDMP_Grant=grant)), "next")
    assert following is not None
    path = local(following)
    assert caller.get(path).status_code == 200
    reported.register("other")
    assert reported.caller("other").get(path).status_code == 400
    altered = path[:-8] + ("A" if path[-8] != "A" else "B") + path[-7:]
    for bad in (altered, f"{PATH}?_page=", f"{PATH}?_page=%C3%A9", f"{PATH}?_page=A", f"{path}&_count=50"):
        assert caller.get(bad).status_code in (400, 403), bad
    assert caller.get(path, PDMP_Grant="00000000-0000-4000-8000-000000000000").status_code == 400


def test_a_count_of_nothing_gives_the_total_alone(granted: tuple[Caller, str, str]) -> None:
    caller, person, grant = granted
    for query in ("_count=0", "_summary=count"):
        document = searched(caller.get(f"{PATH}?patient={person}&{query}", PDMP_Grant=grant))
        assert document["total"] == 7
        assert "entry" not in document
        assert link(document, "next") is None


def test_includes_bring_what_the_matches_refer_to_once(granted: tuple[Caller, str, str]) -> None:
    caller, person, grant = granted
    document = searched(
        caller.get(
            f"{PATH}?patient={person}&_include=MedicationDispense:patient"
            "&_include=MedicationDispense:performer&_include=MedicationDispense:prescription",
            PDMP_Grant=grant,
        )
    )
    included = [entry["resource"] for entry in document["entry"] if entry["search"]["mode"] == "include"]
    kinds = [resource["resourceType"] for resource in included]
    assert (kinds.count("Patient"), kinds.count("Organization"), kinds.count("MedicationRequest")) == (
        1,
        1,
        7,
    )
    assert document["total"] == 7


def test_a_post_search_answers_as_a_get_does(granted: tuple[Caller, str, str]) -> None:
    caller, person, grant = granted
    by_get = searched(caller.get(f"{PATH}?patient={person}&whenprepared=ge2026", PDMP_Grant=grant))
    form = {"patient": person, "whenprepared": "ge2026"}
    by_post = searched(caller.post_form(f"{PATH}/_search", form, PDMP_Grant=grant))
    assert by_post == by_get
    mixed = searched(
        caller.post_form(f"{PATH}/_search?patient={person}", {"whenprepared": "ge2026"}, PDMP_Grant=grant)
    )
    assert mixed["total"] == by_get["total"]


def test_the_self_link_says_what_was_used(granted: tuple[Caller, str, str]) -> None:
    caller, person, grant = granted
    query = f"patient={person}&colour=blue&_count=9999"
    assert caller.get(f"{PATH}?{query}", PDMP_Grant=grant).status_code == 400
    document = searched(
        caller.get(f"{PATH}?{query}", PDMP_Grant=grant, Prefer="respond-async, handling=lenient")
    )
    assert link(document, "self") == f"http://localhost:8000{PATH}?patient={person}&_count=500"


def test_a_search_needs_a_patient_or_ids(granted: tuple[Caller, str, str]) -> None:
    caller, _, grant = granted
    for query in ("", "?status=completed", "?patient="):
        assert caller.get(f"{PATH}{query}", PDMP_Grant=grant).status_code == 400


def test_ids_are_found_inside_a_grant(granted: tuple[Caller, str, str]) -> None:
    caller, person, grant = granted
    whole = searched(caller.get(f"{PATH}?patient={person}", PDMP_Grant=grant))
    ids = [entry["resource"]["id"] for entry in whole["entry"][:2]]
    document = searched(caller.get(f"{PATH}?_id={','.join(ids)}", PDMP_Grant=grant))
    assert [entry["resource"]["id"] for entry in document["entry"]] == ids


def test_another_patient_than_the_grants_is_forbidden_and_nothing_leaks(
    reported: Gateway, granted: tuple[Caller, str, str]
) -> None:
    caller, _, grant = granted
    other = reported.caller().history(parameters(bodies.bell(**bodies.ssn("999700201")))).get_json()
    resources = [entry["resource"] for entry in other["parameter"][0]["resource"]["entry"]]
    bell, fill = resources[0]["id"], resources[1]["id"]
    assert caller.get(f"{PATH}?patient={bell}", PDMP_Grant=grant).status_code == 403
    ids = caller.get(f"{PATH}?_id={fill}", PDMP_Grant=grant)
    assert ids.status_code in (200, 403)
    assert fill not in ids.text.replace(f"_id={fill}", "")
    assert caller.get(f"{PATH}?patient={'0' * 36}", PDMP_Grant=grant).status_code == 403


def test_without_any_grant_nothing_is_read(reported: Gateway, granted: tuple[Caller, str, str]) -> None:
    _, person, grant = granted
    reported.register("stranger")
    stranger = reported.caller("stranger")
    assert stranger.get(f"{PATH}?patient={person}").status_code == 403
    assert stranger.get(f"{PATH}?patient={person}", PDMP_Grant=grant).status_code == 403
    assert stranger.get(f"{PATH}?patient={person}", PDMP_Grant="nonsense").status_code == 403


def test_several_grants_for_a_person_need_the_header(
    reported: Gateway, granted: tuple[Caller, str, str]
) -> None:
    caller, person, grant = granted
    caller.history(parameters(bodies.fenwick()))
    refused = caller.get(f"{PATH}?patient={person}")
    assert refused.status_code == 403
    assert "PDMP-Grant" in refused.get_json()["issue"][0]["diagnostics"]
    assert caller.get(f"{PATH}?patient={person}", PDMP_Grant=grant).status_code == 200
