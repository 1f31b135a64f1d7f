"""A program for clients that others wrote, and the user who walks through its pages in between."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.run.exchanges import Exchanges
from conformance.suites.smart.browser import Browser
from gateway.core.settings import Settings
from tests.support.smart_program import FORM, Program, run_program


@pytest.fixture(scope="module")
def program(module_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with run_program(module_settings, tmp_path_factory.mktemp("program")) as running:
        yield running


def walk(program: Program, authorize: str, redirect: str) -> str:
    """Return the address at which the user comes back to the app."""
    browser = Browser(Exchanges(program.gateway.base, allow_http=True), FORM)
    landing = browser.get(authorize, redirect)
    assert landing.parameters is not None, f"ended at a page with status {landing.answer.status}"
    return landing.url
