"""The page for the EHR's engineer: readable, reachable, without a script; and a correct OpenAPI document."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import flask
import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.support.browser import VIEWPORTS, open_screen
from tests.support.processes import LiveGateway

#: Endpoints that only a browser calls, on the user's way through sign-in, patient and consent.
_STEPS = re.compile(r"/auth/(?:continue|sign-in|sign-out|patient|consent|upstream.*|style.*|static.*)")


@pytest.fixture(scope="module")
def document(module_gateway: LiveGateway) -> dict[str, Any]:
    answer = requests.get(f"{module_gateway.base}/docs/openapi.json", timeout=10)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    told: dict[str, Any] = answer.json()
    return told


def test_the_openapi_document_is_valid(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()


def test_the_openapi_document_and_the_routes_tell_the_same_endpoints(
    document: dict[str, Any], app: flask.Flask
) -> None:
    told = {(path, method.upper()) for path, item in document["paths"].items() for method in item}
    served = {
        (rule.rule, method)
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/auth/") or "/.well-known/" in rule.rule or "$" in rule.rule
        if not _STEPS.fullmatch(rule.rule)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        # Methods that are only there to be refused.
        if not rule.endpoint.endswith(("only_post", "not_allowed"))
    }
    assert told == served


def test_links_on_the_page_lead_somewhere(client: FlaskClient) -> None:
    page = client.get("/docs").text
    targets = set(re.findall(r'href="#([^"]+)"', page))
    assert targets
    assert targets == set(re.findall(r'<section id="([^"]+)"', page))
    for path in ("/docs/docs.css", "/docs/openapi.json", "/fhir/metadata"):
        assert path in page
        assert client.get(path).status_code == 200


@pytest.mark.browser
@pytest.mark.parametrize("size", VIEWPORTS)
def test_the_page_fits_is_accessible_and_needs_no_script(
    module_gateway: LiveGateway, size: tuple[int, int], tmp_path: Path
) -> None:
    with open_screen(size=size) as screen:
        screen.page.goto(f"{module_gateway.base}/docs")
        screen.shot(tmp_path, "docs")
        assert screen.page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert Axe().run(screen.page).response["violations"] == []
        assert screen.complaints() == []
        assert "<script" not in screen.page.content()
