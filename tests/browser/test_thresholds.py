"""49.99, 50.0, 89.99 and 90.0 MME a day, as the page shows them: the same as the alerts beside them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.stack import Stack
from tests.browser.test_launch import click_pdmp, open_chart, sign_in
from tests.browser.truth import THRESHOLDS, Person, overlay
from tests.support.browser import BLOCKED, open_screen, serious_faults

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TRUTH = json.loads(overlay(THRESHOLDS).with_suffix(".truth.json").read_bytes())


@pytest.mark.parametrize("who", ["below-fifty", "fifty", "sum-fifty", "below-ninety", "ninety"])
def test_figure_and_alerts_on_the_page_agree_at_the_threshold(stack: Stack, who: str, shots: Path) -> None:
    (told,) = [p for p in TRUTH["patients"] if p["person"] == who]
    with open_screen(BLOCKED) as screen:
        sign_in(screen.page, stack)
        open_chart(screen.page, stack, Person(told["last"], told["first"], ()))
        frame = click_pdmp(screen.page)
        expect(frame.locator("#peak-mme")).to_have_text(TRUTH["numbers"][who]["daily_mme"][0]["mme"])
        alerts = " ".join(frame.locator(".alert strong").all_inner_texts())
        for limit in (50, 90):
            assert (f"{limit} MME a day or more" in alerts) is TRUTH[f"at_or_above_{limit}"][who]
        frame.locator("details.figures summary").click()
        assert serious_faults(screen.page.frames[1]) == []
        screen.shot(shots, f"threshold-{who}")
        if alerts:
            frame.locator(".alert a").first.click()
            assert screen.page.frames[1].url.rpartition("#")[2].startswith("row-")
        assert screen.complaints() == []
