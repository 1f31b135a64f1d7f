"""The page in Chromium: in an EHR's frame in both cookie modes, at every width, light and dark, readable."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import FrameLocator, Page

from tests.smart_app import answers
from tests.smart_app.conftest import Browser, Stage
from tests.support.browser import ALLOWED, BLOCKED, VIEWPORTS, CookieMode, open_screen, serious_faults

pytestmark = pytest.mark.browser


def _open_chart(page: Page, stage: Stage, patient: str = "p1") -> FrameLocator:
    page.goto(f"{stage.hospital.base}/chart/{patient}")
    page.get_by_role("button", name="PDMP").click()
    return page.frame_locator("iframe")


def _sign_in(page: Page, stage: Stage) -> None:
    page.goto(stage.hospital.base)
    page.get_by_text("Creech").first.click()


@pytest.mark.parametrize("mode", [BLOCKED, ALLOWED])
def test_the_page_opens_in_the_frame_of_a_chart(stage: Stage, mode: CookieMode) -> None:
    with open_screen(mode) as screen:
        _sign_in(screen.page, stage)
        frame = _open_chart(screen.page, stage)
        frame.locator("#rows tbody tr").first.wait_for()
        assert frame.locator("#rows tbody tr").count() == 19
        (inner,) = [f for f in screen.page.frames if f != screen.page.main_frame]
        frame.get_by_role("button", name="Refresh").click()
        inner.wait_for_url(f"{stage.settings.base_url}/view")
        assert frame.locator("#rows tbody tr").count() == 19
        assert serious_faults(inner) == []
        assert screen.complaints() == []
        names = [c["name"] for c in screen.page.context.cookies() if c["name"].startswith("__Host-")]
        assert len(names) == 1


def test_another_sites_frame_shows_nothing(stage: Stage, browser: Browser) -> None:
    other = stage.add_hospital()
    stage.register(other, frame_ancestors=["https://elsewhere.example.org"])
    with open_screen() as screen:
        screen.page.goto(other.base)
        screen.page.get_by_text("Creech").first.click()
        screen.page.goto(f"{other.base}/chart/p1")
        screen.page.get_by_role("button", name="PDMP").click()
        screen.page.wait_for_timeout(1500)
        assert any("frame-ancestors" in line for line in screen.console)
        assert not any("FENWICK" in frame.content() for frame in screen.page.frames)


@pytest.mark.parametrize("size", VIEWPORTS)
def test_the_page_fits_and_reads_at_every_width(
    stage: Stage, browser: Browser, size: tuple[int, int]
) -> None:
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    with open_screen(size=size) as screen:
        screen.page.goto(browser.frame_url(stage.hospital))
        assert screen.page.locator("#rows tbody tr").count() == 19
        for scheme in schemes:
            screen.page.emulate_media(color_scheme=scheme)
            assert screen.page.evaluate("document.documentElement.scrollWidth") == size[0]
            assert serious_faults(screen.page) == []
            if folder := os.environ.get("TEST_SHOTS"):
                screen.shot(Path(folder), f"page-{size[0]}-{scheme}")
        assert screen.complaints() == []


@pytest.mark.parametrize("size", VIEWPORTS)
def test_an_answer_without_history_reads_at_every_width(
    stage: Stage, browser: Browser, size: tuple[int, int]
) -> None:
    with open_screen(size=size) as screen:
        for name in ("NO_DATA", "AMBIGUOUS", "DISALLOWED"):
            stage.gateway.answer = getattr(answers, name)
            screen.page.goto(browser.frame_url(stage.hospital))
            assert screen.page.evaluate("document.documentElement.scrollWidth") == size[0]
            assert serious_faults(screen.page) == []


def test_the_table_sorts_and_a_bar_leads_to_its_row(stage: Stage, browser: Browser) -> None:
    with open_screen() as screen:
        screen.page.goto(browser.frame_url(stage.hospital))
        first = screen.page.locator("#rows tbody tr").first
        screen.page.locator("#rows").get_by_role("button", name="Quantity").click()
        assert "240 mL" in first.inner_text()
        screen.page.locator("#rows").get_by_role("button", name="Quantity").click()
        assert "20 each" in first.inner_text()
        screen.page.locator(".supply").first.click()
        assert screen.page.locator("#rows tr.here").count() == 1
        assert screen.complaints() == []
