"""From the pharmacy's file to the clinician's page: the EHR double, the app in its frame, the gateway behind.

Every launch runs with third-party cookies blocked and allowed; a Content-Security-Policy complaint of the
browser fails a test. `SCREENSHOTS=folder` keeps the pictures.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from conformance.ehr.faults import Fault
from tests.browser.stack import Stack
from tests.browser.truth import FAMILIES, Person, Row, people
from tests.browser.truth import person as the_person
from tests.support.browser import (
    ALLOWED,
    BLOCKED,
    VIEWPORTS,
    CookieMode,
    Screen,
    open_screen,
    serious_faults,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]

#: A cold first launch fetches discovery and keys of two servers.
_PATIENCE = 20_000

MODES = pytest.mark.parametrize("mode", [BLOCKED, ALLOWED])


def sign_in(page: Page, stack: Stack) -> None:
    page.goto(stack.ehr)
    page.locator("button[name=practitioner]").first.click()


def open_chart(page: Page, stack: Stack, person: Person) -> None:
    page.goto(stack.ehr)
    page.get_by_label("Search").fill(f"{person.given} {person.family}")
    page.get_by_role("link", name=f"{person.family}, {person.given}").click()


def click_pdmp(page: Page) -> FrameLocator:
    page.get_by_role("button", name="PDMP", exact=True).click()
    frame = page.frame_locator("iframe[title=PDMP]")
    expect(frame.locator("h1")).to_be_visible(timeout=_PATIENCE)
    return frame


def rows(frame: FrameLocator) -> list[Row]:
    """Return the table's rows, oldest first."""
    expect(frame.locator("#rows")).to_be_visible(timeout=_PATIENCE)
    read: list[dict[str, str]] = frame.locator("#rows tbody tr").evaluate_all(
        """trs => trs.map(tr => ({
            filled: tr.querySelector("[data-label=Filled] time").dateTime,
            rx: tr.querySelector("[data-label=Prescription]").innerText.match(/Rx (\\S+)/)[1],
            quantity: tr.querySelector("[data-label=Quantity]").dataset.v,
            days: tr.querySelector("[data-label=Quantity]").innerText.match(/(\\d+) days?\\b/)[1]}))"""
    )
    return sorted(Row(r["filled"], r["rx"], Decimal(r["quantity"]), int(r["days"])) for r in read)


@MODES
@pytest.mark.parametrize("family", FAMILIES)
def test_the_page_shows_exactly_the_truths_rows_within_the_look_back(
    stack: Stack, mode: CookieMode, family: str
) -> None:
    person = the_person(family)
    with open_screen(mode) as screen:
        sign_in(screen.page, stack)
        open_chart(screen.page, stack, person)
        frame = click_pdmp(screen.page)
        assert rows(frame) == list(person.rows)
        expect(frame.locator("tr.matched")).to_have_count(1)
        assert person.family.casefold() in frame.locator("tr.matched").inner_text().casefold()
        assert screen.complaints() == []


@pytest.mark.parametrize("size", VIEWPORTS, ids=lambda size: f"{size[0]} px")
def test_the_page_fits_its_frame_and_everybody_can_use_it(
    stack: Stack, size: tuple[int, int], shots: Path
) -> None:
    for person in people():
        with open_screen(BLOCKED, size) as screen:
            page = screen.page
            sign_in(page, stack)
            open_chart(page, stack, person)
            click_pdmp(page)
            inside = page.frames[1]
            assert serious_faults(page) == []
            assert serious_faults(inside) == []
            widths = inside.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
            assert widths[0] <= widths[1], "the page sticks out sideways"
            screen.shot(shots, f"launch-{person.given.lower()}-{size[0]}")
            _whole_page(screen, shots / f"page-{person.given.lower()}-{size[0]}.png")
            assert screen.complaints() == []


@MODES
def test_refreshing_in_the_frame_gives_the_same_rows(stack: Stack, mode: CookieMode) -> None:
    person = people()[0]
    with open_screen(mode) as screen:
        sign_in(screen.page, stack)
        open_chart(screen.page, stack, person)
        frame = click_pdmp(screen.page)
        for _ in range(2):
            frame.locator("body").evaluate("body => { body.dataset.old = '' }")
            frame.get_by_role("button", name="Refresh").click()
            expect(frame.locator("body[data-old]")).to_have_count(0, timeout=_PATIENCE)
            assert rows(frame) == list(person.rows)
        assert screen.complaints() == []


@MODES
def test_two_charts_opened_side_by_side_never_mix(stack: Stack, mode: CookieMode) -> None:
    first, second = people()[:2]
    with open_screen(mode) as screen:
        sign_in(screen.page, stack)
        other = screen.page.context.new_page()
        open_chart(screen.page, stack, first)
        open_chart(other, stack, second)
        left, right = click_pdmp(screen.page), click_pdmp(other)
        left.get_by_role("button", name="Refresh").click()
        assert rows(right) == list(second.rows)
        assert rows(left) == list(first.rows)


#: Discovery is kept by the app for minutes, by right; its fault shows only to a fresh app.
FAULTS = [fault for fault in Fault if fault is not Fault.DISCOVERY_WITHOUT_S256]


def test_whatever_the_ehr_gets_wrong_nothing_of_the_patient_is_shown(stack: Stack) -> None:
    person = people()[0]
    with open_screen(BLOCKED) as screen:
        sign_in(screen.page, stack)
        for fault in FAULTS:
            with stack.ehr_misbehaving(fault.value):
                open_chart(screen.page, stack, person)
                frame = click_pdmp(screen.page)
                text = frame.locator("body").inner_text()
                assert frame.locator("#rows").count() == 0, fault
                for row in person.rows:
                    assert row.rx_number not in text, fault
                assert person.family.casefold() not in text.casefold(), fault
        open_chart(screen.page, stack, person)
        assert rows(click_pdmp(screen.page)) == list(person.rows)


def _whole_page(screen: Screen, path: Path) -> None:
    """Save the app's page in its full height, as a person sees it who scrolls through the frame."""
    size = screen.page.viewport_size
    assert size
    height = screen.page.frames[1].evaluate("document.documentElement.scrollHeight")
    screen.page.set_viewport_size({"width": size["width"], "height": int(height) + 240})
    screen.page.screenshot(path=path)
    screen.page.set_viewport_size(size)
