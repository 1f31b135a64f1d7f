"""Whose page a form came from, by what browsers tell."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Request
from werkzeug.test import EnvironBuilder

from gateway.auth import sessions
from gateway.core.settings import Settings


@pytest.mark.parametrize(
    ("headers", "genuine"),
    [
        ({"Origin": "https://pdmp.example"}, True),
        ({"Origin": "https://pdmp.example", "Sec-Fetch-Site": "same-origin"}, True),
        ({"Origin": "https://pdmp.example", "Sec-Fetch-Site": "cross-site"}, False),
        ({"Origin": "https://pdmp.example:8443"}, False),
        ({"Origin": "https://pdmp.example.evil.example"}, False),
        ({"Origin": "http://pdmp.example"}, False),
        # What Chromium sends from a page with Referrer-Policy no-referrer.
        ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, True),
        ({"Origin": "null", "Sec-Fetch-Site": "cross-site"}, False),
        ({"Origin": "null"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({}, True),
    ],
)
def test_forms_of_other_pages_are_told_apart(
    settings: Settings, headers: dict[str, str], genuine: bool
) -> None:
    public = replace(settings, base_url="https://pdmp.example/state")
    request = Request(EnvironBuilder(method="POST", headers=headers).get_environ())
    assert sessions.same_origin(request, public) is genuine
