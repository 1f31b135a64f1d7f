"""The authorization server's pages as users meet them: by keyboard, at any width, without JavaScript.

`SCREENSHOTS=folder` keeps the pictures.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote_plus, urlencode

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from gateway.core.settings import Settings
from tests.browser.access import (
    EVERYTHING,
    Access,
    add_delegate,
    choose_patient,
    run_callback,
    sign_in,
    start,
)
from tests.support.browser import VIEWPORTS, Screen, open_screen
from tests.support.smart_program import PATIENT, USER, run_program
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


def test_the_whole_way_is_walked_by_keyboard(access: Access) -> None:
    with watched() as screen:
        page, keyboard = screen.page, screen.page.keyboard
        start(page, access.app())
        for text in (USER["username"], USER["password"], ""):
            keyboard.press("Tab")
            keyboard.type(text)
        keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Which patient?")).to_be_visible()
        # From field to field in the order in which they are read.
        for name in ("given", "family", "birthdate", "identifier", "postal_code"):
            keyboard.press("Tab")
            assert page.evaluate("document.activeElement.name") == name
            keyboard.type(PATIENT[name])
        keyboard.press("Tab")
        keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Allow Bluegrass Chart")).to_be_visible()
        expect(page.get_by_role("region", name="Patient")).to_contain_text("Fenwick")
        _tab_to(page, "allow")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none"
        keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Back in the app")).to_be_visible()


def test_a_problem_leads_to_its_field(access: Access) -> None:
    with watched() as screen:
        page = screen.page
        start(page, access.app())
        sign_in(page, password="something else")
        expect(page.get_by_label("Username")).to_be_focused()
        expect(page.get_by_label("Username")).to_have_accessible_description(re.compile("did not fit"))
        sign_in(page)
        for name, value in {**PATIENT, "birthdate": "11.04.1968"}.items():
            page.locator(f"[name={name}]").fill(value)
        page.get_by_role("button", name="Find the patient").click()
        expect(page).to_have_title(re.compile("^Problem"))
        field = page.get_by_label("Birth date")
        expect(field).to_be_focused()
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_accessible_description(re.compile("Give the birth date as year"))
        expect(page.get_by_label("Family name")).to_have_value(PATIENT["family"])
        page.get_by_label("Given name").focus()
        page.get_by_role("alert").get_by_role("link").click()
        expect(field).to_be_focused()


def test_nothing_of_a_patient_or_a_user_is_in_an_address(access: Access) -> None:
    with watched() as screen:
        page, app = screen.page, access.app()
        addresses: list[str] = []
        page.on("request", lambda request: addresses.append(request.url))
        start(page, app)
        sign_in(page)
        choose_patient(page)
        page.get_by_role("button", name="Allow", exact=True).click()
        expect(page.get_by_role("heading", name="Back in the app")).to_be_visible()
        shown = " ".join(map(unquote_plus, addresses))
        words = {**USER, **PATIENT}
        # Five digits may stand in a random handle.
        del words["postal_code"]
        assert [word for word in words.values() if word in shown] == []
        assert "postal_code" not in shown
        assert "code" in app.received(page.url)
        cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
        assert set(cookies) == {"pdmp_sid", "pdmp_known"}
        assert all(cookie["httpOnly"] and cookie["sameSite"] == "Lax" for cookie in cookies.values())


def test_no_page_is_shown_in_a_frame(access: Access) -> None:
    app = access.app()
    with open_screen() as screen:
        page = screen.page
        page.goto(access.home)
        address = f"{app.base}/auth/authorize?{urlencode(app.request(EVERYTHING))}"
        with page.expect_console_message(lambda line: "frame-ancestors" in line.text, timeout=10_000):
            page.evaluate(
                "address => { const frame = document.createElement('iframe'); frame.src = address;"
                " document.body.append(frame) }",
                address,
            )
        (frame,) = [one for one in page.frames if one != page.main_frame]
        assert frame.locator("input").count() == 0


def _tab_to(page: Page, value: str) -> None:
    """Press Tab until the button of that value has the focus."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.value") == value:
            return
    raise AssertionError(f"no way to {value} by keyboard")
