"""The EHR's screens in a real browser: search, chart, frame; no complaint of the browser or of axe."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ehr.test_server import running, wait_until_up
from tests.support.browser import BLOCKED, VIEWPORTS, open_screen, serious_faults
from tests.support.ehr_double import book, person

pytestmark = pytest.mark.browser


class _App(http.server.BaseHTTPRequestHandler):
    """A stand-in for any app in the frame."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(b"<!doctype html><html lang=en><title>App</title><p>The app is here</p>")

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def standing_app() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _App) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def ehr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    file = tmp_path_factory.mktemp("ehr") / "ehr.json"
    with standing_app() as app_port:
        content = book()
        app = f"http://pdmp.localhost:{app_port}"
        content["app_launch_url"] = f"{app}/launch"
        content["clients"][0]["redirect_uris"] = [f"{app}/callback"]
        content["patients"] += [
            person("Patient", f"n{i}", "Ada", f"Noble{i}", birthDate="1950-05-05", gender="female")
            for i in range(500)
        ]
        file.write_text(json.dumps(content))
        with running(file) as (base, port, _process):
            wait_until_up(base)
            yield f"http://ehr.localhost:{port}"


@pytest.mark.parametrize("size", VIEWPORTS, ids=lambda size: f"{size[0]} px")
def test_from_sign_in_to_the_frame_nothing_is_blocked_cut_off_or_hard_to_reach(
    ehr: str, size: tuple[int, int], tmp_path: Path
) -> None:
    with open_screen(BLOCKED, size) as screen:
        page = screen.page
        page.goto(ehr)
        assert serious_faults(page) == []
        page.get_by_role("button", name="Harlan Creech").click()
        page.get_by_label("Search").fill("04/11/1968 lor")
        assert page.get_by_role("status").inner_text() == "1 of 502 patients"
        page.get_by_label("Search").fill("alvarez")
        assert page.locator("tbody tr:visible").count() == 1
        page.get_by_label("Search").fill("zzz")
        assert page.get_by_text("No patient fits").is_visible()
        page.get_by_label("Search").fill("")
        assert serious_faults(page) == []
        page.get_by_role("link", name="Fenwick, Loretta").click()
        assert serious_faults(page) == []
        page.get_by_role("button", name="PDMP", exact=True).click()
        page.frame_locator("iframe[title=PDMP]").get_by_text("The app is here").wait_for()
        assert serious_faults(page) == []
        # The frame keeps most of a small screen, and nothing sticks out sideways.
        box = page.locator("iframe").bounding_box()
        assert box
        assert box["height"] > 0.6 * size[1]
        assert page.evaluate("document.documentElement.scrollWidth") == size[0]
        assert screen.complaints() == []
