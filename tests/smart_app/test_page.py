"""The page: every outcome told plainly, every row there, the wrong chart noticed."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest

from tests.smart_app import answers
from tests.smart_app.conftest import Browser, Stage
from tests.smart_app.test_launch import outcome

NOT_AN_ANSWER = "This is not an answer of “no records”"


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_every_row_of_the_answer_is_in_the_table(stage: Stage, browser: Browser) -> None:
    rows: list[dict[str, Any]] = []
    for i in range(120):
        rows += answers.dispense(f"x{i:03d}", f"drug {i:03d}", ("opioid",), "2026-05-01", 30, 10, mme=5)
    stage.gateway.answer = answers.history(answers.person(), *rows, *answers.parties())
    page = browser.open(stage.hospital).text
    table = page.split('<table id="rows"')[1]
    assert re.findall(r'class="drug-name">(drug \d+)<', table) == [f"drug {i:03d}" for i in range(120)]
    assert page.count('class="supply"') == 120


def test_a_row_says_all_that_was_reported_and_what_was_not(stage: Stage, browser: Browser) -> None:
    row = answers.dispense(
        "r1", "oxycodone 10 MG", ("opioid",), "2026-11-01", 15, 60.5, mme=60, sold=None, fill=2, part=3
    )
    stage.gateway.answer = answers.history(answers.person(), *row, *answers.parties())
    text = words(browser.open(stage.hospital).text.split('<tbody role="rowgroup">')[-1])
    for told in (
        "01 Nov 2026",
        "pick-up not reported",
        "oxycodone 10 MG",
        "partial fill, part 3",
        "60.5 each",
        "15 days",
        "60 CDC 2022",
        "Rx 70r1",
        "refill 2 of 2",
        "written same day",
        "commercial insurance",
        "Harlan Creech",
        "Nicholasville Road Drug",
        "859-555-0102",
    ):
        assert told in text


def test_the_active_dose_counts_what_it_can_and_names_what_it_cannot(stage: Stage, browser: Browser) -> None:
    text = words(browser.open(stage.hospital).text)
    assert "Opioid dose active today 60 MME mg/day CDC 2022 · 2 of 3 not counted" in text


def test_a_dose_that_nobody_can_compute_is_unknown_and_never_zero(stage: Stage, browser: Browser) -> None:
    row = answers.dispense("r1", "oxycodone", ("opioid",), "2026-11-10", 30, 60)
    stage.gateway.answer = answers.history(answers.person(), *row, *answers.parties())
    text = words(browser.open(stage.hospital).text)
    assert "Opioid dose active today Unknown 1 of 1 not counted" in text


def test_no_data_says_so_and_for_whom(stage: Stage, browser: Browser) -> None:
    stage.gateway.answer = answers.NO_DATA
    page = browser.open(stage.hospital)
    assert page.status_code == 200
    assert outcome(page.text) == "no-data"
    text = words(page.text)
    assert "No dispensations found for Loretta Fenwick" in text
    assert "Born 11 Apr 1968" in text
    assert "<svg" not in page.text


@pytest.mark.parametrize(
    ("answer", "title"),
    [
        (answers.AMBIGUOUS, "The PDMP could not tell which person this is"),
        (answers.DISALLOWED, "The PDMP does not answer this request"),
        (answers.outcome("error", "fatal", "exception", "It broke."), "The PDMP gave no history"),
        ({"resourceType": "Parameters"}, "The PDMP gave no history"),
        (answers.history(), "The PDMP gave no history"),
    ],
    ids=["ambiguous", "disallowed", "error", "nothing", "empty bundle"],
)
def test_what_is_no_history_never_looks_like_no_records(
    stage: Stage, browser: Browser, answer: dict[str, Any], title: str
) -> None:
    stage.gateway.answer = answer
    page = browser.open(stage.hospital)
    assert page.status_code == 200
    assert title in page.text
    assert NOT_AN_ANSWER in page.text
    assert "No dispensations found" not in page.text
    assert 'id="rows"' not in page.text


def test_an_ambiguous_answer_names_what_would_settle_it(stage: Stage, browser: Browser) -> None:
    stage.gateway.answer = answers.AMBIGUOUS
    assert "One of these would settle it: address, phone." in browser.open(stage.hospital).text


@pytest.mark.parametrize("status", [400, 403, 404, 500, 503])
def test_a_failing_gateway_is_told_apart_from_no_records(stage: Stage, browser: Browser, status: int) -> None:
    stage.gateway.answer = answers.NO_DATA
    stage.gateway.status = status
    page = browser.open(stage.hospital)
    assert page.status_code == 502
    assert outcome(page.text) == "gateway-failed"
    assert NOT_AN_ANSWER in page.text
    assert "Try again" in page.text


@pytest.mark.slow
def test_a_gateway_that_hangs_is_given_up(stage: Stage, browser: Browser) -> None:
    stage.gateway.delay = threading.Event()
    page = browser.open(stage.hospital)
    stage.gateway.delay.set()
    assert page.status_code == 504
    assert "took too long" in page.text
    assert NOT_AN_ANSWER in page.text


def test_another_birth_date_is_a_warning(stage: Stage, browser: Browser) -> None:
    row = answers.dispense("r1", "oxycodone", ("opioid",), "2026-11-10", 30, 60)
    person = answers.person(birthDate="1968-11-04")
    stage.gateway.answer = answers.history(person, *row, *answers.parties())
    page = browser.open(stage.hospital).text
    assert 'role="alert"' in page
    assert "This chart says 11 Apr 1968, the PDMP’s record says 04 Nov 1968" in words(page)


def test_the_same_birth_date_is_none(stage: Stage, browser: Browser) -> None:
    assert 'role="alert"' not in browser.open(stage.hospital).text


def test_names_and_addresses_that_records_were_reported_under_are_shown(
    stage: Stage, browser: Browser
) -> None:
    text = words(browser.open(stage.hospital).text)
    assert "Also reported as LORETTA FENWICK-HOLT" in text
    assert "18 Tobacco Rd, Pikeville, KY 41501" in text
    assert "Fills from 20 Nov 2025 to 20 Nov 2026" in text
    assert "Requested by Harlan Creech · NPI 1999500006" in text


def test_rows_under_42_cfr_part_2_carry_their_label_and_the_notice(stage: Stage, browser: Browser) -> None:
    page = browser.open(stage.hospital).text
    assert page.split('id="rows"')[1].count('<span class="tag lock">42 CFR Part 2</span>') == 2
    assert "42 CFR part 2 prohibits unauthorized use or disclosure of these records." in page
    plain = answers.dispense("r1", "oxycodone", ("opioid",), "2026-11-10", 30, 60)
    stage.gateway.answer = answers.history(answers.person(), *plain, *answers.parties())
    assert "42 CFR" not in browser.open(stage.hospital).text


def test_what_others_wrote_is_text_on_the_page_and_nothing_else(stage: Stage, browser: Browser) -> None:
    evil = '<script>alert("x")</script>'
    row = answers.dispense("r1", evil, ("opioid",), "2026-11-10", 30, 60, sig=evil, unit=evil)
    person = answers.person(name=[{"family": evil, "given": [evil]}])
    stage.gateway.answer = answers.history(person, *row, *answers.parties())
    page = browser.open(stage.hospital).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


def test_a_link_to_the_states_report_must_be_a_web_address(stage: Stage, browser: Browser) -> None:
    for url, shown in (("javascript:alert(1)", False), ("https://state.example/r/1", True)):
        part = {"name": "pdmp-history-link", "valueUrl": url}
        stage.gateway.answer = {"resourceType": "Parameters", "parameter": [part]}
        assert (url in browser.open(stage.hospital).text) is shown
