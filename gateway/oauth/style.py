"""How an app may look in our company: the document behind `smart_style_url` (SMART 2.2, "Styling").

The address holds the document's hash, so that a change of it is another address, as the guide asks, and a
copy may be kept for good.
"""

from __future__ import annotations

import hashlib

import flask
import orjson

# Our pages' own colours; sizes in CSS units, as the guide gives them.
_STYLE = {
    "color_background": "#ffffff",
    "color_error": "#b50909",
    "color_highlight": "#005ea2",
    "color_modal_backdrop": "#1b1b1b",
    "color_success": "#008817",
    "color_text": "#1b1b1b",
    "dim_border_radius": "4px",
    "dim_font_size": "16px",
    "dim_spacing_size": "16px",
    "font_family_body": "system-ui, sans-serif",
    "font_family_heading": "system-ui, sans-serif",
}
_DOCUMENT = orjson.dumps(_STYLE)
_NAME = f"style-{hashlib.sha256(_DOCUMENT).hexdigest()[:16]}.json"

#: Where it lies, relative to the base URL.
PATH = f"/auth/{_NAME}"


def url(issuer: str) -> str:
    """Return what `smart_style_url` says. `issuer`: our base URL."""
    return issuer + PATH


def answer() -> flask.Response:
    """Return the document, to be kept for a year."""
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return flask.Response(_DOCUMENT, content_type="application/json", headers=headers)
