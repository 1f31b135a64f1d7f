"""Chromium as a clinician's browser, with third-party cookies blocked or allowed, and what to watch in it.

Both modes are real: Debian's Chromium blocks third-party cookies, many a hospital's workstation allows them.
An app in an EHR's frame must open in either.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, ConsoleMessage, Frame, Page, sync_playwright

from tests.support.tools import require

CookieMode = Literal["third-party cookies blocked", "third-party cookies allowed"]
BLOCKED: CookieMode = "third-party cookies blocked"
ALLOWED: CookieMode = "third-party cookies allowed"

#: Widths that every page must look good at, with a height that belongs to each.
VIEWPORTS = ((360, 740), (800, 600), (1280, 800))

_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass
class Screen:
    """One browser window: its `page`, and every line of its console so far."""

    page: Page
    console: list[str] = field(default_factory=list)

    def complaints(self) -> list[str]:
        """Return console lines about blocked content, failed loads and errors of scripts."""
        words = ("content security policy", "refused to", "failed to load", "uncaught", "violates")
        return [line for line in self.console if any(word in line.lower() for word in words)]

    def shot(self, folder: Path, name: str) -> Path:
        """Save the window as `folder/name.png` and return the path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.png"
        self.page.screenshot(path=path)
        return path


@contextmanager
def open_screen(mode: CookieMode = BLOCKED, size: tuple[int, int] = (1280, 800)) -> Iterator[Screen]:
    """Yield a fresh browser without any cookie; skip the test by name where Chromium is missing."""
    (chromium,) = require("browser")
    viewport: Any = {"width": size[0], "height": size[1]}
    with sync_playwright() as playwright, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        context: BrowserContext
        if mode == ALLOWED:
            _allow_third_party_cookies(Path(profile))
            context = playwright.chromium.launch_persistent_context(
                profile, executable_path=chromium, headless=True, args=_ARGUMENTS, viewport=viewport
            )
        else:
            browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=_ARGUMENTS)
            context = browser.new_context(viewport=viewport)
        try:
            page = context.new_page()
            screen = Screen(page)

            def note(message: ConsoleMessage) -> None:
                screen.console.append(message.text)

            page.on("console", note)
            page.on("pageerror", lambda error: screen.console.append(f"Uncaught {error}"))
            yield screen
        finally:
            owner = context.browser
            context.close()
            if owner is not None:
                owner.close()


def serious_faults(place: Page | Frame) -> list[str]:
    """Return axe's serious and critical findings in a page or in one frame (axe never enters a frame)."""
    response = Axe().run(place).response
    return [
        f"{finding['id']}: {finding['nodes'][0]['html']}"
        for finding in response["violations"]
        if finding["impact"] in ("serious", "critical")
    ]


def _allow_third_party_cookies(profile: Path) -> None:
    folder = profile / "Default"
    folder.mkdir(parents=True)
    preferences = {"profile": {"block_third_party_cookies": False, "cookie_controls_mode": 0}}
    (folder / "Preferences").write_text(json.dumps(preferences))
