"""From the order to the history: what the order screen asks, which card comes, where its link leads."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from tests.browser.stack import Stack
from tests.browser.test_launch import MODES, open_chart, rows, sign_in
from tests.browser.truth import Person, people
from tests.support.browser import BLOCKED, VIEWPORTS, CookieMode, Screen, open_screen, serious_faults

pytestmark = [pytest.mark.browser, pytest.mark.slow]

_PATIENCE = 20_000


def order(page: Page, drug: str) -> None:
    """Pick a drug on the order screen and wait until it is drafted."""
    page.get_by_role("navigation", name="Chart").get_by_role("link", name="Orders").click()
    page.get_by_role("button", name=drug).click()
    expect(page.locator("fieldset.draft legend", has_text=drug)).to_be_visible(timeout=_PATIENCE)


def open_from_card(page: Page) -> FrameLocator:
    page.locator(".advice-card").get_by_role("button", name="Open the PDMP").click()
    frame = page.frame_locator("iframe[title=PDMP]")
    expect(frame.locator("h1")).to_be_visible(timeout=_PATIENCE)
    return frame


def begin(screen: Screen, stack: Stack, person: Person) -> Page:
    sign_in(screen.page, stack)
    open_chart(screen.page, stack, person)
    return screen.page


@MODES
def test_a_controlled_drugs_card_leads_to_the_history_of_the_chart(stack: Stack, mode: CookieMode) -> None:
    person = people()[0]
    with open_screen(mode) as screen:
        page = begin(screen, stack, person)
        order(page, "oxycodone")
        expect(page.locator(".trouble")).to_have_count(0)
        frame = open_from_card(page)
        assert rows(frame) == list(person.rows)
        expect(frame.locator("dl.asked")).to_contain_text("Opened from")
        assert screen.complaints() == []


@pytest.mark.parametrize("drug", ["amoxicillin", "lisinopril"])
def test_a_drug_that_is_plainly_uncontrolled_brings_no_card(stack: Stack, drug: str) -> None:
    with open_screen() as screen:
        page = begin(screen, stack, people()[0])
        order(page, drug)
        expect(page.locator(".advice-card, .trouble")).to_have_count(0)
        page.get_by_role("button", name="Sign 1 order").click()
        expect(page.locator(".signed li", has_text=drug)).to_be_visible(timeout=_PATIENCE)


@pytest.mark.parametrize("drug", ["alprazolam", "gabapentin"])
def test_other_controlled_drugs_bring_the_same_card(stack: Stack, drug: str) -> None:
    """Gabapentin is controlled in Kentucky, though not federally."""
    with open_screen() as screen:
        page = begin(screen, stack, people()[0])
        order(page, drug)
        expect(page.locator(".advice-card")).to_have_count(1)
        page.get_by_role("button", name="Sign 1 order").click()
        expect(page.get_by_role("button", name="Sign anyway")).to_be_visible(timeout=_PATIENCE)


def test_a_drug_that_is_only_typed_brings_the_card_unless_its_name_is_known(stack: Stack) -> None:
    with open_screen() as screen:
        page = begin(screen, stack, people()[0])
        page.get_by_role("navigation", name="Chart").get_by_role("link", name="Orders").click()
        page.get_by_label("Another drug").fill("compounded pain cream")
        page.get_by_label("Another drug").press("Enter")
        expect(page.locator(".advice-card")).to_have_count(1, timeout=_PATIENCE)


def test_opening_a_chart_shows_the_same_card_for_everybody(stack: Stack) -> None:
    with open_screen() as screen:
        sign_in(screen.page, stack)
        for person in people()[:2]:
            open_chart(screen.page, stack, person)
            card = screen.page.locator(".advice-card")
            expect(card).to_have_count(1, timeout=_PATIENCE)
        frame = open_from_card(screen.page)
        assert rows(frame) == list(people()[1].rows)


def test_a_card_dismissed_with_a_reason_goes(stack: Stack) -> None:
    with open_screen() as screen:
        page = begin(screen, stack, people()[0])
        order(page, "oxycodone")
        page.get_by_label("Reason for dismissing").select_option(index=1)
        page.get_by_role("button", name="Dismiss").click()
        expect(page.locator(".advice-card")).to_have_count(0, timeout=_PATIENCE)
        assert page.locator("fieldset.draft").count() == 1


@pytest.mark.parametrize(
    "fault", ["prefetch-missing", "prefetch-null", "prefetch-partial", "prefetch-outcome"]
)
def test_poor_prefetch_still_brings_card_and_history(stack: Stack, fault: str) -> None:
    person = people()[1]
    with stack.ehr_misbehaving(fault), open_screen() as screen:
        page = begin(screen, stack, person)
        order(page, "oxycodone")
        assert rows(open_from_card(page)) == list(person.rows)


def test_without_prefetch_and_access_the_screen_says_why_no_advice_came(stack: Stack) -> None:
    with stack.ehr_misbehaving("prefetch-missing", "no-fhir-access"), open_screen() as screen:
        page = begin(screen, stack, people()[0])
        order(page, "oxycodone")
        expect(page.locator(".trouble")).to_contain_text("could not get the data that it needs")


def test_a_context_of_another_patient_is_ignored_and_the_page_says_so(stack: Stack) -> None:
    person = people()[0]
    with stack.ehr_misbehaving("app-context-other-patient"), open_screen() as screen:
        page = begin(screen, stack, person)
        order(page, "oxycodone")
        frame = open_from_card(page)
        expect(frame.get_by_text("named another patient and was not used")).to_be_visible()
        assert rows(frame) == list(person.rows)


@pytest.mark.parametrize("size", VIEWPORTS, ids=lambda size: f"{size[0]} px")
def test_the_order_screen_fits_and_everybody_can_use_it(
    stack: Stack, size: tuple[int, int], shots: Path
) -> None:
    with open_screen(BLOCKED, size) as screen:
        page = begin(screen, stack, people()[0])
        expect(page.locator(".advice-card")).to_have_count(1, timeout=_PATIENCE)
        assert serious_faults(page) == []
        screen.shot(shots, f"order-chart-{size[0]}")
        order(page, "oxycodone")
        order(page, "amoxicillin")
        assert serious_faults(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") == size[0]
        screen.shot(shots, f"order-drafts-{size[0]}")
        open_from_card(page)
        assert serious_faults(page.frames[1]) == []
        screen.shot(shots, f"order-opened-{size[0]}")
        assert screen.complaints() == []
