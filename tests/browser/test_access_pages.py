"""The authorization server's pages as users meet them: by keyboard, at any width, without JavaScript.

`SCREENSHOTS=folder` keeps the pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from gateway.core.settings import Settings
from tests.browser.access import (
    Access,
    add_delegate,
    choose_patient,
    run_callback,
    sign_in,
    start,
)
from tests.support.browser import VIEWPORTS, Screen, open_screen
from tests.support.smart_program import run_program
from tests.support.tools import require

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def access(module_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Access]:
    require("browser")
    folder = tmp_path_factory.mktemp("access")
    with run_program(module_settings, folder) as program, run_callback() as home:
        yield Access(program, home)


@pytest.fixture(scope="module")
def helper(access: Access) -> dict[str, str]:
    return add_delegate(access.program)


@contextmanager
def watched(size: tuple[int, int] = (800, 600)) -> Iterator[Screen]:
    """Yield a browser that must have had nothing to complain about."""
    with open_screen(size=size) as screen:
        yield screen
        # An answer of 4xx to a form is told in the console too; the pages themselves load nothing else.
        complaints = [line for line in screen.complaints() if "status of 4" not in line]
        assert complaints == []


def look(screen: Screen, shots: Path, name: str) -> None:
    """Hold a page against axe, in both colour schemes, and against its width; keep its picture."""
    page = screen.page
    width = page.viewport_size["width"] if page.viewport_size else 0
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        violations = Axe().run(page).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in violations] == [], (name, scheme)
        shots.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=shots / f"{name}-{width}-{scheme}.png", full_page=True)
    page.emulate_media(color_scheme="light", forced_colors="active")
    page.screenshot(path=shots / f"{name}-{width}-forced.png", full_page=True)
    page.emulate_media(forced_colors="none")
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width, f"{name} is {wide} px wide at {width}"


@pytest.mark.parametrize("size", [*VIEWPORTS, (640, 400)], ids=lambda size: str(size[0]))
def test_every_page_passes_axe_and_fits(
    access: Access, helper: dict[str, str], shots: Path, size: tuple[int, int]
) -> None:
    """640 by 400 is what 1280 by 800 leaves at 200 percent."""
    with watched(size) as screen:
        page, app = screen.page, access.app(client_uri="https://bluegrass.example/about")
        start(page, app)
        look(screen, shots, "sign-in")
        sign_in(page, helper["username"], "something else")
        expect(page.get_by_role("alert")).to_be_visible()
        look(screen, shots, "sign-in-problem")
        sign_in(page, **helper)
        expect(page.get_by_role("heading", name="Which patient?")).to_be_visible()
        look(screen, shots, "patient")
        page.get_by_label("Birth date").fill("4/11/68")
        page.get_by_label("Given name").fill("Loretta")
        page.get_by_label("Family name").fill("Fenwick")
        page.get_by_role("button", name="Find the patient").click()
        expect(page.get_by_role("alert")).to_contain_text("birth date")
        look(screen, shots, "patient-problem")
        choose_patient(page)
        expect(page.get_by_role("heading", name="Allow Bluegrass Chart")).to_be_visible()
        for part in page.locator("summary").all():
            part.click()
        look(screen, shots, "consent")
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Signed out")).to_be_visible()
        look(screen, shots, "signed-out")
        page.goto(f"{app.base}/auth/continue?request=none")
        expect(page.get_by_role("heading", name="ended")).to_be_visible()
        look(screen, shots, "problem")
